#include "storage/segment/expired_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "base/unique_fd.h"
#include "storage/crc32c.h"
#include "storage/direct_file.h"

namespace weir::storage::segment {
namespace {

constexpr std::uint32_t kRecordMagic = 0x70786577;  // "wexp"
constexpr std::uint8_t kRecordVersion = 1;
constexpr std::uint8_t kCounted = 1;  // flag
constexpr std::uint32_t kCrcAt = kExpiredRecordBytes - 4;
constexpr std::size_t kRecordsMax = 2 * kExpiredKept;

std::uint64_t sum(std::uint64_t a, std::uint64_t b) noexcept {
  return a > std::numeric_limits<std::uint64_t>::max() - b
             ? std::numeric_limits<std::uint64_t>::max()
             : a + b;
}

bool is_whole(const std::uint8_t* at) noexcept {
  return load_le32(at) == kRecordMagic && load_le32(at + kCrcAt) == crc32c({at, kCrcAt});
}

// Nothing: of a newer version.
std::optional<ExpiredRecord> record_at(const std::uint8_t* at) noexcept {
  if (at[4] > kRecordVersion || at[5] >= kDeletionReasons || load_le32(at + 8) == 0) {
    return std::nullopt;
  }
  const auto time = [at](std::size_t offset) {
    return Timestamp{static_cast<std::int64_t>(load_le64(at + offset))};
  };
  return ExpiredRecord{
      .name = {.begun = time(24), .sequence = load_le64(at + 16), .lane = load_le32(at + 12)},
      .segments = load_le32(at + 8),
      .reason = static_cast<DeletionReason>(at[5]),
      .counted = (at[6] & kCounted) != 0,
      .deleted = time(32),
      .times = {.first = time(40), .last = time(48)},
      .packets = load_le64(at + 56),
      .bytes = load_le64(at + 64),
      .lost = load_le64(at + 72)};
}

// The records without those at the end that are not whole.
Bytes without_torn_end(Bytes bytes) noexcept {
  std::size_t count = bytes.size() / kExpiredRecordBytes;
  while (count > 0 && !is_whole(bytes.data() + (count - 1) * kExpiredRecordBytes)) --count;
  return bytes.first(count * kExpiredRecordBytes);
}

Result<UniqueFd> open_file(const std::string& path, int flags) {
  // A pipe or a device in its place does not hold anybody up.
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640));
  if (!fd) return system_error(errno, "open " + path);
  struct stat facts {};
  if (::fstat(fd.get(), &facts) != 0) return system_error(errno, "open " + path);
  if (!S_ISREG(facts.st_mode)) {
    return Error{.code = ErrorCode::Damaged, .context = "open " + path + ": is no file"};
  }
  return fd;
}

