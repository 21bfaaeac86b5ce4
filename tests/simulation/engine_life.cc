#include "simulation/engine_life.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <thread>

#include "app/engine/engine.h"
#include "simulation/engine_audit.h"
#include "simulation/engine_course.h"
#include "simulation/engine_operator.h"
#include "simulation/real_libc.h"

namespace weir::test {
namespace {

// The disk of this process: what statvfs(2), which has no argument for it, asks.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
EngineDisk* disk_here = nullptr;

class SimMemory final : public app::MemoryGauge {
 public:
  SimMemory(const std::vector<MemoryPhase>& phases, Mistake mistake, const SimThreads& threads)
      : phases_(phases), stuck_(mistake == Mistake::StuckPressure), threads_(threads) {}
  [[nodiscard]] std::optional<double> fill() const override {
    double fill = 0;
    if (stuck_) return 0.97;
    for (const MemoryPhase& phase : phases_) {
      if (phase.from <= threads_.monotonic()) fill = phase.fill;
    }
    return fill;
  }

 private:
  const std::vector<MemoryPhase>& phases_;
  const bool stuck_;
  const SimThreads& threads_;
};

std::vector<DiskPhase> disk_phases(const LifePlan& life, Mistake mistake) {
  std::vector<DiskPhase> phases = life.disk;
  for (DiskPhase& phase : phases) phase.faults.ignore_syncs = mistake == Mistake::ForgetfulDisk;
  return phases;
}

std::vector<LaneTrafficPlan> lane_plans(const LifePlan& life, Mistake mistake) {
  std::vector<LaneTrafficPlan> lanes = life.lanes;
  for (LaneTrafficPlan& lane : lanes) lane.leaks = mistake == Mistake::LeakingRing;
  return lanes;
}

class Life final : public SimThreads::Witness {
 public:
  Life(const EnginePlan& plan, std::size_t number, const std::string& directory,
       const LifeOptions& options, LifeRecord& record)
      : plan_(plan),
        life_(plan.lives[number]),
        directory_(directory),
        options_(options),
        record_(record),
        threads_({.seed = life_.seed, .wall = life_.begun, .switches = life_.switches}, *this),
        disk_(life_.seed, disk_phases(life_, options.mistake), threads_),
        network_(life_.first_lane(), lane_plans(life_, options.mistake), threads_),
        memory_(life_.memory, options.mistake, threads_),
        audit_(plan, network_, threads_, options, record) {
    disk_here = &disk_;
  }

  void run();

 private:
  void all_wait_for_ever(const std::string& what) override {
    record_.fail("all wait for ever: " + what);
    end_process();
  }
  void time_passed(MonotonicTime now) override;
  void turn_given(std::uint64_t number) override {
    if (number == life_.end_turn) die();
  }
  [[noreturn]] void die();
  [[noreturn]] void end_process() {
    course_.reset();  // to the end of its file
    record_.digest = threads_.digest();
    ::_exit(0);
  }
  void look_again_and_again(app::Engine& engine);
  void finish(app::Engine& engine, const Result<void>& ended);

