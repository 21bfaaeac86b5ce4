#include "interface/link_monitor.h"

#include <utility>

namespace weir::interface {

Result<std::unique_ptr<LinkMonitor>> LinkMonitor::open(std::span<const int> interface_indexes) {
  using Told = RtnetlinkSocket::Told;
  WEIR_TRY(RtnetlinkSocket changes, RtnetlinkSocket::open(Told::OfChanges));
  WEIR_TRY(RtnetlinkSocket questions, RtnetlinkSocket::open(Told::WhenAsked));
  std::unique_ptr<LinkMonitor> monitor(new LinkMonitor(std::move(changes), std::move(questions)));
  for (const int index : interface_indexes) {
    Link& link = monitor->links_.emplace_back(index);
    WEIR_TRY(const LinkFacts facts, monitor->questions_.ask(index));
    if (!facts.exists) {
      link.machine.handle(LinkEvent::Removed);
      continue;
    }
    link.name = facts.name;
    link.mtu = facts.mtu;
    link.machine.handle(facts.up ? LinkEvent::Up : LinkEvent::Down);
  }
  return monitor;
}

std::vector<LinkChange> LinkMonitor::take() {
  std::vector<LinkChange> told;
  bool lost = false;
  for (;;) {
    Bytes datagram;
    const RtnetlinkSocket::Received received = changes_.receive(datagram);
    if (received == RtnetlinkSocket::Received::Nothing) break;
    // What waits behind a gap is older than what the kernel says when it is asked.
    lost = lost || received == RtnetlinkSocket::Received::Lost;
    if (lost) continue;
    LinkMessages messages(datagram);
    while (const auto facts = messages.next()) compare(*facts, told);
  }
  if (lost) read_all(told);
  return told;
}

void LinkMonitor::read_all(std::vector<LinkChange>& told) {
  for (std::size_t link = 0; link < links_.size(); ++link) {
    if (state(link) == LinkState::Gone) continue;
    if (const auto facts = questions_.ask(links_[link].index)) compare(link, *facts, told);
  }
}

void LinkMonitor::compare(const LinkFacts& facts, std::vector<LinkChange>& told) {
  for (std::size_t link = 0; link < links_.size(); ++link) {
    if (links_[link].index == facts.index) compare(link, facts, told);
  }
}

void LinkMonitor::compare(std::size_t link, const LinkFacts& facts, std::vector<LinkChange>& told) {
  using Kind = LinkChange::Kind;
  Link& known = links_[link];
  if (!facts.exists) {
    if (known.machine.handle(LinkEvent::Removed)) {
      told.push_back({.kind = Kind::Gone, .link = link, .name = known.name});
    }
    return;
  }
  if (state(link) == LinkState::Gone) return;  // another interface, of the same number
  if (facts.name != known.name) {
    told.push_back(
        {.kind = Kind::Renamed, .link = link, .name = known.name, .new_name = facts.name});
    known.name = facts.name;
  }
  if (facts.mtu != known.mtu) {
    told.push_back({.kind = Kind::MtuChanged,
                    .link = link,
                    .name = known.name,
                    .mtu = known.mtu,
                    .new_mtu = facts.mtu});
    known.mtu = facts.mtu;
  }
  // The table ignores what is so already.
  if (known.machine.handle(facts.up ? LinkEvent::Up : LinkEvent::Down)) {
    told.push_back({.kind = facts.up ? Kind::Up : Kind::Down, .link = link, .name = known.name});
  }
}

}  // namespace weir::interface
