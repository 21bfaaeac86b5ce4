// The options of a pcapng block, from the byte order of their section to the one form that weir
// keeps and writes: TLVs, little-endian, each padded to 32 bits, without opt_endofopt
// (draft-ietf-opsawg-pcapng, section 3.5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "storage/pcapng/blocks.h"

namespace weir::storage::pcapng {

struct NormalisedOptions {
  std::size_t bytes = 0;  // of the area, from its start: whole options without opt_endofopt
  bool well_formed =
      true;  // false: an option claims more bytes than the area has; `bytes` ends before it
};

// Brings the options in `area` (all bytes between a block's fixed part and its trailing length)
// into that form, in place: the result is never longer. Values whose layout is known for the block
// type are turned; all others are bytes.
NormalisedOptions normalise_options(std::span<std::uint8_t> area, ByteOrder order,
                                    BlockType block) noexcept;

struct Option {
  std::uint16_t code = 0;
  Bytes value;  // without padding
  Bytes whole;  // with code, length and padding
};

// Walks normalised options.
class OptionCursor {
 public:
  explicit OptionCursor(Bytes normalised) noexcept : rest_(normalised) {}
  [[nodiscard]] std::optional<Option> next() noexcept;

 private:
  Bytes rest_;
};

}  // namespace weir::storage::pcapng
