#include "simulation/store_run.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "output/store_lane.h"
#include "simulation/store_traffic.h"
#include "support/fake_clock.h"
#include "support/sim_disk.h"
#include "support/sim_segment_supply.h"

namespace weir::test {

namespace segment = storage::segment;
using segment::Durability;

namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = 1024 * kKiB;

enum class End : std::uint8_t { Close, KillProcess, KillPower };

// What a run will be like.
struct Plan {
  explicit Plan(Prng& random, const StoreRunOptions& run);

  output::StoreLaneOptions lane;
  std::uint32_t lanes = 1;
  std::uint32_t calls = 0;
  std::uint64_t bytes_max = 0;  // offered
  SimFaults faults;
  SimSegmentSupply::Options supply;
  End end = End::Close;
  std::uint64_t kill_step = kSimNever;
};

void draw_faults(Prng& random, SimFaults& faults) {
  if (random.chance(1, 3)) faults.short_percent = static_cast<std::uint32_t>(random.below(40));
  if (random.chance(1, 3))
    faults.interrupted_percent = static_cast<std::uint32_t>(random.below(30));
  if (random.chance(1, 3)) faults.slow_percent = static_cast<std::uint32_t>(random.below(60));
  if (random.chance(1, 8)) faults.capacity_bytes = random.below(8 * kMiB);
  if (random.chance(1, 8)) faults.io_error_after = random.below(8 * kMiB);
  if (random.chance(1, 8)) faults.sync_error_after = random.below(40);
  if (random.chance(1, 6)) faults.refuse_direct_after = random.below(50);
  if (random.chance(1, 10)) faults.refuse_size_percent = 50;
}

Plan::Plan(Prng& random, const StoreRunOptions& run) {
  lane.path = "simulated";
  lane.chunk_bytes = static_cast<std::uint32_t>(4 * kKiB << random.below(9));
  lane.segment_bytes = kMiB << random.below(4);
  lane.durability = static_cast<Durability>(random.below(3));
  lane.codec = random.chance(1, 3) ? segment::Codec::Zstd : segment::Codec::None;
  lane.chunk_age_max = std::chrono::milliseconds(1 + random.below(2000));
  lanes = static_cast<std::uint32_t>(1 + random.below(2));
  calls = static_cast<std::uint32_t>(5 + random.below(random.chance(1, 3) ? 400 : 80));
  bytes_max = random.chance(1, 8) ? 16 * kMiB : 3 * kMiB;
  if (random.chance(2, 3)) draw_faults(random, faults);
  faults.ignore_syncs = run.ignore_syncs;
  faults.complete_on_submit = run.complete_on_submit;
  supply.seed = random.next();
  if (random.chance(1, 10)) supply.refuse_percent = static_cast<std::uint32_t>(random.below(30));
  supply.delay_percent = static_cast<std::uint32_t>(random.below(101));
  end = static_cast<End>(random.below(3));
  if (end != End::Close) kill_step = random.below(30ULL << random.below(8));
}

class StoreRun final : public SimDisk::Witness {
 public:
  StoreRun(const StoreRunOptions& options, const std::string& directory)
      : options_(options),
        directory_(directory),
        random_(options.seed),
        plan_(random_, options),
        forms_(random_),
        disk_(random_.next(), plan_.faults),
        supply_(disk_, clock_, plan_.supply) {}

  StoreRunResult run();
  void disk_died() override;

 private:
  struct Lane {
    Lane(std::uint64_t seed, const FrameForms& forms) : traffic(seed, forms) {}
    LaneTraffic traffic;
    std::unique_ptr<output::StoreLane> store;
    // As they were when the disk died.
    std::uint64_t written = 0;
    std::vector<SimSegmentSupply::Given> given;
    std::uint64_t taken = 0;
    bool failed = false;
  };

  bool open();
  void call();
  void call_lane(std::size_t number);
  void close();
  void after(std::size_t number, const char* what);
  void remember();
  [[nodiscard]] StorePromise promise() const;
  void say(const std::string& what) const {
    if (options_.verbose) std::fprintf(stderr, "  %s\n", what.c_str());
  }
  void say_plan() const;
  void fail(std::string what) {
    if (failure_.empty()) failure_ = std::move(what);
  }

