#include "security/destination_validator.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

namespace weir::security {
namespace {

constexpr std::uint64_t kNoLinks = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
constexpr std::uint32_t kStoreMode = 0750;
constexpr std::uint32_t kLogsMode = 0777;

// Both the directory's own name and a file in it need only the right to search it.
UniqueFd open_beneath(int from, const std::string& path, std::uint64_t resolve) noexcept {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = resolve;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, from, path.c_str(), &how, sizeof how)));
}

Error open_error(int sys_errno, const std::string& path, const std::string& root) {
  switch (sys_errno) {
    case ELOOP:
      return destination_refusal(path,
                                 "a symbolic link is on the way to it (links are not followed "
                                 "where directories are allowed: write the path that it means)");
    case EXDEV:
      return destination_refusal(path, "leads out of " + root + " (choose a place below it)");
    case ENOTDIR:
      return {.code = ErrorCode::Exists,
              .context = "security: " + path + ": what should be a directory is none"};
    case ENOENT:
      return {.code = ErrorCode::NotFound,
              .context = "security: " + path + ": no such directory (create it first)"};
    case ENOSYS:
      return {.code = ErrorCode::Unsupported,
              .context = "security: " + path +
                         ": this kernel cannot confine paths (Linux 5.6 has openat2; or name no "
                         "directories in [security.destinations])"};
    default:
      return system_error(sys_errno, "security: " + path);
  }
}

std::string joined(const std::vector<std::string>& names, std::size_t begin, std::size_t end) {
  std::string text;
  for (std::size_t i = begin; i < end; ++i) text += (text.empty() ? "" : "/") + names[i];
  return text.empty() ? "." : text;
}

// The directory below one that is allowed; made if only it is missing and `make` says so.
Result<UniqueFd> open_below(const std::string& root, std::size_t root_names,
                            const std::vector<std::string>& names, const std::string& path,
                            std::optional<std::uint32_t> make) {
  const UniqueFd top = open_beneath(AT_FDCWD, root, kNoLinks);
  if (!top) return open_error(errno, root, root);
  constexpr std::uint64_t kBeneath = kNoLinks | RESOLVE_BENEATH;
  const std::string whole = joined(names, root_names, names.size());
  UniqueFd fd = open_beneath(top.get(), whole, kBeneath);
  if (!fd && errno == ENOENT && make && names.size() > root_names) {
    const UniqueFd parent =
        open_beneath(top.get(), joined(names, root_names, names.size() - 1), kBeneath);
    if (!parent) return open_error(errno, path, root);
    if (::mkdirat(parent.get(), names.back().c_str(), *make) != 0 && errno != EEXIST) {
      return open_error(errno, path, root);
    }
    fd = open_beneath(parent.get(), names.back(), kBeneath);
  }
  if (!fd) return open_error(errno, path, root);
  return fd;
}

bool is_file_kind(DestinationKind kind) noexcept {
  return kind == DestinationKind::Pcapng || kind == DestinationKind::Pipe;
}

// What of a path is a directory, and the name in it; the name is empty where all of it is.
struct Place {
  std::string directory;
  std::string name;
};
Place place_of(DestinationKind kind, const std::string& path) {
  if (!is_file_kind(kind)) return {.directory = path, .name = {}};
  const std::filesystem::path whole(path);
  return {.directory = whole.parent_path().string(), .name = whole.filename().string()};
}

bool is_pipe(const struct stat& facts) noexcept {
  return !S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode);
}

}  // namespace

std::string DestinationGrant::shown(std::string text) const {
  if (!confined()) return text;
  for (std::size_t at = 0; (at = text.find(directory_at_, at)) != std::string::npos;) {
    text.replace(at, directory_at_.size(), directory_path_);
    at += directory_path_.size();
  }
  return text;
}

Error DestinationGrant::shown(Error error) const {
  error.context = shown(std::move(error.context));
  return error;
}

bool DestinationGrant::moved() const noexcept {
  if (!confined()) return false;
  struct stat facts {};
  return ::lstat(directory_path_.c_str(), &facts) != 0 || facts.st_dev != device_ ||
         facts.st_ino != inode_;
}

bool DestinationGrant::same_directory(const DestinationGrant& other) const noexcept {
  if (confined() != other.confined()) return false;
  return !confined() || (device_ == other.device_ && inode_ == other.inode_);
}

DestinationValidator::DestinationValidator(std::vector<DestinationRulesOf> rules,
                                           std::uint64_t generation)
    : rules_(std::move(rules)), generation_(generation) {}

bool DestinationValidator::confines() const noexcept {
  return std::any_of(rules_.begin(), rules_.end(),
                     [](const DestinationRulesOf& of) { return !of.rules.directories.empty(); });
}

