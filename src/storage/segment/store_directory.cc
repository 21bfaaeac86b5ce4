#include "storage/segment/store_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <tuple>

#include "storage/segment/expired_log.h"

namespace weir::storage::segment {
namespace {

constexpr std::string_view kOwnPrefix = "weir-store.";
constexpr std::string_view kSparePrefix = "weir-store.spare-";
constexpr const char* kLockFile = "/weir-store.lock";
constexpr std::string_view kSuffix = ".pcapng";
constexpr std::size_t kSequenceDigits = 10;
// A lock file that is removed again and again before it is locked is somebody's mischief.
constexpr int kLockTries = 20;

struct CloseDirectory {
  void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};

// Takes a number of at least `digits` digits off the front.
template <typename T>
bool take_number(std::string_view& text, std::size_t digits, T& number) noexcept {
  const auto length = std::min(text.find_first_not_of("0123456789"), text.size());
  if (length < digits) return false;
  const char* const end = text.data() + length;
  const auto [stopped, status] = std::from_chars(text.data(), end, number);
  text.remove_prefix(length);
  return status == std::errc{} && stopped == end;
}

bool take_text(std::string_view& text, std::string_view expected) noexcept {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

// "20261121T200000Z" off the front.
std::optional<Timestamp> take_stamp(std::string_view& text) noexcept {
  constexpr std::string_view kForm = "00000000T000000Z";
  if (text.size() < kForm.size()) return std::nullopt;
  const auto part = [&](std::size_t at, std::size_t count) {
    int value = 0;
    for (const char c : text.substr(at, count)) value = value * 10 + (c - '0');
    return value;
  };
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == '0' ? !digit : text[i] != kForm[i]) return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(part(0, 4)),
                                         std::chrono::month(static_cast<unsigned>(part(4, 2))),
                                         std::chrono::day(static_cast<unsigned>(part(6, 2)))};
  // What a Timestamp holds.
  if (!date.ok() || part(0, 4) < 1678 || part(0, 4) > 2261) return std::nullopt;
  if (part(9, 2) > 23 || part(11, 2) > 59 || part(13, 2) > 59) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = days * 86'400 + part(9, 2) * 3600 + part(11, 2) * 60 + part(13, 2);
  text.remove_prefix(kForm.size());
  return Timestamp{seconds * 1'000'000'000};
}

// The file that the lock is on may have been removed, and another one made.
bool is_at(int fd, const std::string& path) noexcept {
  struct stat ours = {};
  struct stat there = {};
  return ::fstat(fd, &ours) == 0 && ::lstat(path.c_str(), &there) == 0 &&
         ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

std::uint32_t written_pid(int fd) noexcept {
  std::array<char, 16> text{};
  const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
  std::uint32_t pid = 0;
  if (got > 0) std::from_chars(text.data(), text.data() + got, pid);
  return pid;
}

Error in_use(const std::string& directory, std::uint32_t pid) {
  const std::string process = pid == 0 ? "another process" : "process " + std::to_string(pid);
  return {.code = ErrorCode::Exists,
          .context = "store " + directory + ": in use by " + process +
                     " (stop it, or choose another directory)"};
}

// The lock belongs to the open file, as flock's does, and can be asked about without taking it.
struct flock whole_file() noexcept {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  return whole;
}

// A full disk is no reason to fail: the lock holds without it.
void write_pid(int fd) noexcept {
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0) return;
  [[maybe_unused]] const ssize_t written = ::pwrite(fd, text.data(), text.size(), 0);
}

}  // namespace

std::string segment_file_name(const SegmentName& name) {
  using std::chrono::floor;
  const std::chrono::sys_time<Duration> point{Duration(name.begun.ns)};
  const auto day = floor<std::chrono::days>(point);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(floor<std::chrono::seconds>(point - day));
  std::array<char, 96> text;
  const int length = std::snprintf(
      text.data(), text.size(), "%04d%02u%02uT%02d%02d%02dZ_%010" PRIu64 "_%" PRIu32 ".pcapng",
      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
      name.sequence, name.lane);
  return {text.data(), static_cast<std::size_t>(length)};
}

std::optional<SegmentName> parse_segment_file_name(std::string_view text) noexcept {
  const std::string_view whole = text;
  SegmentName name;
  const auto begun = take_stamp(text);
  if (!begun) return std::nullopt;
  name.begun = *begun;
  const bool formed = take_text(text, "_") && take_number(text, kSequenceDigits, name.sequence) &&
                      take_text(text, "_") && take_number(text, 1, name.lane) && text == kSuffix;
  // One name only for each segment: no further zeros.
  if (!formed || segment_file_name(name) != whole) return std::nullopt;
  return name;
}

std::string spare_file_name(std::uint32_t lane) {
  return std::string(kSparePrefix) + std::to_string(lane);
}

Result<StoreListing> list_store(const std::string& directory) {
  const std::string what = "store " + directory;
  const std::unique_ptr<DIR, CloseDirectory> folder(::opendir(directory.c_str()));
  if (folder == nullptr) return system_error(errno, what);
  StoreListing listing;
  for (;;) {
    errno = 0;
    const dirent* const entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    const std::string_view file = &entry->d_name[0];
    if (file.starts_with(kSparePrefix)) listing.spares.emplace_back(file);
    if (file.starts_with('.') || file.starts_with(kOwnPrefix)) continue;
    if (const auto name = parse_segment_file_name(file)) {
      listing.segments.push_back({.file = std::string(file), .name = *name});
    } else {
      listing.foreign.emplace_back(file);
    }
  }
  if (errno != 0) return system_error(errno, what);
  std::sort(listing.segments.begin(), listing.segments.end(), [](const auto& a, const auto& b) {
    return std::tie(a.name.sequence, a.file) < std::tie(b.name.sequence, b.file);
  });
  std::sort(listing.foreign.begin(), listing.foreign.end());
  return listing;
}

bool is_store(const std::string& directory) noexcept {
  for (const std::string& own :
       {std::string(kLockFile), std::string("/weir-store.db"), std::string("/") + kExpiredFile}) {
    struct stat facts = {};
    if (::lstat((directory + own).c_str(), &facts) == 0 && S_ISREG(facts.st_mode)) return true;
  }
  const auto listing = list_store(directory);
  return listing && !listing->segments.empty();
}

Result<StoreLock> StoreLock::take(const std::string& directory) {
  const std::string what = "store " + directory;
  if (::mkdir(directory.c_str(), 0750) != 0 && errno != EEXIST) return system_error(errno, what);
  const std::string path = directory + kLockFile;
  for (int i = 0; i < kLockTries; ++i) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (!fd) return system_error(errno, "open " + path);
    struct flock whole = whole_file();
    if (::fcntl(fd.get(), F_OFD_SETLK, &whole) != 0) {
      if (errno == EAGAIN || errno == EACCES) return in_use(directory, written_pid(fd.get()));
      return system_error(errno, "lock " + path);
    }
    if (!is_at(fd.get(), path)) continue;
    write_pid(fd.get());
    return StoreLock(std::move(fd));
  }
  return in_use(directory, 0);
}

std::optional<std::uint32_t> StoreLock::holder(const std::string& directory) noexcept {
  const std::string path = directory + kLockFile;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct flock whole = whole_file();
  if (!fd || ::fcntl(fd.get(), F_OFD_GETLK, &whole) != 0 || whole.l_type == F_UNLCK) {
    return std::nullopt;
  }
  return written_pid(fd.get());
}

}  // namespace weir::storage::segment
