#include "simulation/engine_plan.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/prng.h"
#include "simulation/policy_author.h"

namespace weir::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MonotonicTime kZero{};
constexpr MonotonicTime kBegin{1'000'000'000};
// After the last fault: the longest pause before a step is taken back, then all of them.
constexpr int kRecoveries = 100;

class Drawing {
 public:
  explicit Drawing(std::uint64_t seed) : random_(seed) { plan_.seed = seed; }

  EnginePlan draw() {
    const std::uint32_t interfaces = one_in(3) ? 2 : 1;
    for (std::uint32_t i = 0; i < interfaces; ++i) {
      plan_.interfaces.push_back({"sim" + std::to_string(i), one_in(3) ? 2U : 1U});
    }
    const std::uint64_t sessions = 1 + random_.below(3);
    for (std::uint64_t i = 0; i < sessions; ++i) draw_session(i);
    plan_.step_interval = milliseconds(20 + random_.below(30));
    plan_.recover_after = milliseconds(100);
    plan_.policy = one_in(3);
    const std::uint64_t lives = one_in(2) ? 1 : 2;
    for (std::uint32_t i = 0; i < lives; ++i) draw_life(i, i + 1 == lives);
    return std::move(plan_);
  }

 private:
  bool one_in(std::uint64_t count) { return random_.chance(1, count); }
  MonotonicTime moment(const LifePlan& life) {
    return kBegin + Duration(static_cast<std::int64_t>(random_.below(
                        static_cast<std::uint64_t>((life.calm_from - kBegin).count()))));
  }

  void draw_session(std::uint64_t number) {
    static constexpr std::array kDurabilities = {"none", "chunk", "segment"};
    static constexpr std::array kFilters = {"", "", "udp", "tcp port 443"};
    static constexpr std::array kPriorities = {10U, 50U, 100U};
    SessionPlan session{.name = "s" + std::to_string(number)};
    session.store = !one_in(4);
    session.pcapng = one_in(session.store ? 4 : 2);
    session.logs = one_in(3);
    session.durability = kDurabilities[random_.below(kDurabilities.size())];
    session.compression = one_in(6) ? "zstd" : "none";
    session.chunk_bytes = 4096U << random_.below(5);
    session.filter = kFilters[random_.below(kFilters.size())];
    session.priority = kPriorities[random_.below(kPriorities.size())];
    plan_.sessions.push_back(std::move(session));
  }

  void draw_life(std::uint32_t number, bool last) {
    LifePlan life{.number = number, .seed = random_.next()};
    life.begun = {1'700'000'000'000'000'000 + number * std::int64_t{3'600'000'000'000}};
    life.calm_from = kBegin + milliseconds(300 + random_.below(1500));
    life.how = last ? LifeEnd::Drain : one_in(2) ? LifeEnd::KillProcess : LifeEnd::KillPower;
    const bool recovers = life.how == LifeEnd::Drain && one_in(4);
    life.end = life.calm_from + (recovers ? plan_.recover_after * kRecoveries : milliseconds(200));
    if (!last) life.end = moment(life);
    // At any step: also while a thread has a lock, or is amid the files of a store.
    if (!last && one_in(2))
      life.end_turn = 1 + random_.below(std::uint64_t{16} << random_.below(10));
    for (std::uint32_t lane = 0; lane < plan_.lanes(); ++lane) life.lanes.push_back(traffic(life));
    draw_disk(life);
    // Whether a store has room again is looked at every ten seconds.
    const bool was_full = std::any_of(life.disk.begin(), life.disk.end(), [](const auto& phase) {
      return phase.faults.capacity_bytes != kSimNever;
    });
    if (recovers && was_full) life.end = life.end + seconds(11);
    draw_memory(life);
    for (std::uint64_t i = random_.below(3); i > 0; --i) draw_freeze(life);
    for (std::uint64_t i = random_.below(2); i > 0; --i) {
      const auto by = static_cast<std::int64_t>(random_.below(7200)) - 3600;
      life.jumps.push_back({moment(life), seconds(by)});
    }
    life.switches = one_in(2) ? 0 : static_cast<std::uint32_t>(1U << random_.below(7));
    if (!one_in(3)) life.between_commands = milliseconds(20 + random_.below(400));
    plan_.lives.push_back(std::move(life));
  }

  LaneTrafficPlan traffic(const LifePlan& life) {
    LaneTrafficPlan lane{.seed = random_.next(), .phases = {}};
    lane.ring_packets = 64U << random_.below(4);
    lane.batch_packets = 1U << random_.below(8);
    lane.packet_cost = microseconds(60 + random_.below(100));
    lane.bytes_max = static_cast<std::uint32_t>(64 + random_.below(1200));
    lane.flows = static_cast<std::uint32_t>(1 + random_.below(100));
    if (one_in(6)) lane.malformed_percent = static_cast<std::uint32_t>(random_.below(60));
    const double capacity = 1e9 / static_cast<double>(lane.packet_cost.count());
    lane.phases.push_back({kBegin, capacity * 0.1});
    for (std::uint64_t i = random_.below(4); i > 0; --i) {
      lane.phases.push_back(
          {moment(life), capacity * static_cast<double>(random_.below(200)) / 100});
    }
    std::sort(lane.phases.begin(), lane.phases.end(),
              [](const auto& a, const auto& b) { return a.from < b.from; });
    lane.phases.push_back({life.calm_from, 40});
    return lane;
  }

  void draw_disk(LifePlan& life) {
    life.disk.push_back({.from = {}, .bytes_per_second = 200e6});
    for (std::uint64_t i = random_.below(3); i > 0; --i) {
      DiskPhase trouble{.from = moment(life)};
      trouble.bytes_per_second = 2e4 * static_cast<double>(1 + random_.below(100));
      trouble.latency = microseconds(50 + random_.below(20'000));
      trouble.stalled = one_in(4);
      if (one_in(3)) trouble.kib_cost = microseconds(random_.below(100));
      if (one_in(3)) trouble.faults.interrupted_percent = 10;
      if (one_in(3)) trouble.faults.short_percent = 10;
      if (one_in(4)) trouble.faults.io_error_after = random_.below(4'000'000);
      if (one_in(4)) trouble.faults.sync_error_after = random_.below(40);
      if (one_in(3)) trouble.faults.capacity_bytes = 1'000'000 + random_.below(8'000'000);
      life.disk.push_back(trouble);
    }
    std::sort(life.disk.begin(), life.disk.end(),
              [](const auto& a, const auto& b) { return a.from < b.from; });
    life.disk.push_back({.from = life.calm_from, .bytes_per_second = 200e6});
  }

  void draw_memory(LifePlan& life) {
    life.memory.push_back({{}, 0.2});
    if (one_in(3)) {
      life.memory.push_back({moment(life), static_cast<double>(random_.below(100)) / 100});
      life.memory.push_back({life.calm_from, 0.2});
    }
  }

  void draw_freeze(LifePlan& life) {
    std::vector<std::string> threads = {"main", "weir-pressure", "weir-files"};
    for (const InterfacePlan& one : plan_.interfaces) {
      for (std::uint32_t i = 0; i < one.workers; ++i) {
        threads.push_back(one.name + "/" + std::to_string(i));
      }
    }
    life.freezes.push_back({threads[random_.below(threads.size())], moment(life),
                            milliseconds(1 + random_.below(600))});
  }

  Prng random_;
  EnginePlan plan_;
};

std::string ms(Duration time) {
  return std::to_string(std::chrono::duration_cast<milliseconds>(time).count()) + "ms";
}

}  // namespace

std::string text_of(const EnginePlan& plan) {
  static constexpr std::array kEnds = {"drains", "is killed", "loses its power"};
  std::string text = "plan of seed " + std::to_string(plan.seed) + "\n";
  for (const SessionPlan& session : plan.sessions) text += session_text(session, "");
  for (const LifePlan& life : plan.lives) {
    text += "life " + std::to_string(life.number) + ": calm from " + ms(life.calm_from - kZero) +
            ", " + kEnds[static_cast<std::size_t>(life.how)] + " at " + ms(life.end - kZero) + "\n";
    for (const LaneTrafficPlan& lane : life.lanes) {
      text += "  lane: ring " + std::to_string(lane.ring_packets) + ", batch " +
              std::to_string(lane.batch_packets) + ", " +
              std::to_string(lane.packet_cost.count() / 1000) + " us a packet:";
      for (const TrafficPhase& phase : lane.phases) {
        text += " " + ms(phase.from - kZero) + " " +
                std::to_string(static_cast<std::uint64_t>(phase.packets_per_second)) + "/s";
      }
      text += "\n";
    }
    for (const DiskPhase& disk : life.disk) {
      text += "  disk from " + ms(disk.from - kZero) + ": " +
              std::to_string(static_cast<std::uint64_t>(disk.bytes_per_second)) + " B/s, " +
              ms(disk.latency) + (disk.stalled ? ", stalled" : "");
      if (disk.faults.io_error_after != kSimNever) text += ", EIO";
      if (disk.faults.sync_error_after != kSimNever) text += ", EIO of a sync";
      if (disk.faults.capacity_bytes != kSimNever) {
        text += ", " + std::to_string(disk.faults.capacity_bytes) + " bytes in all";
      }
      text += "\n";
    }
    for (const Freeze& freeze : life.freezes) {
      text += "  " + freeze.thread + " frozen at " + ms(freeze.at - kZero) + " for " +
              ms(freeze.length) + "\n";
    }
    for (const ClockJump& jump : life.jumps) {
      text += "  clock jumps by " + ms(jump.by) + " at " + ms(jump.at - kZero) + "\n";
    }
  }
  return text;
}

std::optional<EnginePlan> scenario(std::string_view name) {
  const auto at = [](int ms) { return kBegin + milliseconds(ms); };
  EnginePlan plan{.interfaces = {{"sim0", 1}},
                  .sessions = {{.name = "web", .store = true, .chunk_bytes = 32768, .priority = 50},
                               {.name = "all", .store = true, .chunk_bytes = 32768}},
                  .step_interval = milliseconds(50),
                  .recover_after = milliseconds(300)};
  LifePlan life{.begun = {1'700'000'000'000'000'000}, .calm_from = at(8'000), .end = at(9'000)};
  LaneTrafficPlan lane{.phases = {{kBegin, 4'000}}, .packet_cost = microseconds(40)};
  DiskPhase disk{.from = {}, .bytes_per_second = 200e6, .kib_cost = microseconds(100)};
  life.disk.push_back(disk);
  life.memory = {{{}, 0.2}};
  if (name == "burst") {
    lane.phases.push_back({at(1'000), 14'000});
    lane.phases.push_back({at(4'000), 4'000});
  } else if (name == "slow-disk") {
    disk.from = at(1'000);
    disk.bytes_per_second = 1e6;
    life.disk.push_back(disk);
  } else if (name == "stalled-disk") {
    disk.from = at(1'000);
    disk.stalled = true;
    life.disk.push_back(disk);
  } else {
    return std::nullopt;
  }
  disk = life.disk.front();
  disk.from = at(name == "stalled-disk" ? 3'000 : 4'000);
  life.disk.push_back(disk);
  life.lanes = {lane};
  plan.lives = {life};
  return plan;
}

std::uint32_t EnginePlan::lanes() const noexcept {
  std::uint32_t lanes = 0;
  for (const InterfacePlan& one : interfaces) lanes += one.workers;
  return lanes;
}

EnginePlan draw_plan(std::uint64_t seed) { return Drawing(seed).draw(); }

std::string store_of(const SessionPlan& session, const std::string& directory) {
  return directory + "/store-" + session.name;
}

std::string session_text(const SessionPlan& session, const std::string& directory) {
  std::string text = "[[session]]\nname = \"" + session.name +
                     "\"\npriority = " + std::to_string(session.priority) + "\n";
  if (!session.filter.empty()) text += "filter = \"" + session.filter + "\"\n";
  if (session.store) {
    text += "store.path = \"" + store_of(session, directory) +
            "\"\nstore.segment = \"1MiB\"\nstore.chunk = \"" +
            std::to_string(session.chunk_bytes / 1024) + "KiB\"\nstore.durability = \"" +
            session.durability + "\"\nstore.compression = \"" + session.compression + "\"\n";
  }
  if (session.pcapng) {
    text += "pcapng.path = \"" + directory + "/" + session.name +
            ".pcapng\"\npcapng.rotate.size = \"1MiB\"\n";
  }
  if (session.logs)
    text += "logs.path = \"" + directory + "/logs-" + session.name +
            "\"\nlogs.flow_memory = \"8MiB\"\n";
  return text;
}

std::string config_text(const EnginePlan& plan, const std::string& directory) {
  std::string text = "[engine]\nstate_dir = \"" + directory + "/state\"\n[control]\nsocket = \"" +
                     directory + "/weir.sock\"\n[pressure]\nstep_interval = \"" +
                     ms(plan.step_interval) + "\"\nrecover_after = \"" + ms(plan.recover_after) +
                     "\"\n";
  for (const InterfacePlan& one : plan.interfaces) {
    text += "[[interface]]\nname = \"" + one.name +
            "\"\nring = \"2MiB\"\nworkers = " + std::to_string(one.workers) + "\n";
  }
  for (const SessionPlan& session : plan.sessions) text += session_text(session, directory);
  if (plan.policy) {
    text += "[security]\npolicy = \"" + PolicyAuthor::policy_file(directory) +
            "\"\npolicy_key = \"" + PolicyAuthor::key_file(directory) + "\"\n";
  }
  return text;
}

}  // namespace weir::test