// From the first record that is within the bounds.
struct FileBytes {
  std::uint64_t begin = 0;
  std::vector<std::uint8_t> bytes;
};
Result<FileBytes> read_file(int fd, const std::string& path) {
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) return system_error(errno, "read " + path);
  const auto records = static_cast<std::uint64_t>(facts.st_size) / kExpiredRecordBytes;
  const std::uint64_t wanted = std::min<std::uint64_t>(records, kRecordsMax);
  FileBytes read{.begin = (records - wanted) * kExpiredRecordBytes,
                 .bytes = std::vector<std::uint8_t>(wanted * kExpiredRecordBytes)};
  std::size_t done = 0;
  while (done < read.bytes.size()) {
    const ssize_t got = ::pread(fd, read.bytes.data() + done, read.bytes.size() - done,
                                static_cast<off_t>(read.begin + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(errno, "read " + path);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  read.bytes.resize(done);
  return read;
}

std::vector<std::uint8_t> bytes_of(std::span<const ExpiredRecord> records) {
  std::vector<std::uint8_t> bytes(records.size() * kExpiredRecordBytes);
  for (std::size_t i = 0; i < records.size(); ++i) {
    put_expired(bytes.data() + i * kExpiredRecordBytes, records[i]);
  }
  return bytes;
}

Result<void> write_synced(int fd, std::uint64_t offset, Bytes bytes, const std::string& path) {
  for (std::size_t done = 0; done < bytes.size();) {
    const std::int64_t written = write_at(fd, offset + done, bytes.subspan(done));
    if (written <= 0) return system_error(static_cast<int>(-written), "write " + path);
    done += static_cast<std::size_t>(written);
  }
  if (::fdatasync(fd) != 0) return system_error(errno, "write " + path);
  return ok();
}

Result<void> sync_directory(const std::string& directory) {
  const UniqueFd folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) return system_error(errno, "write " + directory);
  return ok();
}

ExpiredRecord together(std::span<const ExpiredRecord> records) {
  ExpiredRecord all = records.back();
  all.segments = 0;
  all.reason = records.front().reason;
  for (const ExpiredRecord& one : records) {
    all.segments = static_cast<std::uint32_t>(std::min<std::uint64_t>(
        std::uint64_t{all.segments} + one.segments, std::numeric_limits<std::uint32_t>::max()));
    if (one.reason != all.reason) all.reason = DeletionReason::Several;
    all.counted = all.counted && one.counted;
    all.deleted = std::max(all.deleted, one.deleted);
    all.times.cover(one.times);
  }
  all.packets = all.bytes = all.lost = 0;
  for (const ExpiredRecord& one : records) {
    all.packets = sum(all.packets, one.packets);
    all.bytes = sum(all.bytes, one.bytes);
    all.lost = sum(all.lost, one.lost);
  }
  return all;
}

// In the place of the file, whose records these are.
Result<void> rewrite(const std::string& directory, std::vector<ExpiredRecord> records) {
  const std::string path = directory + "/" + kExpiredFile;
  const std::string fresh = path + ".new";
  if (records.size() > kExpiredKept) {
    const std::size_t old = records.size() - kExpiredKept + 1;
    records[old - 1] = together(std::span(records).first(old));
    records.erase(records.begin(), records.begin() + static_cast<std::ptrdiff_t>(old - 1));
  }
  WEIR_TRY(const UniqueFd fd, open_file(fresh, O_WRONLY | O_CREAT | O_TRUNC));
  if (auto written = write_synced(fd.get(), 0, bytes_of(records), fresh); !written) {
    (void)::unlink(fresh.c_str());
    return written;
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return system_error(errno, "write " + path);
  return sync_directory(directory);
}

}  // namespace

std::string_view name_of(DeletionReason reason) noexcept {
  constexpr std::array<std::string_view, kDeletionReasons> kNames = {"age", "size", "free_space",
                                                                     "others", "several"};
  return kNames[static_cast<std::size_t>(reason)];
}

void put_expired(std::uint8_t* at, const ExpiredRecord& record) noexcept {
  const auto put_time = [at](std::size_t offset, Timestamp time) {
    store_le(at + offset, static_cast<std::uint64_t>(time.ns));
  };
  std::memset(at, 0, kExpiredRecordBytes);
  store_le(at, kRecordMagic);
  at[4] = kRecordVersion;
  at[5] = static_cast<std::uint8_t>(record.reason);
  at[6] = record.counted ? kCounted : 0;
  store_le(at + 8, record.segments);
  store_le(at + 12, record.name.lane);
  store_le(at + 16, record.name.sequence);
  put_time(24, record.name.begun);
  put_time(32, record.deleted);
  put_time(40, record.times.first);
  put_time(48, record.times.last);
  store_le(at + 56, record.packets);
  store_le(at + 64, record.bytes);
  store_le(at + 72, record.lost);
  store_le(at + kCrcAt, crc32c({at, kCrcAt}));
}

ExpiredRecords parse_expired(Bytes bytes) {
  ExpiredRecords found;
  const Bytes whole = without_torn_end(bytes);
  for (std::size_t at = 0; at < whole.size(); at += kExpiredRecordBytes) {
    const std::uint8_t* const place = whole.data() + at;
    const auto record = is_whole(place) ? record_at(place) : std::nullopt;
    if (record) {
      found.records.push_back(*record);
    } else {
      ++found.unknown;
    }
  }
  return found;
}

Result<ExpiredRecords> read_expired(const std::string& directory) {
  const std::string path = directory + "/" + kExpiredFile;
  auto fd = open_file(path, O_RDONLY);
  if (!fd) {
    if (fd.error().code == ErrorCode::NotFound) return ExpiredRecords{};
    return std::move(fd).error();
  }
  WEIR_TRY(const FileBytes file, read_file(fd->get(), path));
  return parse_expired(file.bytes);
}

Result<void> append_expired(const std::string& directory, std::span<const ExpiredRecord> records) {
  if (records.empty()) return ok();
  const std::string path = directory + "/" + kExpiredFile;
  const bool fresh = ::access(path.c_str(), F_OK) != 0;
  WEIR_TRY(const UniqueFd fd, open_file(path, O_RDWR | O_CREAT));
  WEIR_TRY(const FileBytes file, read_file(fd.get(), path));
  const std::uint64_t end = file.begin + without_torn_end(file.bytes).size();
  if (end / kExpiredRecordBytes + records.size() > kRecordsMax) {
    ExpiredRecords all = parse_expired(file.bytes);
    all.records.insert(all.records.end(), records.begin(), records.end());
    return rewrite(directory, std::move(all.records));
  }
  if (auto written = write_synced(fd.get(), end, bytes_of(records), path); !written) {
    [[maybe_unused]] const int cut = ::ftruncate(fd.get(), static_cast<off_t>(end));
    return written;
  }
  return fresh ? sync_directory(directory) : ok();
}

}  // namespace weir::storage::segment
