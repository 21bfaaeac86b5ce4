#include "interface/af_packet_socket.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/net_tstamp.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>
#include <vector>

namespace weir::interface {
namespace {

template <typename T>
Result<void> set_option(int fd, int level, int name, const T& value, std::string_view what) {
  if (::setsockopt(fd, level, name, &value, sizeof value) != 0) return system_error(errno, what);
  return ok();
}

sockaddr_ll address_of(int interface_index, std::uint16_t protocol) noexcept {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = interface_index;
  address.sll_protocol = htons(protocol);
  return address;
}

int bind_to(int fd, const sockaddr_ll& address) noexcept {
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

}  // namespace

Result<void> AfPacketSocket::make_ring(RingGeometry geometry, Duration block_timeout) {
  WEIR_CHECK(set_option(fd(), SOL_PACKET, PACKET_VERSION, static_cast<int>(TPACKET_V3),
                        "ask for TPACKET_V3"));
  WEIR_CHECK(set_option(fd(), SOL_PACKET, PACKET_RESERVE, kFrameHeadroomBytes,
                        "reserve room in front of frames"));
  tpacket_req3 request{};
  request.tp_block_size = geometry.block_bytes;
  request.tp_block_nr = geometry.block_count;
  // V3 packs frames of any size; the kernel only wants the two products to agree.
  constexpr std::uint32_t kNominalFrameBytes = 2048;
  request.tp_frame_size = kNominalFrameBytes;
  request.tp_frame_nr = geometry.block_bytes / kNominalFrameBytes * geometry.block_count;
  request.tp_retire_blk_tov = static_cast<unsigned>(
      std::chrono::duration_cast<std::chrono::milliseconds>(block_timeout).count());
  Result<void> made =
      set_option(fd(), SOL_PACKET, PACKET_RX_RING, request,
                 "make a packet ring of " + std::to_string(geometry.bytes()) + " bytes");
  if (!made && made.error().sys_errno == ENOMEM) {
    made.error().context += " (ask for a smaller ring, or free memory)";
  }
  return made;
}

Result<void> AfPacketSocket::stamp_on_arrival(TimestampSource source) {
  // The socket-wide option makes the kernel stamp packets on arrival at all, the other one makes
  // the ring use that stamp. A packet without the card's stamp (one that leaves) gets the kernel's.
  const bool hardware = source == TimestampSource::Hardware;
  const int flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
                    (hardware ? SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE : 0);
  WEIR_CHECK(set_option(fd(), SOL_SOCKET, SO_TIMESTAMPING, flags, "ask for timestamps"));
  const int ring_stamp = SOF_TIMESTAMPING_SOFTWARE | (hardware ? SOF_TIMESTAMPING_RAW_HARDWARE : 0);
  return set_option(fd(), SOL_PACKET, PACKET_TIMESTAMP, ring_stamp, "ask for timestamps");
}

Result<void> AfPacketSocket::attach(std::span<const filter::CbpfInstruction> program) {
  std::vector<sock_filter> copy;
  copy.reserve(program.size());
  for (const filter::CbpfInstruction& in : program) copy.push_back({in.code, in.jt, in.jf, in.k});
  const sock_fprog filter{.len = static_cast<unsigned short>(copy.size()), .filter = copy.data()};
  return set_option(fd(), SOL_SOCKET, SO_ATTACH_FILTER, filter, "attach the packet filter");
}

Result<void> AfPacketSocket::attach_program(int program) {
  return set_option(fd(), SOL_SOCKET, SO_ATTACH_BPF, program, "attach the packet filter");
}

void AfPacketSocket::detach_filter() noexcept {
  constexpr int kUnused = 0;
  (void)::setsockopt(fd(), SOL_SOCKET, SO_DETACH_FILTER, &kUnused, sizeof kUnused);
}

Result<void> AfPacketSocket::join_promiscuous(int interface_index) {
  packet_mreq membership{};
  membership.mr_ifindex = interface_index;
  membership.mr_type = PACKET_MR_PROMISC;
  return set_option(fd(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership, "join promiscuous mode");
}

Result<void> AfPacketSocket::bind(int interface_index) {
  if (bind_to(fd(), address_of(interface_index, ETH_P_ALL)) != 0) {
    return system_error(errno, "bind the packet socket");
  }
  return ok();
}

void AfPacketSocket::reject_all() noexcept {
  sock_filter program = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog filter{.len = 1, .filter = &program};
  (void)::setsockopt(fd(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

KernelCounters AfPacketSocket::read_counters() noexcept {
  tpacket_stats_v3 counters{};
  socklen_t bytes = sizeof counters;
  if (::getsockopt(fd(), SOL_PACKET, PACKET_STATISTICS, &counters, &bytes) != 0) return {};
  return {.packets = counters.tp_packets, .drops = counters.tp_drops};
}

int AfPacketSocket::take_error() noexcept {
  int pending = 0;
  socklen_t bytes = sizeof pending;
  if (::getsockopt(fd(), SOL_SOCKET, SO_ERROR, &pending, &bytes) != 0) return errno;
  return pending;
}

bool AfPacketSocket::interface_is_gone() const noexcept {
  sockaddr_ll address{};
  socklen_t bytes = sizeof address;
  if (::getsockname(fd(), reinterpret_cast<sockaddr*>(&address), &bytes) != 0) return true;
  return address.sll_ifindex < 0;
}

}  // namespace weir::interface
