#include "simulation/striped_run.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "output/striped_lane.h"
#include "simulation/store_traffic.h"
#include "support/fake_clock.h"
#include "support/sim_disk.h"
#include "support/sim_segment_supply.h"

namespace weir::test {

using storage::segment::Durability;

namespace {

enum class End : std::uint8_t { Close, KillProcess, KillPower };

struct Directory {
  explicit Directory(Prng& random, const Clock& clock, const StoreRunOptions& run)
      : faults(draw(random, run)),
        disk(random.next(), faults),
        supply(disk, clock,
               {.seed = random.next(),
                .delay_percent = static_cast<std::uint32_t>(random.below(101))}) {}

  static SimFaults draw(Prng& random, const StoreRunOptions& run) {
    SimFaults faults;
    if (random.chance(1, 2)) draw_faults(random, faults);
    faults.ignore_syncs = run.ignore_syncs;
    faults.complete_on_submit = run.complete_on_submit;
    return faults;
  }

  SimFaults faults;
  SimDisk disk;
  SimSegmentSupply supply;
  // As it was when the disks died.
  output::SinkCounts counts;
  std::uint64_t sealed = 0;  // packets in segments that were finished
};

class StripedRun final : public SimDisk::Witness, public output::StripeWatcher {
 public:
  StripedRun(const StoreRunOptions& options, const std::string& directory)
      : options_(options), directory_(directory), random_(options.seed), forms_(random_) {
    output::StoreLaneOptions lane{.path = "simulated"};
    lane.chunk_bytes = static_cast<std::uint32_t>(4096U << random_.below(9));
    lane.segment_bytes = (1ULL << 20) << random_.below(3);
    lane.durability = static_cast<Durability>(random_.below(3));
    lane.chunk_age_max = std::chrono::milliseconds(1 + random_.below(2000));
    lane_ = lane;
    end_ = static_cast<End>(random_.below(3));
    calls_ = 20 + random_.below(200);
    for (std::uint64_t i = 2 + random_.below(2); i > 0; --i) {
      directories_.push_back(std::make_unique<Directory>(random_, clock_, options));
    }
    traffic_ = std::make_unique<LaneTraffic>(random_.next(), forms_);
  }

  StoreRunResult run();
  // All die together.
  void disk_died() override {
    if (std::exchange(killed_, true)) return;
    remember();
    for (const auto& one : directories_) {
      if (!one->disk.dead()) one->disk.kill(kind());
    }
  }

 private:
  void stripe_failed(std::size_t, const Error&) override { ++failures_; }
  [[nodiscard]] Kill kind() const { return end_ == End::KillPower ? Kill::Power : Kill::Process; }
  bool open();
  void call();
  void check_ledger(const char* what);
  void remember();
  void check(StoreRunResult& result);
  [[nodiscard]] StorePromise promise(const Directory& of) const;
  void fail(std::string what) {
    if (failure_.empty()) failure_ = std::move(what);
  }

