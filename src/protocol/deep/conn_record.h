// From a flow to what conn.log says of it: sizes, state and history by Zeek's rules
// (base/protocols/conn/main.zeek, and what its analyzers report).
#pragma once

#include "protocol/deep/flow.h"

namespace weir::protocol {

// `extra` may be null.
[[nodiscard]] ConnRecord conn_record(const Flow& flow, const FlowExtra* extra, const Uid& uid,
                                     FlowEnd end) noexcept;

// Payload bytes of one end of a TCP connection, by its sequence numbers.
[[nodiscard]] std::uint64_t tcp_payload_bytes(const Flow& flow, End end) noexcept;

}  // namespace weir::protocol
