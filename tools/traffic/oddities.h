// Packets that belong to no conversation: the needle, frames that lie about their lengths, wrong
// checksums. Their sources are 10.254.0.1 (wrong checksum) and 10.255.0.1 (malformed), which
// nothing else uses.
#pragma once

#include <cstdint>

#include "base/prng.h"
#include "frame_buffer.h"
#include "recorder.h"

namespace weir::traffic {

class Oddities {
 public:
  Oddities(Recorder& recorder, std::uint64_t seed) noexcept : recorder_(&recorder), prng_(seed) {}

  // A log line from or to the needle host.
  void send_needle(std::uint64_t number, std::int64_t now_ns);
  void send_malformed(std::int64_t now_ns);
  // TCP or UDP, with right lengths and a wrong checksum.
  void send_bad_checksum(std::int64_t now_ns);

 private:
  void fill_payload(std::size_t count);
  // Ethernet, IP, TCP and some bytes, all right.
  void build_tcp(const Address& source, std::size_t payload_bytes);
  void build_udp(const Address& source, std::uint16_t destination_port, std::size_t payload_bytes);

  Recorder* recorder_;
  Prng prng_;
  FrameBuffer frame_;
};

}  // namespace weir::traffic
