// A store of packets: a directory of segments, which belongs to one engine at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"

namespace weir::storage::segment {

// "20261121T200000Z_0000000042_0.pcapng": when it was begun (UTC), its sequence number in the store
// (ten digits or more), the lane that wrote it.
struct SegmentName {
  Timestamp begun = {};  // whole seconds
  std::uint64_t sequence = 0;
  std::uint32_t lane = 0;
  friend bool operator==(const SegmentName&, const SegmentName&) = default;
};
// `begun` within the years 0 to 9999; what it has beyond seconds is left out.
[[nodiscard]] std::string segment_file_name(const SegmentName& name);
// Nothing: segment_file_name() does not make such a name.
[[nodiscard]] std::optional<SegmentName> parse_segment_file_name(std::string_view text) noexcept;

struct StoredSegment {
  std::string file;  // in the directory
  SegmentName name;
};
// "weir-store.spare-0": a file that becomes a segment of the lane.
[[nodiscard]] std::string spare_file_name(std::uint32_t lane);

struct StoreListing {
  std::vector<StoredSegment> segments;  // by sequence number
  std::vector<std::string> spares;      // left by a writer that died, unless one is at work
  // Names of other files and folders, sorted. Hidden ones and our own "weir-store.*" are not told.
  std::vector<std::string> foreign;
};
[[nodiscard]] Result<StoreListing> list_store(const std::string& directory);
// It has a segment, or a store was begun in it. False also of what is no directory.
[[nodiscard]] bool is_store(const std::string& directory) noexcept;

// DIR/weir-store.lock, as long as the object lives or its process does.
class StoreLock {
 public:
  // Makes the directory when its parent is there. Exists: another process has the lock.
  static Result<StoreLock> take(const std::string& directory);
  // Who has it: the number of the process, 0 when it has not said. Nothing: nobody, or it cannot be
  // told. Disturbs nobody who takes the lock.
  static std::optional<std::uint32_t> holder(const std::string& directory) noexcept;

 private:
  explicit StoreLock(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace weir::storage::segment
