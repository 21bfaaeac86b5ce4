// Decides where packets may go: once, when an output is set up, and again when the rules have
// changed. What is granted is not a path, which somebody may make lead elsewhere, but the open
// directory that it led to: files are made through its descriptor from then on.
//
// Below an allowed directory no symbolic link is followed, at any place of the path, and neither is
// one on the way to the allowed directory: openat2(2), Linux 5.6. Where no directories are named
// nothing is opened, and paths are what they always were.
//
// Cost: six or seven system calls, about 20 us, for each output that is set up; none for a packet.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "security/destination_rules.h"

namespace weir::security {

// What is decided once. Any thread, but for confirm(); the descriptor lives as long as the grant.
class DestinationGrant {
 public:
  [[nodiscard]] DestinationKind kind() const noexcept { return kind_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }  // as it was asked for
  // Of the rules that it was decided by last.
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
  // The rules of this generation grant it, too (DestinationValidator::check()).
  void confirm(std::uint64_t generation) noexcept { generation_ = generation; }
  [[nodiscard]] bool confined() const noexcept { return directory_.get() >= 0; }
  // That of the directory: the destination itself, or the one that its files are in. -1: it is not
  // confined. For *at() calls: it cannot be read (O_PATH).
  [[nodiscard]] int directory() const noexcept { return directory_.get(); }
  // A path that leads through the descriptor, for who takes paths; as it was asked for when it is
  // not confined. Valid in this process, while the grant lives.
  [[nodiscard]] const std::string& at() const noexcept { return at_; }
  // Texts in which at() may stand, as people know the path.
  [[nodiscard]] std::string shown(std::string text) const;
  [[nodiscard]] Error shown(Error error) const;

  // The path leads to another directory by now, or to none. What is granted stays what it was.
  [[nodiscard]] bool moved() const noexcept;
  [[nodiscard]] bool same_directory(const DestinationGrant& other) const noexcept;

 private:
  friend class DestinationValidator;
  DestinationGrant(DestinationKind kind, std::string path, std::uint64_t generation)
      : kind_(kind), path_(std::move(path)), generation_(generation), at_(path_) {}

  DestinationKind kind_;
  std::string path_;
  std::uint64_t generation_;
  std::string at_;
  UniqueFd directory_;
  std::string directory_path_;  // as it was asked for
  std::string directory_at_;    // "/proc/self/fd/7/."
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

// Any thread; does not change.
class DestinationValidator {
 public:
  // All of the rules must allow.
  explicit DestinationValidator(std::vector<DestinationRulesOf> rules,
                                std::uint64_t generation = 1);

  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
  [[nodiscard]] const std::vector<DestinationRulesOf>& rules() const noexcept { return rules_; }
  // Whether directories are named.
  [[nodiscard]] bool confines() const noexcept;

  // Of tails and queries, which have no path. Errors: destination_refusal().
  [[nodiscard]] Result<void> allows(DestinationKind kind) const;
  // Pcapng: the directory that the file is in must be there; what stands at the path decides
  // whether it is Pcapng or Pipe. The others: the directory is made when only it is missing.
  // Errors: destination_refusal(); where paths are confined also NotFound, Exists (no directory),
  // Unsupported (kernel, no /proc), those of the system.
  [[nodiscard]] Result<DestinationGrant> validate(DestinationKind kind,
                                                  const std::string& path) const;
  // Whether these rules would grant it, too: a refusal when not. A directory that is gone is none:
  // what is granted is still there.
  [[nodiscard]] Result<void> check(const DestinationGrant& grant) const;

 private:
  [[nodiscard]] Result<UniqueFd> open_directory(const std::string& path, bool make,
                                                std::uint32_t mode) const;

  std::vector<DestinationRulesOf> rules_;
  std::uint64_t generation_;
};

}  // namespace weir::security
