// What was deleted from a store, in DIR/weir-store.expired: so that whoever asks for packets of
// some time is told how many of them were there once. The manifest knows it too, but belongs to the
// engine alone; this file is read by anybody, without a lock, also where nothing can be written.
//
// Records of one size, each with a checksum, one behind the other, the oldest first. A record is on
// the disk before its segment is deleted: one whose segment is still there tells nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "storage/segment/format.h"
#include "storage/segment/retention.h"
#include "storage/segment/store_directory.h"

namespace weir::storage::segment {

// The first three are those of retention.
enum class DeletionReason : std::uint8_t {
  Age = 0,
  Size = 1,
  FreeSpace = 2,
  Others = 3,   // somebody else deleted it, as the engine found when it started
  Several = 4,  // of several segments
};
inline constexpr std::size_t kDeletionReasons = 5;
[[nodiscard]] std::string_view name_of(DeletionReason reason) noexcept;  // "age", ... "others"
[[nodiscard]] constexpr DeletionReason reason_of(ExpiryReason reason) noexcept {
  return static_cast<DeletionReason>(reason);
}

struct ExpiredRecord {
  SegmentName name;            // of several: of the last one
  std::uint32_t segments = 1;  // more: the oldest ones, which are told together
  DeletionReason reason{};
  bool counted = true;  // false: it was damaged; nobody knows its packets and their times
  Timestamp deleted;    // of several: the last of them
  TimeSpan times;       // of its packets
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;  // of the file
  std::uint64_t lost = 0;   // packets that are missing before ones of it
  friend bool operator==(const ExpiredRecord&, const ExpiredRecord&) = default;
};

inline constexpr const char* kExpiredFile = "weir-store.expired";
inline constexpr std::uint32_t kExpiredRecordBytes = 96;
// A file of twice as many is written anew: so many of the newest, and one for all before them.
inline constexpr std::size_t kExpiredKept = 65'536;

// kExpiredRecordBytes at `at`.
void put_expired(std::uint8_t* at, const ExpiredRecord& record) noexcept;

struct ExpiredRecords {
  std::vector<ExpiredRecord> records;
  // Damaged ones, or of a newer version, between others: deletions that nobody knows of.
  std::uint64_t unknown = 0;
};
// Any bytes, as the end of a file of records that begins at a record. What was torn at the end was
// not followed by a deletion, and is passed over.
[[nodiscard]] ExpiredRecords parse_expired(Bytes bytes);
// None when there is no file. At most twice kExpiredKept, the newest. Errors: Permission, Io,
// Damaged (it is no file).
[[nodiscard]] Result<ExpiredRecords> read_expired(const std::string& directory);
// For the one who has the lock of the store. When it returns well they are on the disk. Errors:
// NoSpace, Permission, Io, Damaged; the file is as it was.
Result<void> append_expired(const std::string& directory, std::span<const ExpiredRecord> records);

}  // namespace weir::storage::segment
