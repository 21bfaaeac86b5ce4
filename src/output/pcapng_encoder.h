// Turns batches into a stream of pcapng records, in memory that its owner hands in piece by piece.
// Knows sections, interfaces and the order of side blocks; knows nothing of files, blocks or pipes.
//
// Sections and interfaces of the output:
// - The stream begins with a Section Header. When the first batch begins with the Section Header of
//   an input, its options are in ours; each further one begins a new section in the output, with
//   its options.
// - All interfaces that the table holds when a batch is written are described before the packets of
//   the batch, in table order: also those without packets, so that a copy lists the interfaces of
//   the original. A section describes the interfaces from its Section Header's first one on, and
//   earlier ones when a packet uses them. Numbers in the output count from 0 in each section.
// - A batch without packets is welcome: it makes interfaces known.
//
// One thread. Allocates when interfaces or sections appear and when a side block is larger than all
// before; never for packets.
#pragma once

#include <cstdint>
#include <vector>

#include "base/capture_interface.h"
#include "base/packet_batch.h"
#include "base/verdicts.h"
#include "storage/pcapng/writer.h"

namespace weir::output {

// Whole records at the start of a stream.
struct Extent {
  std::uint64_t bytes = 0;
  std::uint64_t packets = 0;
};

// Where records go. A packet's record may begin anywhere before `end` and then end up to
// pcapng::kPacketRecordBytesMax behind it: that much memory must lie there.
struct Window {
  std::uint8_t* at = nullptr;
  std::uint8_t* end = nullptr;
};

class PcapngEncoder {
 public:
  explicit PcapngEncoder(storage::pcapng::SectionIdentity identity)
      : identity_(std::move(identity)) {}

  // The packets of the batch whose verdict has a bit of `session`, and all its side blocks. What is
  // passed must stay until fill() has returned true.
  void begin(const PacketBatch& batch, const InterfaceTable& interfaces, const Verdicts& verdicts,
             SessionMask session);
  // Encodes until the batch is done (true) or the window is full (false: call again with `at` in
  // the next window, behind what ran over the end of this one).
  bool fill(Window& window);
  // For a stream without any batch: its Section Header, in the same way.
  void begin_empty();

  // Everything encoded, including a record of which part is not yet in a window.
  [[nodiscard]] Extent extent() const noexcept { return {bytes_, packets_}; }
  // The records that end at or before `boundary`, which lies in the last record or at its end.
  [[nodiscard]] Extent extent_before(std::uint64_t boundary) const noexcept {
    if (bytes_ <= boundary) return extent();
    return {last_record_, packets_ - (last_is_packet_ ? 1 : 0)};
  }

 private:
  static constexpr std::uint32_t kNotDescribed = 0xffff'ffff;

  bool copy_scratch(Window& window);
  bool prepare();
  void prepare_section(const SideBlock* header);
  void prepare_interface(std::uint32_t index);
  void prepare_side_block(const SideBlock& block);
  void scratch_is_record();
  void find_described_end();
  void encode_packets(Window& window, std::uint32_t end);

  storage::pcapng::SectionIdentity identity_;
  bool in_section_ = false;
  std::vector<std::uint32_t>
      numbers_;  // by table index: number in the output's section, or kNotDescribed
  std::uint32_t numbers_used_ = 0;    // in this section
  std::uint32_t next_described_ = 0;  // table index of the next interface to describe unasked ...
  std::uint32_t described_end_ = 0;   // ... up to this one

  const PacketBatch* batch_ = nullptr;
  const InterfaceTable* interfaces_ = nullptr;
  const Verdicts* verdicts_ = nullptr;
  SessionMask session_ = 0;
  std::uint32_t next_packet_ = 0;
  std::uint32_t next_side_block_ = 0;

  std::vector<std::uint8_t> scratch_;  // one record that is no packet, on its way into windows
  std::size_t scratch_copied_ = 0;

  std::uint64_t bytes_ = 0;
  std::uint64_t packets_ = 0;
  std::uint64_t last_record_ = 0;  // where it begins
  bool last_is_packet_ = false;
};

// How many packets of the batch the session wants.
[[nodiscard]] std::uint32_t count_wanted(const PacketBatch& batch, const Verdicts& verdicts,
                                         SessionMask session) noexcept;

}  // namespace weir::output