  const StoreRunOptions& options_;
  const std::string& directory_;
  Prng random_;
  Plan plan_;
  FrameForms forms_;
  FakeClock clock_;
  SimDisk disk_;
  SimSegmentSupply supply_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::uint64_t bytes_offered_ = 0;
  bool killed_ = false;
  std::string failure_;
};

void StoreRun::say_plan() const {
  constexpr const char* kDurabilities[] = {"none", "chunk", "segment"};
  constexpr const char* kEnds[] = {"close", "process kill", "power loss"};
  const SimFaults& faults = plan_.faults;
  say("chunks of " + std::to_string(plan_.lane.chunk_bytes) + ", segments of " +
      std::to_string(plan_.lane.segment_bytes) + ", durability " +
      kDurabilities[static_cast<int>(plan_.lane.durability)] + ", codec " +
      std::to_string(static_cast<int>(plan_.lane.codec)) + ", " + std::to_string(plan_.lanes) +
      " lanes, " + std::to_string(plan_.calls) + " calls");
  say("ends with " + std::string(kEnds[static_cast<int>(plan_.end)]) + " at step " +
      std::to_string(plan_.kill_step));
  say("short " + std::to_string(faults.short_percent) + " %, interrupted " +
      std::to_string(faults.interrupted_percent) + " %, slow " +
      std::to_string(faults.slow_percent) + " %, capacity " +
      std::to_string(faults.capacity_bytes) + ", EIO after " +
      std::to_string(faults.io_error_after) + ", sync fails after " +
      std::to_string(faults.sync_error_after) + ", direct refused after " +
      std::to_string(faults.refuse_direct_after) + ", sizes refused " +
      std::to_string(faults.refuse_size_percent) + " %, files refused " +
      std::to_string(plan_.supply.refuse_percent) + " %");
}

bool StoreRun::open() {
  for (std::uint32_t i = 0; i < plan_.lanes; ++i) {
    auto lane = std::make_unique<Lane>(random_.next(), forms_);
    auto store = output::StoreLane::make(plan_.lane, clock_, supply_);
    if (!store) break;
    lane->store = std::move(store).value();
    lanes_.push_back(std::move(lane));
  }
  return !lanes_.empty();
}

// What everybody sees of the lanes: of a process that has died no more than this is known.
void StoreRun::disk_died() {
  remember();
  killed_ = true;
}

void StoreRun::remember() {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    Lane& lane = *lanes_[i];
    const output::SinkStatistics& seen = lane.store->statistics();
    lane.written = seen.written.value();
    lane.given = supply_.given(static_cast<std::uint32_t>(i));
    lane.taken = supply_.taken(static_cast<std::uint32_t>(i));
    std::uint64_t lost = 0;
    for (const auto& reason : seen.lost) lost += reason.value();
    lane.failed = lost != 0;
  }
}

void StoreRun::after(std::size_t number, const char* what) {
  const Lane& lane = *lanes_[number];
  const output::SinkStatistics& seen = lane.store->statistics();
  const std::string text = "lane " + std::to_string(number) + ": " + what + ": offered " +
                           std::to_string(seen.offered.value()) + ", written " +
                           std::to_string(seen.written.value()) + ", pending " +
                           std::to_string(seen.pending.value());
  say(text + (disk_.dead() ? " (dead)" : ""));
  if (!output::balanced(seen)) fail("the ledger does not balance: " + text);
  if (seen.offered.value() != lane.traffic.offered().size()) {
    fail("not all packets were counted: " + text);
  }
}

void StoreRun::call_lane(std::size_t number) {
  Lane& lane = *lanes_[number];
  if (random_.chance(1, 40)) lane.traffic.add_interface();
  if (random_.chance(1, 6)) {
    (void)lane.store->flush();
    return after(number, "flush");
  }
  (void)lane.store->reserve();
  after(number, "reserve");
  if (bytes_offered_ >= plan_.bytes_max || random_.chance(1, 10)) return;
  const output::Offer offer = lane.traffic.next(clock_.wall());
  for (const Packet& packet : offer.batch.view()) bytes_offered_ += packet.captured_bytes;
  lane.store->write(offer);
  after(number, "write");
}