Result<void> DestinationValidator::allows(DestinationKind kind) const {
  for (const DestinationRulesOf& of : rules_) {
    const std::string why = refusal_of_kind(of, kind);
    if (!why.empty()) return destination_refusal(name_of(kind), why);
  }
  return ok();
}

// Below one directory of each of the rules: all of them must lead to the same.
Result<UniqueFd> DestinationValidator::open_directory(const std::string& path, bool make,
                                                      std::uint32_t mode) const {
  UniqueFd granted;
  struct stat first {};
  std::vector<std::string> names;
  std::vector<std::string> root;
  for (const DestinationRulesOf& of : rules_) {
    if (of.rules.directories.empty()) continue;
    if (const std::string why = refusal_of_path(of, path); !why.empty()) {
      return destination_refusal(path, why);
    }
    (void)split_path(path, names);
    std::optional<Error> failed;
    UniqueFd fd;
    for (const std::string& directory : of.rules.directories) {
      if (!split_path(directory, root) || !is_below(root, names)) continue;
      auto opened = open_below(directory, root.size(), names, path,
                               make ? std::optional(mode) : std::nullopt);
      if (opened) {
        fd = std::move(*opened);
        break;
      }
      failed = std::move(opened).error();
    }
    if (!fd) return std::move(*failed);
    struct stat facts {};
    if (::fstat(fd.get(), &facts) != 0) return system_error(errno, "security: " + path);
    if (!granted) {
      granted = std::move(fd);
      first = facts;
    } else if (facts.st_dev != first.st_dev || facts.st_ino != first.st_ino) {
      return destination_refusal(path, "was replaced while it was looked at (try again)");
    }
  }
  return granted;
}

Result<DestinationGrant> DestinationValidator::validate(DestinationKind kind,
                                                        const std::string& path) const {
  const auto in_error = [&](const std::string& why) { return destination_refusal(path, why); };
  DestinationGrant grant(kind, path, generation_);
  const Place place = place_of(kind, path);
  if (confines()) {
    if (is_file_kind(kind) && (place.name.empty() || place.name == "." || place.name == "..")) {
      return in_error("names no file");
    }
    const std::uint32_t mode = kind == DestinationKind::Logs ? kLogsMode : kStoreMode;
    WEIR_TRY(grant.directory_, open_directory(place.directory, !is_file_kind(kind), mode));
    struct stat facts {};
    if (::fstat(grant.directory_.get(), &facts) != 0) {
      return system_error(errno, "security: " + path);
    }
    grant.device_ = facts.st_dev;
    grant.inode_ = facts.st_ino;
    std::vector<std::string> names;
    (void)split_path(place.directory, names);
    // Without a slash at its end, which would lead through a link.
    grant.directory_path_ = "/" + (names.empty() ? "" : joined(names, 0, names.size()));
    // The dot makes what leads to the directory no link itself: who follows none takes it, too.
    grant.directory_at_ = "/proc/self/fd/" + std::to_string(grant.directory_.get()) + "/.";
    grant.at_ = place.name.empty() ? grant.directory_at_ : grant.directory_at_ + "/" + place.name;
    if (::stat(grant.directory_at_.c_str(), &facts) != 0 || facts.st_ino != grant.inode_) {
      return Error{.code = ErrorCode::Unsupported,
                   .context = "security: " + path +
                              ": paths are confined through /proc, which is not there (mount it)"};
    }
  }
  if (is_file_kind(kind)) {
    struct stat facts {};
    const bool there = grant.confined() ? ::fstatat(grant.directory(), place.name.c_str(), &facts,
                                                    AT_SYMLINK_NOFOLLOW) == 0
                                        : ::stat(path.c_str(), &facts) == 0;
    if (there && S_ISLNK(facts.st_mode)) {
      return in_error(
          "is a symbolic link (links are not followed where directories are allowed: write the "
          "path that it means)");
    }
    grant.kind_ = there && is_pipe(facts) ? DestinationKind::Pipe : DestinationKind::Pcapng;
  }
  for (const DestinationRulesOf& of : rules_) {
    if (const std::string why = refusal_of_kind(of, grant.kind_); !why.empty()) {
      return in_error(why);
    }
  }
  return grant;
}

Result<void> DestinationValidator::check(const DestinationGrant& grant) const {
  for (const DestinationRulesOf& of : rules_) {
    if (const std::string why = refusal_of_kind(of, grant.kind_); !why.empty()) {
      return destination_refusal(grant.path_, why);
    }
  }
  if (!confines()) return ok();
  const auto opened = open_directory(place_of(grant.kind_, grant.path_).directory, false, 0);
  if (opened || opened.error().code == ErrorCode::NotFound) return ok();
  return opened.error();
}

}  // namespace weir::security
