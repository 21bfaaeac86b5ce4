// A disk that is soon full.
#pragma once

#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "base/unique_fd.h"
#include "support/command.h"

namespace weir::test {

// A file system of this size over the directory; only this process and its children see it.
class SmallDisk {
 public:
  SmallDisk(std::string directory, const char* size) : directory_(std::move(directory)) {
    EXPECT_EQ(::unshare(CLONE_NEWNS), 0) << std::strerror(errno);
    EXPECT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    const std::string options = std::string("size=") + size;
    EXPECT_EQ(::mount("none", directory_.c_str(), "tmpfs", 0, options.c_str()), 0)
        << std::strerror(errno);
  }
  void resize(const char* size) const {
    const std::string options = std::string("size=") + size;
    EXPECT_EQ(::mount("none", directory_.c_str(), "tmpfs", MS_REMOUNT, options.c_str()), 0)
        << std::strerror(errno);
  }
  ~SmallDisk() { ::umount2(directory_.c_str(), MNT_DETACH); }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  std::string directory_;
};

// ext4 on a file beside the directory: a disk with a journal, that can be taken away. Needs loop
// devices.
class Ext4Disk {
 public:
  // The reason why there is none, or empty.
  static std::string why_not() {
    return std::filesystem::exists("/dev/loop-control") ? "" : "no loop devices";
  }

  Ext4Disk(std::string directory, std::uint64_t bytes)
      : directory_(std::move(directory)), image_(directory_ + ".img") {
    EXPECT_EQ(::unshare(CLONE_NEWNS), 0) << std::strerror(errno);
    EXPECT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    std::ofstream(image_).flush();
    std::filesystem::resize_file(image_, bytes);
    std::filesystem::create_directory(directory_);
    EXPECT_EQ(run_command({"mkfs.ext4", "-q", "-F", "-m", "0", image_}).status, 0);
    mount();
  }
  ~Ext4Disk() {
    thaw();
    unmount();
  }
  Ext4Disk(const Ext4Disk&) = delete;
  Ext4Disk& operator=(const Ext4Disk&) = delete;

  void mount() {
    const auto mounted = run_command({"mount", "-o", "loop,errors=remount-ro", image_, directory_});
    EXPECT_EQ(mounted.status, 0) << mounted.err;
    mounted_ = mounted.status == 0;
  }
  void unmount() {
    if (!mounted_) return;
    // The kernel lets go of the writes of an engine that has ended a moment later.
    int tries = 100;
    CommandResult unmounted;
    do {
      unmounted = run_command({"umount", directory_});
    } while (unmounted.status != 0 && --tries > 0);
    EXPECT_EQ(unmounted.status, 0) << unmounted.err;
    mounted_ = false;
  }
  // As when the disk is pulled out: what is not on it will never be, and all that is asked of it
  // fails with EIO.
  void pull_out() const {
    constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);  // EXT4_IOC_SHUTDOWN
    std::uint32_t without_flushing_the_log = 2;
    const UniqueFd fd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EXPECT_EQ(::ioctl(fd.get(), kShutdown, &without_flushing_the_log), 0) << std::strerror(errno);
  }
  // As when the disk answers no more: whatever is written waits, until thaw(), or until this
  // process is gone, however it ends: nobody could end one that waits for a frozen disk.
  void freeze() {
    std::array<int, 2> alive{};
    std::array<int, 2> thawed{};
    ASSERT_EQ(::pipe2(alive.data(), O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(thawed.data(), O_CLOEXEC), 0);
    const UniqueFd fd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const pid_t child = ::fork();
    if (child == 0) {
      // Nobody's child, and in no group: whoever ends this process and its children misses it.
      if (::fork() != 0) ::_exit(0);
      ::setsid();
      ::close(alive[1]);
      ::close(thawed[0]);
      char nothing = 0;
      (void)!::read(alive[0], &nothing, 1);
      ::ioctl(fd.get(), FITHAW, 0);
      ::_exit(0);
    }
    EXPECT_EQ(::waitpid(child, nullptr, 0), child);
    ::close(alive[0]);
    ::close(thawed[1]);
    held_ = UniqueFd(alive[1]);
    thawed_ = UniqueFd(thawed[0]);
    ASSERT_EQ(::ioctl(fd.get(), FIFREEZE, 0), 0) << std::strerror(errno);
  }
  void thaw() {
    if (!held_) return;
    held_.reset();
    char nothing = 0;
    EXPECT_EQ(::read(thawed_.get(), &nothing, 1), 0);
  }
  // As when the file system finds itself damaged: it becomes read-only.
  void make_read_only() const {
    const auto device = run_command({"findmnt", "-n", "-o", "SOURCE", directory_});
    std::string name = device.out.substr(0, device.out.find_first_of(" \n"));
    name.erase(0, name.rfind('/') + 1);
    std::ofstream trigger("/sys/fs/ext4/" + name + "/trigger_fs_error");
    trigger << "a test" << std::flush;
    EXPECT_TRUE(trigger.good()) << name;
  }

 private:
  std::string directory_;
  std::string image_;
  bool mounted_ = false;
  UniqueFd held_;    // as long as it is frozen
  UniqueFd thawed_;  // ends when it is not any more
};

}  // namespace weir::test
