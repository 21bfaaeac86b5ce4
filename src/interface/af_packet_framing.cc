#include "interface/af_packet_framing.h"

#include <linux/if_arp.h>
#include <sys/utsname.h>

#include <string>

#include "base/bytes.h"
#include "storage/pcapng/blocks.h"

namespace weir::interface {
namespace {

namespace option = storage::pcapng::option;
using security::PacketSocketKind;

void append_option(std::vector<std::uint8_t>& options, std::uint16_t code, Bytes value) {
  constexpr std::size_t kHeaderBytes = 4;
  const std::size_t start = options.size();
  options.resize(start + kHeaderBytes + align_up(value.size(), 4));
  store_le(options.data() + start, code);
  store_le(options.data() + start + 2, static_cast<std::uint16_t>(value.size()));
  std::copy(value.begin(), value.end(), options.begin() + static_cast<std::ptrdiff_t>(start) + 4);
}

std::vector<std::uint8_t> options_of(const NetworkInterface& interface) {
  std::vector<std::uint8_t> options;
  if (interface.speed != 0) {
    std::array<std::uint8_t, sizeof(std::uint64_t)> speed;
    store_le(speed.data(), interface.speed);
    append_option(options, option::kIfSpeed, speed);
  }
  utsname system{};
  if (::uname(&system) == 0) {
    const std::string text = std::string(system.sysname) + ' ' + system.release;
    append_option(options, option::kIfOs, std::vector<std::uint8_t>(text.begin(), text.end()));
  }
  return options;
}

}  // namespace

Framing framing_of(std::uint16_t hardware_type) noexcept {
  switch (hardware_type) {
    case ARPHRD_ETHER:
    case ARPHRD_LOOPBACK:
      return {LinkType::Ethernet, PacketSocketKind::Frames};
    case ARPHRD_NONE:
    case ARPHRD_RAWIP:
    case ARPHRD_TUNNEL:
    case ARPHRD_TUNNEL6:
    case ARPHRD_SIT:
      return {LinkType::Raw, PacketSocketKind::Frames};
    case ARPHRD_IEEE80211:
      return {LinkType::Ieee80211, PacketSocketKind::Frames};
    case ARPHRD_IEEE80211_RADIOTAP:
      return {LinkType::Ieee80211Radiotap, PacketSocketKind::Frames};
    default:
      return {LinkType::LinuxSll, PacketSocketKind::Cooked};
  }
}

CaptureInterface describe(const NetworkInterface& interface, LinkType link_type,
                          std::uint32_t snaplen) {
  return {.link_type = link_type,
          .snaplen = snaplen,
          .fcs_bytes = 0,
          .name = interface.name,
          .options = options_of(interface)};
}

}  // namespace weir::interface
