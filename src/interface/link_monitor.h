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
#include <vector>

#include "base/result.h"
#include "interface/rtnetlink.h"
#include "state/machine.h"

namespace weir::interface {

enum class LinkState : std::uint8_t {
  Opening,
  Running,   // set up, with a carrier
  LinkDown,  // one of the two is missing
  Gone,      // removed, or moved to another network namespace
  kCount,
};
enum class LinkEvent : std::uint8_t { Up, Down, Removed, kCount };

inline constexpr std::array kLinkTable = {
    state::Transition<LinkState, LinkEvent>{LinkState::Opening, LinkEvent::Up, LinkState::Running},
    state::Transition<LinkState, LinkEvent>{LinkState::Opening, LinkEvent::Down,
                                            LinkState::LinkDown},
    state::Transition<LinkState, LinkEvent>{LinkState::Opening, LinkEvent::Removed,
                                            LinkState::Gone},
    state::Transition<LinkState, LinkEvent>{LinkState::Running, LinkEvent::Down,
                                            LinkState::LinkDown},
    state::Transition<LinkState, LinkEvent>{LinkState::Running, LinkEvent::Removed,
                                            LinkState::Gone},
    state::Transition<LinkState, LinkEvent>{LinkState::LinkDown, LinkEvent::Up, LinkState::Running},
    state::Transition<LinkState, LinkEvent>{LinkState::LinkDown, LinkEvent::Removed,
                                            LinkState::Gone},
};
static_assert(state::is_sound<LinkState, LinkEvent>(kLinkTable, LinkState::Opening));

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
    state::Machine<LinkState, LinkEvent> machine{kLinkTable, LinkState::Opening};
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
