// Interfaces that are simulated: packets arrive by the clock at rates that a plan gives, wait in a
// ring of a few hundred, and are lost where it is full. Each packet is told by its first six bytes,
// so that what is found of it later can be compared with what it was.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/engine/intake.h"
#include "base/bytes.h"
#include "interface/source.h"
#include "simulation/sim_threads.h"

namespace weir::test {

// From a moment on so many packets a second, until the next one.
struct TrafficPhase {
  MonotonicTime from{};
  double packets_per_second = 0;
};

// Of one lane.
struct LaneTrafficPlan {
  std::uint64_t seed = 1;
  std::vector<TrafficPhase> phases;
  std::uint32_t ring_packets = 256;
  std::uint32_t batch_packets = 64;
  Duration packet_cost{};  // of the worker, for everything that it does with one
  std::uint32_t bytes_max = 600;
  std::uint32_t flows = 16;
  std::uint32_t malformed_percent = 0;  // cut amid their headers
  bool leaks = false;                   // a mistake: see Mistake::LeakingRing
};

// What a lane's packets are, by number.
class LaneFrames {
 public:
  static constexpr std::uint32_t kBytesMax = 1600;
  static constexpr std::uint32_t kLengths = 8;
  LaneFrames(std::uint32_t lane, const LaneTrafficPlan& plan);
  // `to` has kBytesMax bytes. Length of the frame.
  std::uint32_t make(std::uint32_t number, std::uint8_t* to) const;
  struct Identity {
    std::uint32_t lane = 0;
    std::uint32_t number = 0;
  };
  static std::optional<Identity> identify(Bytes frame) noexcept;

 private:
  std::uint32_t lane_;
  std::uint64_t seed_;
  std::uint32_t malformed_percent_;
  std::uint32_t flows_;
  std::vector<std::vector<std::uint8_t>> forms_;  // by flow and length
};

class SimSource final : public interface::Source {
 public:
  SimSource(std::uint32_t lane, InterfaceId id, const InterfaceTable& table, LaneTrafficPlan plan,
            SimThreads& threads);

  interface::Pull next_batch(PacketBatch& batch, std::uint32_t packets_max,
                             Duration timeout) override;
  void release(PacketBatch& batch) override;
  void close_intake() override;
  void close() override;
  void wake() noexcept override;
  void refresh_statistics() override;
  [[nodiscard]] const interface::SourceStatistics& statistics() const noexcept override {
    return statistics_;
  }
  [[nodiscard]] std::uint32_t ring_fill_now() const noexcept override;
  [[nodiscard]] const InterfaceTable& interfaces() const noexcept override { return table_; }
  [[nodiscard]] std::string_view mode() const noexcept override { return "simulated"; }
  [[nodiscard]] bool lossless() const noexcept override { return false; }
  [[nodiscard]] interface::Progress progress() const noexcept override { return {}; }
  [[nodiscard]] const std::optional<Error>& error() const noexcept override {
    return no_error_;  // its interface stays
  }

  // A batch is lent: the counters behind it are not final.
  [[nodiscard]] bool lent() const noexcept { return lent_; }
  // Packets that have arrived by now.
  [[nodiscard]] std::uint64_t arrived() const noexcept { return arrived_; }

 private:
  struct Range {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };

  [[nodiscard]] std::uint64_t due(MonotonicTime now) const noexcept;
  [[nodiscard]] MonotonicTime next_arrival(MonotonicTime now) const noexcept;
  void receive();
  void lend(PacketBatch& batch, std::uint32_t count);

  SimThreads& threads_;
  const LaneTrafficPlan plan_;
  const InterfaceId id_;
  InterfaceTable table_;
  LaneFrames frames_;
  std::vector<std::uint8_t> memory_;
  std::deque<Range> ring_;
  std::uint32_t in_ring_ = 0;
  std::uint64_t arrived_ = 0;
  std::uint64_t lost_since_ = 0;  // since the last gap that was told
  std::uint32_t worked_on_ = 0;   // packets of the last batch
  std::uint32_t woken_ = 0;       // a word to wait on
  const std::optional<Error> no_error_;
  bool lent_ = false;
  bool intake_closed_ = false;
  bool closed_ = false;
  interface::SourceStatistics statistics_;
};

// All interfaces of an engine.
class SimNetwork final : public app::Intakes {
 public:
  // Plans by lane: interface by interface, worker by worker. `first_lane`: by which packets know
  // the first one (LaneFrames). Threads are borrowed.
  SimNetwork(std::uint32_t first_lane, std::vector<LaneTrafficPlan> plans, SimThreads& threads)
      : first_lane_(first_lane), plans_(std::move(plans)), threads_(threads) {}

  Result<std::unique_ptr<app::Intake>> open(const std::vector<control::InterfaceConfig>& interfaces,
                                            const Clock& clock) override;
  // Of the engine that has been opened, by lane; they live as long as the network.
  [[nodiscard]] const std::vector<std::unique_ptr<SimSource>>& sources() const noexcept {
    return sources_;
  }
  [[nodiscard]] std::size_t interface_of(std::size_t lane) const { return interfaces_[lane]; }

 private:
  const std::uint32_t first_lane_;
  std::vector<LaneTrafficPlan> plans_;
  SimThreads& threads_;
  std::vector<std::unique_ptr<SimSource>> sources_;
  std::vector<std::size_t> interfaces_;
};

}  // namespace weir::test
