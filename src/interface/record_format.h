// The walk over the records of one capture file in memory: what pcap and pcapng have in common.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/packet_batch.h"

namespace weir::interface {

// The most bytes of a file that have to be in memory together: a record or block that is looked at
// as a whole. A longer one is damage, or its rest is skipped unseen.
inline constexpr std::uint32_t kRecordBytesMax = kBatchBytesMax;
inline constexpr std::size_t kSideBlocksMax = 64;  // in one batch

// What a file held and weir does not hand on. Nothing of it is a packet.
struct LeftOut {
  std::uint64_t unknown_blocks = 0;  // types that weir does not know, or that ask not to be copied
  std::uint64_t damaged_blocks =
      0;  // accessory blocks (names, statistics, secrets) that break their own layout
  std::uint64_t oversized_blocks = 0;  // accessory blocks beyond kBatchBytesMax
  std::uint64_t packet_options =
      0;  // packets whose options were broken or beyond kPacketOptionsBytesMax
};

// A batch on the way to being full.
struct BatchFill {
  PacketBatch& batch;
  std::array<SideBlock, kSideBlocksMax>& side_blocks;
  std::uint32_t packets_max;
  std::uint32_t side_count = 0;
  std::uint32_t bytes = 0;       // frames, options and side blocks, against kBatchBytesMax
  std::uint64_t wire_bytes = 0;  // of the packets

  [[nodiscard]] bool empty() const noexcept { return batch.count == 0 && side_count == 0; }
  // Room for `more` bytes; anything fits into an empty batch.
  [[nodiscard]] bool has_room(std::size_t more) const noexcept {
    return bytes + more <= kBatchBytesMax;
  }
};

// Why a walk ended, and how far it came.
struct Walk {
  enum class Stop : std::uint8_t {
    BatchFull,  // records are left, the batch takes no more
    NeedBytes,  // `length` bytes from `consumed` on have to be in memory (or the file may end, when
                // none are)
    Skip,       // `length` bytes from `consumed` on are of no interest
    Damaged,    // at `consumed` the file breaks its format; damage() says how
  };
  Stop stop = Stop::NeedBytes;
  std::size_t consumed = 0;
  std::size_t length = 0;
};

struct Damage {
  ErrorCode code = ErrorCode::Damaged;
  std::string what;
  std::string_view hint;
};

class RecordFormat {
 public:
  virtual ~RecordFormat() = default;
  RecordFormat() = default;
  RecordFormat(const RecordFormat&) = delete;
  RecordFormat& operator=(const RecordFormat&) = delete;

  // Appends packets and side blocks of `window` to the batch; they borrow its bytes, which the walk
  // may rewrite in place to bring them into the host's byte order. One call per batch.
  virtual Walk walk(std::span<std::uint8_t> window, BatchFill& fill) = 0;
  // More bytes must come, although the last walk consumed everything.
  [[nodiscard]] virtual bool unfinished() const noexcept = 0;
  [[nodiscard]] const Damage& damage() const noexcept { return damage_; }
  // "packet record", "block": what a cut file is cut in.
  [[nodiscard]] virtual std::string_view record_name() const noexcept = 0;
  [[nodiscard]] virtual LeftOut left_out() const noexcept { return {}; }

 protected:
  Walk damaged(std::size_t at, std::string what, std::string_view hint,
               ErrorCode code = ErrorCode::Damaged) {
    damage_ = {code, std::move(what), hint};
    return {Walk::Stop::Damaged, at, 0};
  }

 private:
  Damage damage_;
};

}  // namespace weir::interface
