#include "protocol/deep/weird.h"

#include <array>

namespace weir::protocol {
namespace {

struct Row {
  Weird weird;
  std::string_view name;
  std::string_view source;
};

constexpr std::array<Row, kWeirdCount> kRows = {{
    {Weird::AboveHoleDataWithoutAnyAcks, "above_hole_data_without_any_acks", "TCP"},
    {Weird::ActiveConnectionReuse, "active_connection_reuse", ""},
    {Weird::BadIcmpChecksum, "bad_ICMP_checksum", "ICMP"},
    {Weird::BadSynAck, "bad_SYN_ack", "TCP"},
    {Weird::BadTcpChecksum, "bad_TCP_checksum", "TCP"},
    {Weird::BadTcpHeaderLen, "bad_TCP_header_len", "TCP"},
    {Weird::BadUdpChecksum, "bad_UDP_checksum", "UDP"},
    {Weird::BaroqueSyn, "baroque_SYN", "TCP"},
    {Weird::ConnectionOriginatorSynAck, "connection_originator_SYN_ack", "TCP"},
    {Weird::DataAfterReset, "data_after_reset", "TCP"},
    {Weird::DataBeforeEstablished, "data_before_established", "TCP"},
    {Weird::ExcessiveDataWithoutFurtherAcks, "excessive_data_without_further_acks", "TCP"},
    {Weird::FinAdvancedLastSeq, "FIN_advanced_last_seq", "TCP"},
    {Weird::InappropriateFin, "inappropriate_FIN", "TCP"},
    {Weird::PendingDataWhenClosed, "pending_data_when_closed", "TCP"},
    {Weird::PossibleSplitRouting, "possible_split_routing", ""},
    {Weird::PrematureConnectionReuse, "premature_connection_reuse", "TCP"},
    {Weird::RepeatedSynReplyWoAck, "repeated_SYN_reply_wo_ack", "TCP"},
    {Weird::RepeatedSynWithAck, "repeated_SYN_with_ack", "TCP"},
    {Weird::SimultaneousOpen, "simultaneous_open", "TCP"},
    {Weird::SynAfterClose, "SYN_after_close", "TCP"},
    {Weird::SynAfterPartial, "SYN_after_partial", "TCP"},
    {Weird::SynAfterReset, "SYN_after_reset", "TCP"},
    {Weird::SynInsideConnection, "SYN_inside_connection", ""},
    {Weird::SynSeqJump, "SYN_seq_jump", ""},
    {Weird::SynWithData, "SYN_with_data", "TCP"},
    {Weird::TcpAckUnderflowOrMisorder, "TCP_ack_underflow_or_misorder", "TCP"},
    {Weird::TcpChristmas, "TCP_christmas", "TCP"},
    {Weird::TcpSeqUnderflowOrMisorder, "TCP_seq_underflow_or_misorder", "TCP"},
    {Weird::TruncatedTcpPayload, "truncated_tcp_payload", "TCP"},
    {Weird::TunnelMaxChangesPerConnectionExceeded, "tunnel_max_changes_per_connection_exceeded",
     ""},
    {Weird::UdpDatagramLengthMismatch, "UDP_datagram_length_mismatch", "UDP"},
    {Weird::BadIpChecksum, "bad_IP_checksum", "IP"},
    {Weird::ExcessivelyLargeFragment, "excessively_large_fragment", ""},
    {Weird::ExcessivelySmallFragment, "excessively_small_fragment", ""},
    {Weird::FragmentInconsistency, "fragment_inconsistency", ""},
    {Weird::FragmentOverlap, "fragment_overlap", ""},
    {Weird::FragmentProtocolInconsistency, "fragment_protocol_inconsistency", ""},
    {Weird::FragmentSizeInconsistency, "fragment_size_inconsistency", ""},
    {Weird::FragmentWithDf, "fragment_with_DF", ""},
    {Weird::IncompletelyCapturedFragment, "incompletely_captured_fragment", "IP"},
    {Weird::InternallyTruncatedHeader, "internally_truncated_header", "IP"},
    {Weird::TruncatedHeader, "truncated_header", "IP"},
    {Weird::TruncatedIpLen, "truncated_IP_len", "IP"},
}};

// The table is in the order of the enum.
static_assert([] {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].weird) != i) return false;
  }
  return true;
}());

}  // namespace

std::string_view name_of(Weird weird) noexcept {
  return kRows[static_cast<std::size_t>(weird)].name;
}

std::string_view source_of(Weird weird) noexcept {
  return kRows[static_cast<std::size_t>(weird)].source;
}

}  // namespace weir::protocol
