// One worker's part of a packet store that lies in several directories: a lane in each, of which
// one has its turn for a chunk. A directory without room is passed over, so that each takes packets
// as fast as its device writes them. A batch stays together.
//
// Each directory is a whole store. Side blocks (names, secrets) come to each in which packets
// follow. Losses are told once, by the next packet of the interface, wherever that goes. A
// directory that fails loses what it had not acknowledged, with what that told of losses; the
// others go on.
#pragma once

#include <poll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "output/sink.h"
#include "output/store_lane.h"

namespace weir::output {

// Directories of one store. Each costs StoreLane::kMemoryBytes for each worker.
inline constexpr std::size_t kStripesMax = 16;

class StripeWatcher {
 public:
  virtual ~StripeWatcher() = default;
  // It takes no more; others do. Told by the thread of the lane, once for each of its stripes.
  virtual void stripe_failed(std::size_t stripe, const Error& why) = 0;
};

// One thread, but for statistics().
class StripedLane final : public Sink {
 public:
  // At least one, at most kStripesMax. `first` has the first turn. The watcher is borrowed.
  StripedLane(std::vector<std::unique_ptr<StoreLane>> stripes, std::size_t first,
              StripeWatcher& watcher);

  // A credit of one of them; waits when none has room. An error: all have failed.
  Result<void> reserve() override;
  // Waits where a device is full that more side blocks have passed by than are kept for it: they
  // come from files.
  void write(const Offer& offer) override;
  Result<void> flush() override;
  Result<void> close() override;
  void cancel() noexcept override {}  // disks answer

  // Of all stripes.
  [[nodiscard]] const SinkStatistics& statistics() const noexcept override { return statistics_; }
  [[nodiscard]] bool wants_uids() const noexcept override { return true; }
  [[nodiscard]] protocol::StoreRef store_ref() override;
  [[nodiscard]] std::string_view kind() const noexcept override { return "store"; }
  [[nodiscard]] std::string_view path() const noexcept override {
    return stripes_.front().lane->path();
  }
  [[nodiscard]] std::string_view mode() const noexcept override {
    return stripes_.front().lane->mode();
  }
  [[nodiscard]] std::uint64_t files() const noexcept override;
  // Of the one that has most room.
  [[nodiscard]] double fill() const noexcept override;
  [[nodiscard]] const StoreLane& stripe(std::size_t index) const noexcept {
    return *stripes_[index].lane;
  }

 private:
  // Side blocks that a stripe has still to get, copied.
  struct Backlog {
    struct Entry {
      std::uint32_t type = 0;
      InterfaceId interface;
      std::size_t begin = 0;
      std::size_t bytes = 0;
    };
    std::vector<Entry> entries;
    std::vector<std::uint8_t> bytes;
  };
  struct Stripe {
    std::unique_ptr<StoreLane> lane;
    Backlog backlog;
    bool room = false;
    bool failed = false;
  };

  bool choose();
  void wait();
  void begin_turn(std::size_t index);
  void turn_away();
  [[nodiscard]] bool turn_is_over() const noexcept;
  bool works(std::size_t index);
  void hand_over(Stripe& stripe, const InterfaceTable& interfaces);
  void remember(const Offer& offer);
  void tally() noexcept;
  Result<void> state() const;

  std::vector<Stripe> stripes_;
  StripeWatcher& watcher_;
  std::size_t live_;
  std::size_t turn_;
  std::size_t last_;                  // who got the last batch
  std::uint64_t chunks_at_turn_ = 0;  // that the stripe had closed when its turn began
  std::vector<SideBlock> handed_;     // reused
  std::vector<pollfd> waited_for_;    // reused
  std::optional<Error> error_;        // the first
  bool closed_ = false;
  SinkStatistics statistics_;
};

}  // namespace weir::output
