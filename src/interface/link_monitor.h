// Follows what becomes of the interfaces of a capture: set down and up, renamed, another MTU,
// removed. The sources go on capturing by themselves; this is for telling people, and for knowing
// that an interface is gone before its source has noticed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "interface/rtnetlink.h"
#include "state/machine.h"
#include "state/table.h"

namespace weir::interface {

enum class LinkState : std::uint8_t { Opening, Running, LinkDown, Gone, kCount };
enum class LinkEvent : std::uint8_t { Up, Down, Removed, kCount };

// The kernel tells the same more than once: what is so already is ignored.
inline constexpr std::array kLinkStates = {
    state::StateRow<LinkState>{.state = LinkState::Opening,
                               .name = "opening",
                               .meaning = "the kernel has not been asked yet",
                               .otherwise = state::Policy::Ignore},
    state::StateRow<LinkState>{.state = LinkState::Running,
                               .name = "running",
                               .meaning = "set up, with a carrier",
                               .otherwise = state::Policy::Ignore},
    state::StateRow<LinkState>{.state = LinkState::LinkDown,
                               .name = "link_down",
                               .meaning = "set down, or without a carrier",
                               .otherwise = state::Policy::Ignore},
    state::StateRow<LinkState>{.state = LinkState::Gone,
                               .name = "gone",
                               .meaning = "removed, or moved to another network namespace",
                               .kind = state::Kind::Final,
                               .otherwise = state::Policy::Ignore},
};
inline constexpr std::array<std::string_view, 3> kLinkEvents = {"up", "down", "removed"};
using LinkRow = state::Transition<LinkState, LinkEvent>;
inline constexpr std::array kLinkRows = {
    LinkRow{LinkState::Opening, LinkEvent::Up, LinkState::Running},
    LinkRow{LinkState::Opening, LinkEvent::Down, LinkState::LinkDown},
    LinkRow{LinkState::Opening, LinkEvent::Removed, LinkState::Gone},
    LinkRow{LinkState::Running, LinkEvent::Down, LinkState::LinkDown},
    LinkRow{LinkState::Running, LinkEvent::Removed, LinkState::Gone},
    LinkRow{LinkState::LinkDown, LinkEvent::Up, LinkState::Running},
    LinkRow{LinkState::LinkDown, LinkEvent::Removed, LinkState::Gone},
};
inline constexpr state::Table<LinkState, LinkEvent> kLinkTable = {
    .name = "link",
    .initial = LinkState::Opening,
    .states = kLinkStates,
    .events = kLinkEvents,
    .rows = kLinkRows,
};
static_assert(state::check(kLinkTable) == state::Problem::None);

struct LinkChange {
  enum class Kind : std::uint8_t { Up, Down, Renamed, MtuChanged, Gone };

  Kind kind;
  std::size_t link;       // as counted in the list that is watched
  std::string name;       // before the change
  std::string new_name;   // Renamed
  std::uint32_t mtu = 0;  // MtuChanged: before and after
  std::uint32_t new_mtu = 0;
};

// Used by one thread, in whose network namespace the interfaces are when it is opened. States may
// be read by any.
class LinkMonitor {
 public:
  // What changes from now on is told. An interface that is gone already has state Gone, and nothing
  // is told of it.
  static Result<std::unique_ptr<LinkMonitor>> open(std::span<const int> interface_indexes);

  // Readable when take() may have something to tell.
  [[nodiscard]] int fd() const noexcept { return changes_.fd(); }
  // What changed since the last call, in order; when the kernel could not keep all changes, what is
  // different now. Does not wait.
  std::vector<LinkChange> take();

  [[nodiscard]] LinkState state(std::size_t link) const noexcept {
    return links_[link].machine.state();
  }

 private:
  struct Link {
    explicit Link(int interface_index) noexcept : index(interface_index) {}

    int index;
    std::string name = {};
    std::uint32_t mtu = 0;
    state::Machine<kLinkTable> machine{};
  };

  LinkMonitor(RtnetlinkSocket changes, RtnetlinkSocket questions) noexcept
      : changes_(std::move(changes)), questions_(std::move(questions)) {}

  void compare(const LinkFacts& facts, std::vector<LinkChange>& told);
  void compare(std::size_t link, const LinkFacts& facts, std::vector<LinkChange>& told);
  void read_all(std::vector<LinkChange>& told);

  RtnetlinkSocket changes_;
  RtnetlinkSocket questions_;
  std::deque<Link> links_;  // machines stay in their place
};

}  // namespace weir::interface
