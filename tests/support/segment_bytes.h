// Writes segments of the packet store by docs/segment-format.md, in the simplest way, without any
// code of weir's own: what the readers are held against. Lies can be told: reseal() makes the
// checksum of a changed unit good again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::test {

struct SegmentPacket {
  std::int64_t time = 0;  // nanoseconds; not of simple ones
  std::uint32_t interface = 0;
  std::string frame;
  bool simple = false;        // a Simple Packet Block
  std::uint32_t dropped = 0;  // epb_dropcount
};

struct SegmentChunk {
  std::uint32_t packets = 0;
  std::int64_t first = INT64_MAX;
  std::int64_t last = INT64_MIN;
  std::uint64_t wire_bytes = 0;
  std::uint64_t lost = 0;
  std::uint64_t offset = 0;
  std::uint32_t unit_bytes = 0;
};

struct SegmentUnit {
  std::uint64_t offset = 0;
  std::uint32_t bytes = 0;
  std::uint32_t block_offset = 0;  // of its header block
};

class SegmentBytes {
 public:
  struct Options {
    std::uint8_t uuid = 0x11;  // each of its bytes
    std::uint64_t sequence = 42;
    std::int64_t created = 1'700'000'000'000'000'000;
    std::uint32_t lane = 3;
    std::vector<std::string> interfaces = {"left", "right"};
    std::uint32_t snaplen = 262'144;
  };
  explicit SegmentBytes(const Options& options);
  SegmentBytes() : SegmentBytes(Options()) {}

  // Appends a chunk; `others` are whole pcapng blocks behind the packets.
  void add_chunk(const std::vector<SegmentPacket>& packets, bool compressed = false,
                 const std::string& others = "");
  // An index page of the chunks since the last one, with the column Chunks and one of IPv4 without
  // entries.
  void add_index();
  // With a filter of 64 bytes for IPv4, and an Interface Statistics Block for each interface.
  void add_tail(bool recovered = false, std::uint64_t cut_bytes = 0);

  [[nodiscard]] const std::vector<std::uint8_t>& bytes() const { return bytes_; }
  [[nodiscard]] std::vector<std::uint8_t>& bytes() { return bytes_; }
  [[nodiscard]] const std::vector<SegmentUnit>& units() const { return units_; }
  [[nodiscard]] const std::vector<SegmentChunk>& chunks() const { return chunks_; }
  [[nodiscard]] std::uint32_t packets() const { return packets_; }

  // Little-endian numbers within a unit.
  void set32(std::size_t unit, std::size_t at, std::uint32_t value);
  void set64(std::size_t unit, std::size_t at, std::uint64_t value);
  void reseal(std::size_t unit);
  void write(const std::string& path) const;

 private:
  void add_unit(std::vector<std::uint8_t> unit, std::uint32_t block_offset);

  Options options_;
  std::vector<std::uint8_t> bytes_;
  std::vector<SegmentUnit> units_;
  std::vector<SegmentChunk> chunks_;
  std::vector<std::vector<std::uint8_t>> page_entries_;  // as the directory has them
  std::uint32_t packets_ = 0;
  std::size_t indexed_ = 0;
};

// Head, two plain chunks and a compressed one, index, a chunk with a Simple Packet Block, index,
// tail: 64 KiB.
SegmentBytes small_segment(const SegmentBytes::Options& options);
SegmentBytes small_segment();

}  // namespace weir::test
