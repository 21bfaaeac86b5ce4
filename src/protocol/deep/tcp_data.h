// Which data of one end of a TCP connection has been seen: what comes in order, what lies beyond a
// hole, and which holes an acknowledgement shows to be losses of the capture. No byte is kept.
// Sequence numbers are relative and compared modulo 2^32 (TcpEndpoint).
#pragma once

#include <cstdint>

#include "protocol/deep/flow_notes.h"

namespace weir::protocol {

class TcpData {
 public:
  // Data of `sender`.
  TcpData(Flow& flow, FlowNotes& notes, End sender) noexcept
      : flow_(flow), notes_(notes), sender_(sender), endpoint_(flow.tcp[index_of(sender)]) {}

  // The segment [sequence, sequence + bytes) was seen.
  void sent(std::uint32_t sequence, std::uint32_t bytes) noexcept;
  // The other end has acknowledged everything before `acknowledged`. What of it was not seen is
  // missing. False: that is nothing new.
  bool acknowledged(std::uint32_t acknowledged) noexcept;
  // There is data that was sent and has not been seen, or not been acknowledged by a connection
  // that still can: too early to call the connection closed.
  [[nodiscard]] bool pending() const noexcept;

 private:
  [[nodiscard]] bool skipped() const noexcept;
  void skip(Weird why) noexcept;
  void absorb() noexcept;
  std::uint32_t give_up_before(std::uint32_t sequence) noexcept;
  void gap(std::uint32_t bytes) noexcept;
  void trim(std::uint32_t sequence) noexcept;
  void check_bounds() noexcept;
  [[nodiscard]] static bool holds(const Flow& flow, const FlowNotes& notes, End end) noexcept;

  Flow& flow_;
  FlowNotes& notes_;
  const End sender_;
  TcpEndpoint& endpoint_;
};

}  // namespace weir::protocol
