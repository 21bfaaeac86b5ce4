#include "interface/rtnetlink.h"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace weir::interface {
namespace {

// The structs of a message in its place; zeros where the message is too short.
template <typename T>
T take(Bytes& rest) noexcept {
  T value{};
  const std::size_t bytes = std::min(sizeof value, rest.size());
  std::memcpy(&value, rest.data(), bytes);
  rest = rest.subspan(std::min<std::size_t>(align_up(sizeof value, NLMSG_ALIGNTO), rest.size()));
  return value;
}

struct Attribute {
  std::uint16_t type = 0;
  Bytes value;
};

// The next of a list of attributes; false at its end, or where it is not sound.
bool next_attribute(Bytes& rest, Attribute& attribute) noexcept {
  if (rest.size() < sizeof(rtattr)) return false;
  rtattr header{};
  std::memcpy(&header, rest.data(), sizeof header);
  if (header.rta_len < sizeof header || header.rta_len > rest.size()) return false;
  attribute.type = static_cast<std::uint16_t>(header.rta_type & NLA_TYPE_MASK);
  attribute.value = rest.subspan(sizeof header, header.rta_len - sizeof header);
  const std::uint64_t padded = align_up(header.rta_len, RTA_ALIGNTO);
  rest = rest.subspan(std::min<std::size_t>(padded, rest.size()));
  return true;
}

std::string text_of(Bytes value) {
  const auto end = std::find(value.begin(), value.end(), std::uint8_t{0});
  return {value.begin(), end};
}

std::string kind_of(Bytes link_info) {
  Attribute attribute;
  while (next_attribute(link_info, attribute)) {
    if (attribute.type == IFLA_INFO_KIND) return text_of(attribute.value);
  }
  return {};
}

void read_statistics(Bytes value, LinkFacts& facts) {
  const auto statistics = take<rtnl_link_stats64>(value);
  facts.dropped = statistics.rx_dropped;
  facts.missed = statistics.rx_missed_errors;
  // Drivers have one or the other, or the same number in both.
  facts.overflowed = std::max(statistics.rx_over_errors, statistics.rx_fifo_errors);
}

LinkFacts facts_of(std::uint16_t message_type, const ifinfomsg& about, Bytes attributes) {
  LinkFacts facts{.index = about.ifi_index, .exists = message_type == RTM_NEWLINK};
  constexpr unsigned kUp = IFF_UP | IFF_RUNNING;
  facts.up = (about.ifi_flags & kUp) == kUp;
  Attribute attribute;
  while (next_attribute(attributes, attribute)) {
    switch (attribute.type) {
      case IFLA_IFNAME:
        facts.name = text_of(attribute.value);
        break;
      case IFLA_MTU:
        if (attribute.value.size() >= 4) facts.mtu = load_le32(attribute.value.data());
        break;
      case IFLA_LINKINFO:
        facts.kind = kind_of(attribute.value);
        break;
      case IFLA_STATS64:
        read_statistics(attribute.value, facts);
        break;
      default:
        break;
    }
  }
  return facts;
}

// The errno of an answer that is one; else 0.
int refusal_in(Bytes answer) noexcept {
  const auto header = take<nlmsghdr>(answer);
  return header.nlmsg_type == NLMSG_ERROR ? -take<nlmsgerr>(answer).error : 0;
}

}  // namespace

std::optional<LinkFacts> LinkMessages::next() {
  while (rest_.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header{};
    std::memcpy(&header, rest_.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest_.size()) break;
    Bytes body = rest_.subspan(sizeof header, header.nlmsg_len - sizeof header);
    const std::uint64_t padded = align_up(header.nlmsg_len, NLMSG_ALIGNTO);
    rest_ = rest_.subspan(std::min<std::size_t>(padded, rest_.size()));

    if (header.nlmsg_type == NLMSG_ERROR) return LinkFacts{.exists = false};
    if (header.nlmsg_type != RTM_NEWLINK && header.nlmsg_type != RTM_DELLINK) continue;
    const auto about = take<ifinfomsg>(body);
    // A bridge's view of its ports: a port may leave the bridge and still be there.
    if (about.ifi_family != AF_UNSPEC) continue;
    return facts_of(header.nlmsg_type, about, body);
  }
  return std::nullopt;
}

Result<RtnetlinkSocket> RtnetlinkSocket::open(Told told) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return system_error(errno, "ask the kernel about network interfaces");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = told == Told::OfChanges ? RTMGRP_LINK : 0;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return system_error(errno, "be told of changes of network interfaces");
  }
  return RtnetlinkSocket(std::move(fd));
}

RtnetlinkSocket::Received RtnetlinkSocket::receive(Bytes& datagram) {
  const ssize_t bytes = ::recv(fd(), buffer_.data(), buffer_.size(), MSG_DONTWAIT | MSG_TRUNC);
  if (bytes < 0) return errno == ENOBUFS ? Received::Lost : Received::Nothing;
  if (static_cast<std::size_t>(bytes) > buffer_.size()) return Received::Lost;
  datagram = Bytes(buffer_).first(static_cast<std::size_t>(bytes));
  return Received::Messages;
}

Result<LinkFacts> RtnetlinkSocket::ask(int interface_index) {
  struct {
    nlmsghdr header;
    ifinfomsg about;
  } question{};
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = RTM_GETLINK;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.about.ifi_index = interface_index;
  if (::send(fd(), &question, sizeof question, 0) < 0) {
    return system_error(errno, "ask the kernel about a network interface");
  }
  const ssize_t bytes = ::recv(fd(), buffer_.data(), buffer_.size(), 0);
  if (bytes < 0) return system_error(errno, "learn about a network interface");
  const Bytes answer = Bytes(buffer_).first(static_cast<std::size_t>(bytes));
  if (const int refusal = refusal_in(answer); refusal != 0 && refusal != ENODEV) {
    return system_error(refusal, "learn about a network interface");
  }
  auto facts = LinkMessages(answer).next();
  if (!facts) {
    return Error{.code = ErrorCode::Unsupported,
                 .context = "learn about a network interface: the kernel's answer is not one"};
  }
  return std::move(*facts);
}

}  // namespace weir::interface
