// Facts about network interfaces from the kernel's own messages (rtnetlink(7)): asked for, or told
// when something changes. No right is needed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace weir::interface {

// What a message says of an interface.
struct LinkFacts {
  int index = 0;
  bool exists = true;  // false: it was removed, or moved to another network namespace
  bool up = false;     // set up by the administrator and with a carrier
  std::string name;
  std::string kind;  // of a virtual interface: "veth", "vxlan", ...; empty otherwise
  std::uint32_t mtu = 0;
  // Packets that were lost before anybody saw them, since the interface exists: dropped by the
  // kernel before the network stack (full queues), missed by the card (no free buffer), and
  // overflows of its memory, which need not be one a packet.
  std::uint64_t dropped = 0;
  std::uint64_t missed = 0;
  std::uint64_t overflowed = 0;
};

// Reads the messages of one datagram of the kernel, one after the other.
class LinkMessages {
 public:
  explicit LinkMessages(Bytes datagram) noexcept : rest_(datagram) {}
  // The next one that is about an interface. A refusal ("no such device") gives facts of index 0
  // that do not exist.
  std::optional<LinkFacts> next();

 private:
  Bytes rest_;
};

class RtnetlinkSocket {
 public:
  enum class Told : std::uint8_t { WhenAsked, OfChanges };
  enum class Received : std::uint8_t {
    Messages,
    Nothing,  // for now
    Lost,     // more changes came than the socket holds: ask anew
  };

  static Result<RtnetlinkSocket> open(Told told);
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  // What waits. The view stays until the next call. Does not wait.
  Received receive(Bytes& datagram);
  // The facts as they are now; waits for the answer. Only for sockets that are told WhenAsked.
  Result<LinkFacts> ask(int interface_index);

 private:
  explicit RtnetlinkSocket(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  UniqueFd fd_;
  // Larger than any message about one interface.
  alignas(std::uint64_t) std::array<std::uint8_t, 32 * 1024> buffer_{};
};

}  // namespace weir::interface
