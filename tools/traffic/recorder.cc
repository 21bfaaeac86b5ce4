#include "recorder.h"

#include <algorithm>

namespace weir::traffic {

void Recorder::record(Bytes frame, std::int64_t time_ns, const PacketFacts& facts) {
  if (at_packet_limit()) return;
  Totals& t = totals_;
  time_ns = std::max(time_ns, t.last_ns);
  if (t.packets == 0) t.first_ns = time_ns;
  t.last_ns = time_ns;

  const Bytes captured = frame.first(std::min<std::size_t>(frame.size(), snaplen_));
  const auto wire_bytes = static_cast<std::uint32_t>(frame.size());
  writer_->packet(time_ns, captured, wire_bytes);
  truth_.count(captured, wire_bytes);

  t.packets += 1;
  t.bytes += frame.size();
  t.captured_bytes += captured.size();
  t.by_kind[static_cast<std::size_t>(facts.kind)] += 1;
  t.full_frames += frame.size() >= 1500 ? 1u : 0u;
  if (facts.kind != PacketKind::Flow) return;
  t.by_application[facts.application] += 1;
  t.by_encapsulation[static_cast<std::size_t>(facts.encapsulation)] += 1;
  if (facts.encapsulation == Encapsulation::Vxlan) t.by_vni[facts.tenant] += 1;
  t.ipv6 += facts.ipv6 ? 1u : 0u;
  t.fragments += facts.fragment ? 1u : 0u;
  t.retransmissions += facts.retransmission ? 1u : 0u;
}

}  // namespace weir::traffic