void StoreRun::call() {
  using std::chrono::milliseconds;
  clock_.advance(milliseconds(random_.below(random_.chance(1, 10) ? 5000 : 20)));
  if (random_.chance(1, 50)) {
    clock_.jump_wall(
        milliseconds(static_cast<std::int64_t>(random_.below(20'000'000)) - 10'000'000));
  }
  supply_.tick();
  call_lane(random_.below(lanes_.size()));
}

void StoreRun::close() {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    (void)lanes_[i]->store->close();
    after(i, "close");
    if (lanes_[i]->store->statistics().pending.value() != 0)
      fail("packets are pending after close()");
  }
}

StorePromise StoreRun::promise() const {
  StorePromise promise;
  const bool power = killed_ && plan_.end == End::KillPower;
  promise.heads_may_be_torn = killed_;
  promise.middles_may_be_lost = power && plan_.lane.durability == Durability::None;
  for (const auto& lane : lanes_) {
    LanePromise of{.traffic = &lane->traffic, .kept = {}, .exactly = std::nullopt};
    const bool all = !power || plan_.lane.durability == Durability::Chunk;
    std::uint64_t begin = 0;
    for (const auto& given : lane->given) {
      const bool kept = plan_.lane.durability == Durability::Segment && given.finished;
      if (all || kept) of.kept.emplace_back(begin, begin + given.packets);
      begin += given.packets;
    }
    if (all) {
      of.at_least = lane->written;
      // With one segment under way it is clear which packets were acknowledged; of two, the later
      // one may be ahead.
      if (lane->taken <= lane->given.size() + 1) of.kept.emplace_back(begin, lane->written);
    }
    // After a failure the file is cut to what is in the ledger.
    const bool told = !killed_ || (lane->failed && plan_.end == End::KillProcess);
    if (told && disk_.size_failures() == 0) of.exactly = lane->written;
    promise.lanes.push_back(std::move(of));
  }
  return promise;
}

StoreRunResult StoreRun::run() {
  say_plan();
  StoreRunResult result;
  if (!open()) return result;
  if (plan_.end != End::Close) {
    disk_.plan_kill(plan_.kill_step, plan_.end == End::KillPower ? Kill::Power : Kill::Process,
                    *this);
  }
  for (std::uint32_t i = 0; i < plan_.calls && !disk_.dead(); ++i) call();
  if (plan_.end == End::Close || random_.chance(1, 2)) close();
  if (plan_.end != End::Close && !disk_.dead()) {
    disk_.kill(plan_.end == End::KillPower ? Kill::Power : Kill::Process);
  }
  if (!killed_) remember();
  const SimDisk::Image image = disk_.image();
  for (const auto& lane : lanes_) {
    result.counts.offered += lane->traffic.offered().size();
    result.counts.written += lane->written;
    lane->store.reset();
  }
  result.digest = 0xcbf29ce484222325;
  for (const auto& [name, bytes] : image) {
    say(name + ": " + std::to_string(bytes.size()) + " bytes");
    for (const char c : name)
      result.digest = (result.digest ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      result.digest = (result.digest ^ load_le64(bytes.data() + i)) * 0x100000001b3;
    }
  }
  StoreCheck check(directory_, clock_, random_.next());
  std::string wrong = check.check(image, promise());
  if (!wrong.empty()) fail(std::move(wrong));
  const StoreCheck::Found& found = check.found();
  result.counts.packets = found.packets;
  result.counts.segments = found.segments;
  result.counts.sealed_by_recovery = found.sealed_by_recovery;
  result.counts.damaged = found.damaged;
  result.counts.keys = found.keys;
  result.failure = std::move(failure_);
  return result;
}

}  // namespace

StoreRunResult::Counts& StoreRunResult::Counts::operator+=(const Counts& other) noexcept {
  offered += other.offered;
  written += other.written;
  packets += other.packets;
  segments += other.segments;
  sealed_by_recovery += other.sealed_by_recovery;
  damaged += other.damaged;
  keys += other.keys;
  return *this;
}

StoreRunResult run_store(const StoreRunOptions& options, const std::string& directory) {
  return StoreRun(options, directory).run();
}

}  // namespace weir::test
