// Things that should not be, by Zeek's names (scripts/base/frameworks/notice/weird.zeek and the
// places that raise them).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::protocol {

enum class Weird : std::uint8_t {
  // Of a flow.
  AboveHoleDataWithoutAnyAcks,
  ActiveConnectionReuse,
  BadIcmpChecksum,
  BadSynAck,
  BadTcpChecksum,
  BadTcpHeaderLen,
  BadUdpChecksum,
  BaroqueSyn,
  ConnectionOriginatorSynAck,
  DataAfterReset,
  DataBeforeEstablished,
  ExcessiveDataWithoutFurtherAcks,
  FinAdvancedLastSeq,
  InappropriateFin,
  PendingDataWhenClosed,
  PossibleSplitRouting,
  PrematureConnectionReuse,
  RepeatedSynReplyWoAck,
  RepeatedSynWithAck,
  SimultaneousOpen,
  SynAfterClose,
  SynAfterPartial,
  SynAfterReset,
  SynInsideConnection,
  SynSeqJump,
  SynWithData,
  TcpAckUnderflowOrMisorder,
  TcpChristmas,
  TcpSeqUnderflowOrMisorder,
  TruncatedTcpPayload,
  TunnelMaxChangesPerConnectionExceeded,
  UdpDatagramLengthMismatch,
  // Of a packet between two addresses.
  BadIpChecksum,
  ExcessivelyLargeFragment,
  ExcessivelySmallFragment,
  FragmentInconsistency,
  FragmentOverlap,
  FragmentProtocolInconsistency,
  FragmentSizeInconsistency,
  FragmentWithDf,
  IncompletelyCapturedFragment,
  InternallyTruncatedHeader,
  TruncatedHeader,
  TruncatedIpLen,
  kCount,
};
inline constexpr std::size_t kWeirdCount = static_cast<std::size_t>(Weird::kCount);
// A flow remembers in one word which it has told.
static_assert(kWeirdCount <= 64);

std::string_view name_of(Weird weird) noexcept;    // "bad_TCP_checksum"
std::string_view source_of(Weird weird) noexcept;  // "TCP": Zeek's analyzer; empty: none

}  // namespace weir::protocol
