#include "protocol/deep/conn_record.h"

#include <algorithm>
#include <string_view>

#include "protocol/deep/flow_notes.h"

namespace weir::protocol {
namespace {

bool inactive(TcpState state) noexcept {
  return state == TcpState::Inactive || state == TcpState::Partial;
}

// A SYN, then a RST, and nothing in between that says more than that: the letters between them may
// be anything but the responder's part of a handshake, data or an end.
bool syn_then_reset(std::string_view history) noexcept {
  if (!history.empty() && history.front() == '^') history.remove_prefix(1);
  if (history.empty() || history.front() != 'S') return false;
  const std::size_t reset = history.find('R', 1);
  if (reset == std::string_view::npos) return false;
  return history.substr(1, reset - 1).find_first_of("HAFGIQ") == std::string_view::npos;
}

ConnState tcp_state(const Flow& flow, const ConnRecord& record) noexcept {
  const TcpState originator = flow.tcp[index_of(flow.originator())].state;
  const TcpState responder = flow.tcp[index_of(other(flow.originator()))].state;
  if (responder == TcpState::Reset) {
    const bool nothing_sent = record.payload_bytes[0] == 0 && record.payload_bytes[1] == 0;
    if (originator == TcpState::SynSent || originator == TcpState::SynAckSent ||
        (originator == TcpState::Reset && nothing_sent)) {
      return ConnState::REJ;
    }
    return inactive(originator) ? ConnState::RSTRH : ConnState::RSTR;
  }
  if (originator == TcpState::Reset) {
    if (!inactive(responder)) return ConnState::RSTO;
    const std::string_view history(record.history.data(), record.history_bytes);
    return syn_then_reset(history) ? ConnState::RSTOS0 : ConnState::OTH;
  }
  if (originator == TcpState::Closed && responder == TcpState::Closed) return ConnState::SF;
  if (originator == TcpState::Closed) return inactive(responder) ? ConnState::SH : ConnState::S2;
  if (responder == TcpState::Closed) return inactive(originator) ? ConnState::SHR : ConnState::S3;
  if (originator == TcpState::SynSent && responder == TcpState::Inactive) return ConnState::S0;
  if (originator == TcpState::Established && responder == TcpState::Established) {
    return ConnState::S1;
  }
  return ConnState::OTH;
}

ConnState udp_state(const Flow& flow) noexcept {
  const bool originator = (flow.active >> index_of(flow.originator()) & 1) != 0;
  const bool responder = (flow.active >> index_of(other(flow.originator())) & 1) != 0;
  if (originator) return responder ? ConnState::SF : ConnState::S0;
  return responder ? ConnState::SHR : ConnState::OTH;
}

void copy_history(ConnRecord& record, const Flow& flow, const FlowExtra* extra) noexcept {
  auto at = std::copy_n(flow.history.begin(), flow.history_bytes, record.history.begin());
  record.history_bytes = static_cast<std::uint8_t>(flow.history_bytes);
  if (extra == nullptr) return;
  std::copy_n(extra->history.begin(), extra->history_bytes, at);
  record.history_bytes = static_cast<std::uint8_t>(record.history_bytes + extra->history_bytes);
}

void copy_parents(ConnRecord& record, const Flow& flow, const FlowExtra* extra) noexcept {
  if (extra != nullptr) {
    record.tunnel_parents = extra->parents;
    record.tunnel_parent_count = extra->parent_count;
  } else if (!flow.parent.empty()) {
    record.tunnel_parents[0] = flow.parent;
    record.tunnel_parent_count = 1;
  }
}

}  // namespace

std::uint64_t tcp_payload_bytes(const Flow& flow, End end) noexcept {
  const TcpEndpoint& one = flow.tcp[index_of(end)];
  // A half-open connection that was found and aborted: what its numbers say is no size.
  if (one.before == TcpState::SynSent && one.state == TcpState::Reset &&
      flow.tcp[index_of(other(end))].state == TcpState::Inactive && !one.nothing_acknowledged()) {
    return 0;
  }
  std::uint64_t bytes = std::max(one.last_wide(), one.acknowledged_wide()) - one.start;
  if (bytes != 0) --bytes;  // the SYN
  const bool fin = (flow.fin_seen >> index_of(end) & 1) != 0;
  if (fin && bytes != 0) --bytes;
  return bytes;
}

ConnRecord conn_record(const Flow& flow, const FlowExtra* extra, const Uid& uid,
                       FlowEnd end) noexcept {
  const auto kind = static_cast<FlowKind>(flow.kind);
  ConnRecord record{.uid = uid,
                    .ends = ends_of(flow),
                    .tenant = flow.key.tenant,
                    .first = flow.first,
                    .duration = flow.last - flow.first,
                    .missed_bytes = extra == nullptr ? 0 : extra->missed_bytes,
                    .store_ref = flow.store_ref,
                    .end = end};
  const std::array<End, 2> ends = {flow.originator(), other(flow.originator())};
  for (std::size_t role = 0; role < ends.size(); ++role) {
    const std::size_t at = index_of(ends[role]);
    record.packets[role] = flow.packets[at];
    record.ip_bytes[role] = flow.ip_bytes[at];
    record.payload_bytes[role] = kind == FlowKind::Tcp ? tcp_payload_bytes(flow, ends[role])
                                                       : flow.datagram.payload_bytes[at];
  }
  copy_history(record, flow, extra);
  copy_parents(record, flow, extra);
  if (kind == FlowKind::Tcp) record.state = tcp_state(flow, record);
  if (kind == FlowKind::Udp) record.state = udp_state(flow);
  return record;
}

}  // namespace weir::protocol