  const EnginePlan& plan_;
  const LifePlan& life_;
  const std::string& directory_;
  const LifeOptions& options_;
  LifeRecord& record_;
  SimThreads threads_;
  EngineDisk disk_;
  SimNetwork network_;
  SimMemory memory_;
  EngineAudit audit_;
  std::size_t freezes_ = 0;
  std::size_t jumps_ = 0;
  std::optional<EngineCourse> course_;
  bool looking_ = true;
};

void Life::die() {
  disk_.kill(life_.how == LifeEnd::KillPower ? Kill::Power : Kill::Process);
  record_.ended = true;
  end_process();
}

// What the plan has for this moment.
void Life::time_passed(MonotonicTime now) {
  if (life_.how != LifeEnd::Drain && now >= life_.end) {
    die();
  }
  for (; freezes_ < life_.freezes.size() && life_.freezes[freezes_].at <= now; ++freezes_) {
    const Freeze& freeze = life_.freezes[freezes_];
    threads_.freeze(freeze.thread, now + freeze.length);
  }
  for (; jumps_ < life_.jumps.size() && life_.jumps[jumps_].at <= now; ++jumps_) {
    threads_.jump_wall(life_.jumps[jumps_].by);
  }
}

void Life::look_again_and_again(app::Engine& engine) {
  while (looking_) {
    audit_.look(engine);
    if (course_) course_->look(engine);
    if (record_.failed()) end_process();
    const bool calm = threads_.monotonic() > life_.calm_from;
    const std::uint64_t longest = course_ ? 5'000 : calm ? 100'000 : 8'000;
    threads_.sleep_for(std::chrono::microseconds(500 + threads_.random() % longest));
  }
}

void Life::run() {
  auto signals = app::Signals::open();
  auto notify = app::SystemdNotify::open({}, 1);
  if (!signals || !notify) return record_.fail("signals or systemd");
  auto opened = app::Engine::open({.config_path = directory_ + "/weir.toml", .ready_fd = {}},
                                  {.clock = threads_,
                                   .intakes = network_,
                                   .memory = memory_,
                                   .signals = *signals,
                                   .notify = *notify,
                                   .devices = &disk_});
  if (!opened) {
    // A disk that fails from the begin on.
    if (disk_.failures() == 0) record_.fail("open: " + opened.error().context);
    record_.ended = true;
    end_process();
  }
  app::Engine& engine = **opened;
  if (!options_.course.empty()) course_.emplace(options_.course, threads_);
  std::thread auditor([&] { look_again_and_again(engine); });
  std::thread steering([&] {
    EngineOperator steers(plan_, life_, directory_, options_, threads_, engine, record_);
    steers.run();
    threads_.sleep_until(life_.calm_from + std::chrono::seconds(1));
    audit_.begin_calm(engine);
    threads_.sleep_until(life_.end);
    if (life_.how == LifeEnd::Drain && life_.end > life_.calm_from + std::chrono::seconds(1)) {
      audit_.look_at_calm(engine);
    }
    (void)engine.execute({.kind = control::CommandKind::Drain, .who = "operator"});
  });
  const Result<void> ended = engine.run();
  looking_ = false;
  auditor.join();
  steering.join();
  finish(engine, ended);
  record_.ended = true;
  // As `weir run` does: a worker that could not be stopped in time is not waited for.
  if (engine.has_stuck_workers()) end_process();
  opened->reset();
  end_process();
}

void Life::finish(app::Engine& engine, const Result<void>& ended) {
  if (!ended && disk_.failures() == 0) record_.fail("run: " + ended.error().context);
  if (engine.has_stuck_workers()) return record_.fail("a worker is stuck");
  audit_.look_at_end(engine);
  audit_.look_at_journal(engine);
}

}  // namespace

void LifeRecord::fail(const std::string& text) noexcept {
  if (failed()) return;
  std::memcpy(failure.data(), text.data(), std::min(text.size(), kTextMax - 1));
}

void live(const EnginePlan& plan, std::size_t life, const std::string& directory,
          const LifeOptions& options, LifeRecord& record) {
  std::ofstream(directory + "/weir.toml") << config_text(plan, directory);
  if (!options.verbose) {
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(nowhere, STDERR_FILENO);
  }
  Life(plan, life, directory, options, record).run();
}

}  // namespace weir::test

// Free space is the simulated disk's.
extern "C" int statvfs(const char* path, struct statvfs* facts) noexcept {
  static constexpr weir::test::RealFunction<int(const char*, struct statvfs*)> real("statvfs");
  const int error = real(path, facts);
  if (error != 0 || weir::test::disk_here == nullptr) return error;
  facts->f_bavail = weir::test::disk_here->free_bytes() / facts->f_frsize;
  return 0;
}
