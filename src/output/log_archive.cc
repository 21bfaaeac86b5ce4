#include "output/log_archive.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/unique_fd.h"
#include "output/compress_file.h"
#include "output/utc_stamp.h"
#include "protocol/deep/records.h"

namespace weir::output {
namespace {

constexpr std::uint32_t kTwinsMax = 1000;  // logs of one interval

constexpr std::string_view kPlain = ".log";
constexpr std::string_view kCompressed = ".log.zst";
constexpr std::string_view kUnfinished = ".log.zst.tmp";

bool digits(std::string_view text) noexcept {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "20261121T200000Z", "20261121T200000Z_00002".
bool is_stamp(std::string_view text) noexcept {
  const std::size_t bar = text.find('_');
  return is_utc_stamp(text.substr(0, bar)) &&
         (bar == std::string_view::npos || digits(text.substr(bar + 1)));
}

bool is_log(std::string_view name) noexcept {
  for (std::size_t log = 0; log < protocol::kLogCount; ++log) {
    if (protocol::name_of(static_cast<protocol::LogId>(log)) == name) return true;
  }
  return false;
}

// 0 or an errno. `to` is not seen under its name before it is whole and on the disk.
int replace_compressed(int directory, const std::string& stem) {
  const std::string plain = stem + std::string(kPlain);
  const std::string whole = stem + std::string(kCompressed);
  const std::string part = stem + std::string(kUnfinished);
  const UniqueFd from(openat(directory, plain.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!from) return errno;
  const UniqueFd to(
      openat(directory, part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!to) return errno;
  int error = compress_file(from.get(), to.get());
  if (error == 0 && fdatasync(to.get()) != 0) error = errno;
  if (error == 0 && renameat(directory, part.c_str(), directory, whole.c_str()) != 0) error = errno;
  if (error != 0) {
    (void)unlinkat(directory, part.c_str(), 0);
    return error;
  }
  if (fsync(directory) != 0) return errno;
  return unlinkat(directory, plain.c_str(), 0) == 0 ? 0 : errno;
}

}  // namespace

std::optional<ArchivedLog> parse_archived_log(std::string_view name) noexcept {
  using Form = ArchivedLog::Form;
  for (const auto& [ending, form] :
       {std::pair(kPlain, Form::Plain), std::pair(kCompressed, Form::Compressed),
        std::pair(kUnfinished, Form::Unfinished)}) {
    if (!name.ends_with(ending)) continue;
    const std::string_view stem = name.substr(0, name.size() - ending.size());
    const std::size_t dot = stem.find('.');
    if (dot == std::string_view::npos || !is_stamp(stem.substr(dot + 1))) continue;
    if (!is_log(stem.substr(0, dot))) continue;
    return ArchivedLog{.log = stem.substr(0, dot), .stem = stem, .form = form};
  }
  return std::nullopt;
}

void LogArchive::take_up() {
  for (const std::string& name : names()) {
    const auto found = parse_archived_log(name);
    if (found->form == ArchivedLog::Form::Unfinished) {
      (void)unlinkat(directory_, name.c_str(), 0);
    } else if (found->form == ArchivedLog::Form::Plain) {
      work_.add(std::string(found->stem));
    }
  }
}

Result<void> LogArchive::add(std::string_view log, Timestamp begin) {
  const std::string from = std::string(log) + std::string(kPlain);
  const std::string first = std::string(log) + "." + utc_stamp(begin);
  std::string stem = first;
  for (std::uint32_t twin = 2;
       exists(stem + std::string(kPlain)) || exists(stem + std::string(kCompressed)); ++twin) {
    if (twin > kTwinsMax) {
      return Error{.code = ErrorCode::Exists,
                   .context = path_ + "/" + first + ".log: is there " + std::to_string(kTwinsMax) +
                              " times (move finished logs away)"};
    }
    std::array<char, 16> number;
    (void)std::snprintf(number.data(), number.size(), "_%05u", twin);
    stem = first + number.data();
  }
  const std::string to = stem + std::string(kPlain);
  if (renameat2(directory_, from.c_str(), directory_, to.c_str(), RENAME_NOREPLACE) != 0) {
    return system_error(errno, "rename " + path_ + "/" + from + " to " + to);
  }
  work_.add(stem);
  return ok();
}

void LogArchive::work_on(const std::string& stem) noexcept {
  compress(stem);
  prune(std::string_view(stem).substr(0, stem.find('.')));
}

void LogArchive::compress(const std::string& stem) {
  const int error = replace_compressed(directory_, stem);
  if (error == 0 || error == ENOENT) return;  // too old before its turn came
  Error failure = system_error(error, "compress " + path_ + "/" + stem + ".log");
  failure.context += " (it stays as it is; the next start tries again)";
  note(std::move(failure));
}

void LogArchive::prune(std::string_view log) {
  if (files_max_ == 0) return;
  std::vector<std::string> stems;
  for (const std::string& name : names()) {
    const auto found = parse_archived_log(name);
    if (found->log == log) stems.emplace_back(found->stem);
  }
  // Names sort as their times do.
  std::sort(stems.begin(), stems.end());
  stems.erase(std::unique(stems.begin(), stems.end()), stems.end());
  if (stems.size() <= files_max_) return;
  stems.resize(stems.size() - files_max_);
  for (const std::string& stem : stems) {
    for (const std::string_view ending : {kPlain, kCompressed}) {
      const std::string name = stem + std::string(ending);
      if (unlinkat(directory_, name.c_str(), 0) == 0 || errno == ENOENT) continue;
      Error failure = system_error(errno, "delete " + path_ + "/" + name);
      failure.context += " (logs older than those to be kept stay; delete them yourself)";
      note(std::move(failure));
    }
  }
}

// Finished logs, in no order.
std::vector<std::string> LogArchive::names() const {
  std::vector<std::string> found;
  const int fd = openat(directory_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(fd >= 0 ? fdopendir(fd) : nullptr, closedir);
  if (listing == nullptr) {
    if (fd >= 0) ::close(fd);
    return found;
  }
  while (const dirent* const entry = readdir(listing.get())) {
    if (parse_archived_log(entry->d_name)) found.emplace_back(entry->d_name);
  }
  return found;
}

bool LogArchive::exists(const std::string& name) const noexcept {
  return faccessat(directory_, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void LogArchive::note(Error error) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(error);
}

std::optional<Error> LogArchive::take_failure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failure_, std::nullopt);
}

}  // namespace weir::output
