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
// Losses: what a batch's gap says, what the session dropped of it, and what lose_rest() gave up, is
// remembered for its interface until a packet of that interface is encoded, which then carries the
// sum (epb_dropcount and a comment).
//
// One thread. Allocates when interfaces or sections appear and when a side block is larger than all
// before; never for packets.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "base/capture_interface.h"
#include "base/packet_batch.h"
#include "base/verdicts.h"
#include "buffer/block_pool.h"
#include "output/loss.h"
#include "output/section_counts.h"
#include "storage/pcapng/writer.h"

namespace weir::output {

// Whole records at the start of a stream.
struct Extent {
  std::uint64_t bytes = 0;
  std::uint64_t packets = 0;
};

// Where records go. A packet's record may begin anywhere before `end` and then end up to
// kWindowSlackBytes behind it: that much memory must lie there.
inline constexpr std::uint32_t kWindowSlackBytes = static_cast<std::uint32_t>(
    align_up(storage::pcapng::kPacketRecordBytesMax, buffer::kBlockAlignment));
// Room for a batch: one of the largest size, and 128 KiB for the framing of side blocks, for
// sections and interfaces that appear with it and for what tells of losses.
inline constexpr std::uint32_t kBatchRoomBytes =
    kBatchBytesMax + kBatchPacketsMax * storage::pcapng::kPacketFramingBytesMax + 128 * 1024;

struct Window {
  std::uint8_t* at = nullptr;
  std::uint8_t* end = nullptr;
};

enum class Fill : std::uint8_t {
  Done,        // all of the batch is in windows
  WindowFull,  // call again with `at` in the next window, behind what ran over the end of this one
  Limit,       // the next record belongs into another stream
};

// Where a stream ends: its next record would make it longer than `bytes` (with the statistics that
// end it), or has a time of `time` or later. A stream holds one packet at least before `bytes`
// counts.
struct StreamLimit {
  static constexpr std::uint64_t kNoBytes = std::numeric_limits<std::uint64_t>::max();
  static constexpr Timestamp kNoTime = {std::numeric_limits<std::int64_t>::max()};
  std::uint64_t bytes = kNoBytes;
  Timestamp time = kNoTime;
};

class PcapngEncoder {
 public:
  // Without `counts` sections end without statistics.
  explicit PcapngEncoder(storage::pcapng::SectionIdentity identity,
                         std::optional<SectionCounts> counts = std::nullopt);

  // The packets of the batch whose verdict has a bit of `session`, and all its side blocks;
  // `dropped`: what the session dropped of it. What is passed must stay until fill() has returned
  // Done.
  void begin(const PacketBatch& batch, const InterfaceTable& interfaces, const Verdicts& verdicts,
             SessionMask session, std::span<const PressureLoss> dropped = {});
  // For a stream without any batch: its Section Header, in the same way.
  void begin_empty();
  // The statistics that end the section (none without counts), in the same way; a batch that has
  // met a limit keeps its place.
  void begin_end();
  Fill fill(Window& window);

  // After Limit and the statistics: a new stream, in which fill() goes on with the batch.
  void begin_stream();
  void set_limit(const StreamLimit& limit) noexcept { limit_ = limit; }
  // After Limit: the packet that comes next, or null at the end of the batch.
  [[nodiscard]] const Packet* next_packet() const noexcept {
    return next_packet_ < batch_->count ? &batch_->packets[next_packet_] : nullptr;
  }
  // Gives up what is left of the batch: how many wanted packets these are. They are lost for want
  // of room.
  std::uint32_t lose_rest();

  // Everything encoded into this stream, including a record of which part is not yet in a window.
  [[nodiscard]] Extent extent() const noexcept { return {bytes_, packets_}; }
  // The records that end at or before `boundary`, which lies in the last record or at its end.
  [[nodiscard]] Extent extent_before(std::uint64_t boundary) const noexcept {
    if (bytes_ <= boundary) return extent();
    return {last_record_, packets_ - (last_is_packet_ ? 1 : 0)};
  }

 private:
  static constexpr std::uint32_t kNotDescribed = 0xffff'ffff;
  enum class Next : std::uint8_t { Scratch, Packet, Limit };

  bool copy_scratch(Window& window);
  bool prepare_description(Next& next);
  Next prepare();
  bool prepare_statistics();
  void prepare_section(const SideBlock* header);
  Next prepare_interface(std::uint32_t index);
  Next prepare_side_block(const SideBlock& block);
  void scratch_is_record();
  void find_described_end();
  [[nodiscard]] std::uint64_t room() const noexcept;
  [[nodiscard]] bool fits(std::uint64_t bytes) const noexcept {
    return packets_ == 0 || bytes <= room();
  }
  [[nodiscard]] bool belongs_later(const Packet& packet) const noexcept {
    return packet.has_time && limit_.time != StreamLimit::kNoTime && packet.time >= limit_.time;
  }
  void note(InterfaceId interface, const Loss& loss);
  void note_gap();
  void note_rest();
  [[nodiscard]] bool wanted(std::uint32_t packet) const noexcept {
    return (verdicts_->wanted[packet] & session_) != 0;
  }
  [[nodiscard]] Loss& loss_before(std::uint32_t packet) noexcept {
    return losses_[batch_->packets[packet].interface.index];
  }
  [[nodiscard]] std::uint32_t find_loss(std::uint32_t end) noexcept;
  [[nodiscard]] std::uint32_t find_limit(std::uint32_t end) const noexcept;
  Fill fill_packets(Window& window, std::uint32_t end);
  Fill encode_after_loss(Window& window);
  void encode_packets(Window& window, std::uint32_t end);

  storage::pcapng::SectionIdentity identity_;
  std::optional<SectionCounts> counts_;
  bool in_section_ = false;
  std::vector<std::uint32_t>
      numbers_;  // by table index: number in the output's section, or kNotDescribed
  std::uint32_t numbers_used_ = 0;    // in this section
  std::uint32_t next_described_ = 0;  // table index of the next interface to describe unasked ...
  std::uint32_t described_end_ = 0;   // ... up to this one
  bool ending_ = false;
  std::uint32_t next_ended_ = 0;  // table index of the next interface to end

  InterfaceTable known_;  // the interfaces of all batches so far, for sections to come

  const PacketBatch* batch_ = nullptr;
  const Verdicts* verdicts_ = nullptr;
  SessionMask session_ = 0;
  std::uint32_t next_packet_ = 0;
  std::uint32_t next_side_block_ = 0;

  StreamLimit limit_;
  std::vector<Loss> losses_;               // by table index
  std::uint32_t losses_open_ = 0;          // of these, how many are not zero
  bool gap_open_ = false;                  // the batch's gap is not yet among them
  std::span<const PressureLoss> dropped_;  // of the batch, not yet among them
  std::vector<std::uint8_t> with_loss_;    // options of a packet with those that tell a loss

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
