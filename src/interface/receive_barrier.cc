#include "interface/receive_barrier.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>

namespace weir::interface {
namespace {

// Reserved by the IEEE: no frame has them.
constexpr std::uint16_t kUnusedEtherType = 0xffff;
constexpr std::uint16_t kOtherUnusedEtherType = 0xfffe;

}  // namespace

Result<ReceiveBarrier> ReceiveBarrier::open(security::PrivilegedOperations& privileges) {
  WEIR_TRY(UniqueFd fd, privileges.open_packet_socket(security::PacketSocketKind::Frames));
  ReceiveBarrier barrier(std::move(fd));
  if (barrier.hook_to(kUnusedEtherType) != 0) {
    return system_error(errno, "bind the packet socket for the end");
  }
  return barrier;
}

void ReceiveBarrier::wait() noexcept {
  swapped_ = !swapped_;
  (void)hook_to(swapped_ ? kOtherUnusedEtherType : kUnusedEtherType);
}

// On any interface: hooked from now on, whatever becomes of the one that is captured.
int ReceiveBarrier::hook_to(std::uint16_t ethertype) noexcept {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ethertype);
  return ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

}  // namespace weir::interface
