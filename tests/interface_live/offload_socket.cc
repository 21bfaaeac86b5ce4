#include "interface_live/offload_socket.h"

#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include <gtest/gtest.h>

namespace weir::interface {
namespace {

// struct virtio_net_hdr of <linux/virtio_net.h>, which is no C++.
struct VirtioHeader {
  std::uint8_t flags = 0;
  std::uint8_t gso_type = 0;
  std::uint16_t header_bytes = 0;
  std::uint16_t segment_bytes = 0;
  std::uint16_t checksum_start = 0;
  std::uint16_t checksum_offset = 0;
};
static_assert(sizeof(VirtioHeader) == 10);
constexpr std::uint8_t kNeedsChecksum = 1;
constexpr std::uint8_t kTcpv4 = 1;

void send(int fd, VirtioHeader header, test::FrameBytes& frame) {
  std::array parts = {iovec{&header, sizeof header}, iovec{frame.data(), frame.size()}};
  const auto bytes = static_cast<ssize_t>(sizeof header + frame.size());
  ASSERT_EQ(::writev(fd, parts.data(), parts.size()), bytes) << std::strerror(errno);
}

}  // namespace

OffloadSocket::OffloadSocket(const std::string& interface)
    : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
  constexpr int kOn = 1;
  EXPECT_EQ(::setsockopt(fd_.get(), SOL_PACKET, PACKET_VNET_HDR, &kOn, sizeof kOn), 0);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
  EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
}

void OffloadSocket::send_unsegmented(test::FrameBytes frame, std::uint16_t segment_bytes) {
  send(fd_.get(),
       {.flags = kNeedsChecksum,
        .gso_type = kTcpv4,
        .header_bytes = 14 + 20 + 20,
        .segment_bytes = segment_bytes,
        .checksum_start = 34,
        .checksum_offset = 16},
       frame);
}

void OffloadSocket::send_in_pages(test::FrameBytes frame) { send(fd_.get(), {}, frame); }

void switch_segmentation_off(const std::string& interface) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_value off{.cmd = ETHTOOL_STSO, .data = 0};
  ifreq request{};
  interface.copy(request.ifr_name, sizeof request.ifr_name - 1);
  request.ifr_data = reinterpret_cast<char*>(&off);
  EXPECT_EQ(::ioctl(socket.get(), SIOCETHTOOL, &request), 0) << std::strerror(errno);
}

}  // namespace weir::interface
