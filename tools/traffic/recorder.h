// The end of the line: every finished frame is counted for the summary and written. Owns the count
// of what was produced.
#pragma once

#include <array>
#include <cstdint>

#include "capture_writer.h"
#include "expression_truth.h"
#include "flow_factory.h"

namespace weir::traffic {

enum class PacketKind : std::uint8_t { Flow, Needle, Malformed, BadChecksum };

struct PacketFacts {
  PacketKind kind = PacketKind::Flow;
  std::uint8_t application = 0;  // for PacketKind::Flow
  Encapsulation encapsulation = Encapsulation::None;
  std::uint32_t tenant = 0;
  bool ipv6 = false;  // innermost
  bool fragment = false;
  bool retransmission = false;
};

struct Totals {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;           // on the wire
  std::uint64_t captured_bytes = 0;  // after the snapshot length
  std::int64_t first_ns = 0;
  std::int64_t last_ns = 0;
  std::array<std::uint64_t, 4> by_kind{};
  std::array<std::uint64_t, kApplicationCount> by_application{};
  std::array<std::uint64_t, kEncapsulationCount> by_encapsulation{};
  std::array<std::uint64_t, kTenantCount> by_vni{};
  std::uint64_t ipv6 = 0;
  std::uint64_t fragments = 0;
  std::uint64_t retransmissions = 0;
  std::uint64_t full_frames = 0;  // of 1,500 bytes and more
};

class Recorder {
 public:
  // Packets after the first `packets_max` are ignored; 0 means no limit.
  Recorder(CaptureWriter& writer, std::uint32_t snaplen, std::uint64_t packets_max) noexcept
      : writer_(&writer), snaplen_(snaplen), packets_max_(packets_max) {}

  // Times before the last one are taken as the last one: a capture file does not run backwards.
  void record(Bytes frame, std::int64_t time_ns, const PacketFacts& facts);

  [[nodiscard]] bool at_packet_limit() const noexcept {
    return packets_max_ != 0 && totals_.packets >= packets_max_;
  }
  [[nodiscard]] const Totals& totals() const noexcept { return totals_; }
  [[nodiscard]] const ExpressionTruth& truth() const noexcept { return truth_; }

 private:
  CaptureWriter* writer_;
  std::uint32_t snaplen_;
  std::uint64_t packets_max_;
  Totals totals_;
  ExpressionTruth truth_;
};

}  // namespace weir::traffic
