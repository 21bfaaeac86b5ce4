// A cgroup of the test's own whose memory can be limited, of whichever version has the memory here.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace weir::test {

// Below the test's own cgroup, so that the limits of whoever runs it hold; goes when the last of
// its processes is gone, which must be before this is destroyed.
class MemoryCgroup {
 public:
  MemoryCgroup() {
    const Parent parent = find_parent();
    version_1_ = parent.version_1;
    remove_leftovers(parent.directory);
    directory_ = parent.directory + "/" + std::string(kPrefix) + std::to_string(::getpid());
    if (::mkdir(directory_.c_str(), 0755) != 0) ADD_FAILURE() << directory_ << error();
  }
  ~MemoryCgroup() {
    // The kernel lets go of a process that was waited for a moment later.
    while (::rmdir(directory_.c_str()) != 0 && errno == EBUSY && !has_processes()) {
    }
    EXPECT_FALSE(std::filesystem::exists(directory_)) << "processes are left in " << directory_;
  }
  MemoryCgroup(const MemoryCgroup&) = delete;
  MemoryCgroup& operator=(const MemoryCgroup&) = delete;

  // The reason why there is none, or empty.
  static std::string why_not() {
    const Parent parent = find_parent();
    if (parent.directory.empty()) return "no cgroup whose children have a limit of memory";
    const std::string probe =
        parent.directory + "/" + std::string(kPrefix) + "probe-" + std::to_string(::getpid());
    if (::mkdir(probe.c_str(), 0755) != 0) return parent.directory + error();
    const bool limits = std::filesystem::exists(probe + "/" + limit_file(parent.version_1));
    ::rmdir(probe.c_str());
    return limits ? "" : parent.directory + ": its children have no limit of memory";
  }

  // Words that begin a command in it.
  [[nodiscard]] std::vector<std::string> enter() const {
    return {"sh", "-c", "echo $$ >\"$0\"/cgroup.procs && exec \"$@\"", directory_};
  }
  // False where the kernel could not take back as much as there is too much.
  [[nodiscard]] bool limit(std::uint64_t bytes) const {
    std::ofstream file(directory_ + "/" + limit_file(version_1_));
    file << bytes << std::flush;
    return file.good();
  }
  // Without file pages.
  [[nodiscard]] std::uint64_t taken() const {
    const std::uint64_t all = number_of(version_1_ ? "memory.usage_in_bytes" : "memory.current");
    const std::uint64_t files = row_of("memory.stat", "inactive_file") +  //
                                row_of("memory.stat", "active_file");
    return all - std::min(all, files);
  }
  [[nodiscard]] std::uint64_t file_pages() const {
    return row_of("memory.stat", "inactive_file") + row_of("memory.stat", "active_file");
  }
  // Processes that were killed because there was no more.
  [[nodiscard]] std::uint64_t killed() const {
    return row_of(version_1_ ? "memory.oom_control" : "memory.events", "oom_kill");
  }

 private:
  static constexpr std::string_view kPrefix = "weir-test-";
  struct Parent {
    std::string directory;
    bool version_1 = false;
  };

  static const char* limit_file(bool version_1) {
    return version_1 ? "memory.limit_in_bytes" : "memory.max";
  }
  static std::string error() { return std::string(": ") + std::strerror(errno); }

  static Parent find_parent() {
    std::ifstream self("/proc/self/cgroup");
    std::string version_2;
    for (std::string line; std::getline(self, line);) {
      if (const std::size_t at = line.find(":memory:"); at != std::string::npos) {
        return {.directory = "/sys/fs/cgroup/memory" + line.substr(at + 8), .version_1 = true};
      }
      if (line.starts_with("0::/")) version_2 = line.substr(3);
    }
    // One that has processes cannot hand out memory, but one above it does.
    std::filesystem::path path = "/sys/fs/cgroup" + version_2;
    for (; path.native().starts_with("/sys/fs/cgroup"); path = path.parent_path()) {
      std::ifstream file(path / "cgroup.subtree_control");
      for (std::string controller; file >> controller;) {
        if (controller == "memory") return {.directory = path.string()};
      }
    }
    return {};
  }
  // Of tests that were killed.
  static void remove_leftovers(const std::string& parent) {
    for (const auto& entry : std::filesystem::directory_iterator(parent)) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with(kPrefix)) continue;
      const int process = std::atoi(name.c_str() + kPrefix.size());
      if (process > 0 && ::kill(process, 0) != 0) ::rmdir(entry.path().c_str());
    }
  }
  [[nodiscard]] bool has_processes() const {
    std::ifstream file(directory_ + "/cgroup.procs");
    int process = 0;
    return static_cast<bool>(file >> process);
  }
  [[nodiscard]] std::uint64_t number_of(const std::string& name) const {
    std::ifstream file(directory_ + "/" + name);
    std::uint64_t number = 0;
    EXPECT_TRUE(file >> number) << name;
    return number;
  }
  [[nodiscard]] std::uint64_t row_of(const std::string& name, std::string_view key) const {
    std::ifstream file(directory_ + "/" + name);
    std::string word;
    for (std::uint64_t number = 0; file >> word >> number;) {
      if (word == key) return number;
    }
    ADD_FAILURE() << name << " has no " << key;
    return 0;
  }

  std::string directory_;
  bool version_1_ = false;
};

}  // namespace weir::test