  const StoreRunOptions& options_;
  const std::string& directory_;
  Prng random_;
  FrameForms forms_;
  FakeClock clock_;
  output::StoreLaneOptions lane_;
  End end_ = End::Close;
  std::uint64_t calls_ = 0;
  std::vector<std::unique_ptr<Directory>> directories_;
  std::unique_ptr<LaneTraffic> traffic_;
  std::unique_ptr<output::StripedLane> striped_;
  std::size_t failures_ = 0;
  bool killed_ = false;
  std::string failure_;
};

bool StripedRun::open() {
  std::vector<std::unique_ptr<output::StoreLane>> stripes;
  for (const auto& one : directories_) {
    auto lane = output::StoreLane::make(lane_, clock_, one->supply);
    if (!lane) return false;
    stripes.push_back(std::move(lane).value());
  }
  const std::size_t first = random_.below(stripes.size());
  striped_ = std::make_unique<output::StripedLane>(std::move(stripes), first, *this);
  return true;
}

void StripedRun::check_ledger(const char* what) {
  const output::SinkCounts counts = striped_->counts();
  const std::string text = std::string(what) + ": offered " + std::to_string(counts.offered) +
                           ", written " + std::to_string(counts.written) + ", pending " +
                           std::to_string(counts.pending);
  if (options_.verbose) std::fprintf(stderr, "  %s\n", text.c_str());
  if (!output::balanced(striped_->statistics())) fail("the ledger does not balance: " + text);
  if (counts.offered != traffic_->offered().size()) fail("not all packets were counted: " + text);
}

void StripedRun::call() {
  clock_.advance(std::chrono::milliseconds(random_.below(random_.chance(1, 10) ? 5000 : 20)));
  for (const auto& one : directories_) one->supply.tick();
  if (random_.chance(1, 60)) traffic_->add_interface();
  if (random_.chance(1, 8)) {
    (void)striped_->flush();
    return check_ledger("flush");
  }
  (void)striped_->reserve();
  check_ledger("reserve");
  if (random_.chance(1, 10)) return;
  striped_->write(traffic_->next(clock_.wall()));
  check_ledger("write");
}

void StripedRun::remember() {
  for (std::size_t i = 0; i < directories_.size(); ++i) {
    Directory& one = *directories_[i];
    one.counts = output::counts_of(striped_->stripe(i).statistics());
    one.sealed = 0;
    for (const auto& given : one.supply.given(0)) one.sealed += given.finished ? given.packets : 0;
  }
}

StorePromise StripedRun::promise(const Directory& of) const {
  StorePromise promise;
  const bool power = killed_ && end_ == End::KillPower;
  promise.heads_may_be_torn = killed_;
  promise.segments = {.striped = true, .losses_exact = failures_ == 0};
  promise.middles_may_be_lost = power && lane_.durability == Durability::None;
  LanePromise lane{.traffic = traffic_.get(), .kept = {}, .exactly = std::nullopt};
  if (!power || lane_.durability == Durability::Chunk) lane.at_least = of.counts.written;
  if (power && lane_.durability == Durability::Segment) lane.at_least = of.sealed;
  // A device that is cut behind what it has acknowledged.
  if (!killed_ && of.disk.size_failures() == 0) lane.exactly = of.counts.written;
  promise.lanes.push_back(std::move(lane));
  return promise;
}

// Of each directory alone, then of all.
void StripedRun::check(StoreRunResult& result) {
  std::vector<bool> seen(traffic_->offered().size());
  for (std::size_t i = 0; i < directories_.size(); ++i) {
    Directory& one = *directories_[i];
    const std::string who = "directory " + std::to_string(i) + ": ";
    StoreCheck check(directory_, clock_, random_.next());
    std::string wrong = check.check(one.disk.image(), promise(one));
    if (!wrong.empty()) return fail(who + wrong);
    result.counts.packets += check.found().packets;
    result.counts.segments += check.found().segments;
    result.counts.sealed_by_recovery += check.found().sealed_by_recovery;
    result.counts.damaged += check.found().damaged;
    result.counts.keys += check.found().keys;
    const std::vector<bool>& kept = check.kept(0);
    for (std::size_t k = 0; k < kept.size(); ++k) {
      if (kept[k] && seen[k]) return fail(who + "packet " + std::to_string(k) + " is in two");
      if (kept[k]) seen[k] = true;
    }
  }
}

StoreRunResult StripedRun::run() {
  StoreRunResult result;
  if (!open()) return result;
  if (end_ != End::Close) {
    directories_[random_.below(directories_.size())]->disk.plan_kill(
        random_.below(30ULL << random_.below(8)), kind(), *this);
  }
  for (std::uint64_t i = 0; i < calls_ && !killed_; ++i) call();
  if (!killed_ && end_ != End::Close) {
    disk_died();
  } else if (!killed_) {
    const auto closed = striped_->close();
    check_ledger("close");
    remember();
    std::uint64_t lost = 0;
    for (const auto& one : directories_) {
      for (const std::uint64_t count : one->counts.lost) lost += count;
      if (one->counts.pending != 0) fail("packets are pending after close()");
    }
    if (closed && lost != 0) fail("packets were lost, and close() has no error");
    if (closed && failures_ != 0) fail("a directory failed, and close() has no error");
  }
  result.counts.offered = traffic_->offered().size();
  for (const auto& one : directories_) result.counts.written += one->counts.written;
  check(result);
  striped_.reset();
  result.failure = std::move(failure_);
  return result;
}

}  // namespace

StoreRunResult run_striped(const StoreRunOptions& options, const std::string& directory) {
  return StripedRun(options, directory).run();
}

}  // namespace weir::test
