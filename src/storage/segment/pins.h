// What of a store must stay, whatever its bounds say: ranges of time, in DIR/weir-store.pins, a
// line each. People set them while an engine is at work.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "storage/segment/format.h"

namespace weir::storage::segment {

struct Pin {
  std::uint64_t id = 0;  // from 1, not used again
  Timestamp since = {std::numeric_limits<std::int64_t>::min()};
  Timestamp until = {std::numeric_limits<std::int64_t>::max()};  // the last moment that is meant
  Timestamp set;                                                 // when
  std::string note;  // printable, at most kPinNoteBytesMax

  [[nodiscard]] bool covers(const TimeSpan& times) const noexcept {
    return times.empty() || (times.first <= until && times.last >= since);
  }
  friend bool operator==(const Pin&, const Pin&) = default;
};
inline constexpr std::size_t kPinNoteBytesMax = 200;
inline constexpr std::size_t kPinsMax = 1000;

// None when there is no file. Damaged: a line that nobody has written so; then nothing may be
// deleted.
[[nodiscard]] Result<std::vector<Pin>> read_pins(const std::string& directory);
// Adds it under the next number, which is returned. One process at a time; on the disk on return.
// Errors: Usage (a note that is too long or has control characters; too many), those of files.
[[nodiscard]] Result<std::uint64_t> add_pin(const std::string& directory, Pin pin);
// NotFound: there is no such pin.
[[nodiscard]] Result<void> remove_pin(const std::string& directory, std::uint64_t id);

}  // namespace weir::storage::segment
