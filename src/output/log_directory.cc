#include "output/log_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "base/unique_fd.h"
#include "output/log_archive.h"
#include "protocol/deep/records.h"

namespace weir::output {
namespace {

std::string file_name(std::string_view log) { return std::string(log) + ".log"; }

// "--logs PATH: WHY (HINT)".
Error refusal(ErrorCode code, const std::string& path, std::string_view why_and_hint) {
  return {.code = code, .context = "--logs " + path + ": " + std::string(why_and_hint)};
}
Error failure(int sys_errno, const std::string& path, std::string_view hint) {
  Error error = system_error(sys_errno, "--logs " + path);
  error.context += " (" + std::string(hint) + ")";
  return error;
}

class DiskLogFile final : public LogFile {
 public:
  explicit DiskLogFile(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  std::int64_t write(Bytes bytes) noexcept override {
    for (;;) {
      const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
      if (written >= 0) return written;
      if (errno != EINTR) return -errno;
    }
  }

  int cut(std::uint64_t bytes) noexcept override {
    struct stat facts = {};
    if (fstat(fd_.get(), &facts) != 0) return errno;
    return ftruncate(fd_.get(), facts.st_size - static_cast<off_t>(bytes)) == 0 ? 0 : errno;
  }

  int close() noexcept override { return ::close(fd_.release()) == 0 ? 0 : errno; }

  // A writer that was killed may have left half a line: ours must not become its other half.
  int begin_line() noexcept {
    struct stat facts = {};
    if (fstat(fd_.get(), &facts) != 0) return errno;
    if (facts.st_size == 0) return 0;
    char last = '\n';
    if (pread(fd_.get(), &last, 1, facts.st_size - 1) < 0) return errno;
    if (last == '\n') return 0;
    constexpr std::uint8_t kNewline = '\n';
    const std::int64_t written = write({&kNewline, 1});
    return written < 0 ? static_cast<int>(-written) : 0;
  }

 private:
  UniqueFd fd_;
};

class DiskLogDirectory final : public LogDirectory {
 public:
  // `links`: a flag of open(2).
  DiskLogDirectory(std::string path, UniqueFd fd, int links, ExistingLogs existing,
                   std::uint32_t archived_max)
      : path_(std::move(path)),
        fd_(std::move(fd)),
        links_(links),
        existing_(existing),
        archive_(path_, fd_.get(), archived_max) {}

  Result<std::unique_ptr<LogFile>> open(std::string_view log) override {
    const std::string name = file_name(log);
    // Unless appending, what is there has come since the directory was opened, and is not ours.
    const bool goes_on = existing_ == ExistingLogs::Append || ours_.contains(name);
    const int flags = links_ | (goes_on ? O_RDWR : O_RDWR | O_EXCL);
    UniqueFd fd(openat(fd_.get(), name.c_str(), flags | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
    if (!fd) return system_error(errno, "open " + path_ + "/" + name);
    ours_.insert(name);
    auto file = std::make_unique<DiskLogFile>(std::move(fd));
    if (const int error = file->begin_line(); error != 0) {
      return system_error(error, "append to " + path_ + "/" + name);
    }
    return std::unique_ptr<LogFile>(std::move(file));
  }

  void take_up() override {
    if (existing_ == ExistingLogs::Append) archive_.take_up();
  }

  Result<void> archive(std::string_view log, Timestamp begin) override {
    WEIR_CHECK(archive_.add(log, begin));
    ours_.erase(file_name(log));
    return ok();
  }

  [[nodiscard]] std::optional<Timestamp> written(std::string_view log) const override {
    struct stat facts = {};
    if (fstatat(fd_.get(), file_name(log).c_str(), &facts, 0) != 0 || facts.st_size == 0) {
      return std::nullopt;
    }
    return Timestamp{facts.st_mtim.tv_sec * 1'000'000'000 + facts.st_mtim.tv_nsec};
  }

  void finish() noexcept override { archive_.finish(); }
  std::optional<Error> take_failure() override { return archive_.take_failure(); }
  [[nodiscard]] const std::string& path() const noexcept override { return path_; }

 private:
  std::string path_;
  UniqueFd fd_;
  int links_;
  ExistingLogs existing_;
  std::set<std::string> ours_;  // that we made
  LogArchive archive_;
};

Result<UniqueFd> open_at(int directory, const std::string& name, const std::string& path) {
  UniqueFd fd(openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd && errno == ENOTDIR) {
    return refusal(ErrorCode::Exists, path, "it is no directory (name another)");
  }
  if (!fd || faccessat(fd.get(), ".", W_OK | X_OK, AT_EACCESS) != 0) {
    return failure(errno, path, "name a directory that you may write to");
  }
  return fd;
}

Result<UniqueFd> open_or_make(const std::string& path) {
  const bool made = mkdir(path.c_str(), 0777) == 0;
  if (!made && errno != EEXIST) {
    const int error = errno;
    return failure(error, path,
                   error == ENOENT || error == ENOTDIR
                       ? "weir makes this directory, but none above it"
                       : "name a directory that you may write to");
  }
  return open_at(AT_FDCWD, path, path);
}

Result<void> expect_empty(const std::string& path) {
  std::error_code error;
  const bool empty = std::filesystem::is_empty(path, error);
  if (error) return failure(error.value(), path, "its files could not be listed");
  if (empty) return ok();
  return refusal(ErrorCode::Exists, path,
                 "the directory is not empty (name a new one, or add --append or --overwrite)");
}

// Appending goes on with what is there: found out now, not when the first record comes.
Result<void> expect_writable(const std::string& path, int directory, const std::string& name,
                             int links) {
  struct stat facts = {};
  if (fstatat(directory, name.c_str(), &facts, links == 0 ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return ok();
    return failure(errno, path, name + " could not be looked at");
  }
  if (!S_ISREG(facts.st_mode)) {
    return refusal(ErrorCode::Exists, path, name + " is no regular file (move it away)");
  }
  if (faccessat(directory, name.c_str(), R_OK | W_OK, AT_EACCESS) != 0) {
    return failure(errno, path, name + " is there and cannot be appended to");
  }
  return ok();
}

Result<void> remove(const std::string& path, int directory, const std::string& name) {
  if (unlinkat(directory, name.c_str(), 0) == 0 || errno == ENOENT) return ok();
  return failure(errno, path, name + " could not be deleted");
}

}  // namespace

Result<std::unique_ptr<LogDirectory>> open_log_directory(const std::string& path,
                                                         ExistingLogs existing,
                                                         std::uint32_t archived_max, int held) {
  const int links = held >= 0 ? O_NOFOLLOW : 0;
  WEIR_TRY(UniqueFd fd, held >= 0 ? open_at(held, ".", path) : open_or_make(path));
  if (existing == ExistingLogs::Refuse) WEIR_CHECK(expect_empty(path));
  for (std::size_t log = 0; log < protocol::kLogCount; ++log) {
    const std::string name = file_name(protocol::name_of(static_cast<protocol::LogId>(log)));
    if (existing == ExistingLogs::Append) WEIR_CHECK(expect_writable(path, fd.get(), name, links));
    if (existing == ExistingLogs::Overwrite) WEIR_CHECK(remove(path, fd.get(), name));
  }
  return std::unique_ptr<LogDirectory>(
      std::make_unique<DiskLogDirectory>(path, std::move(fd), links, existing, archived_max));
}

}  // namespace weir::output
