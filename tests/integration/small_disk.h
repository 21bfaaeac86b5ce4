// A file system that is soon full.
#pragma once

#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>
#include <string>

#include <gtest/gtest.h>

namespace weir::test {

// Of this size, over the directory; only this process and its children see it. Needs root.
class SmallDisk {
 public:
  SmallDisk(std::string directory, const char* size) : directory_(std::move(directory)) {
    EXPECT_EQ(::unshare(CLONE_NEWNS), 0) << std::strerror(errno);
    EXPECT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    const std::string options = std::string("size=") + size;
    EXPECT_EQ(::mount("none", directory_.c_str(), "tmpfs", 0, options.c_str()), 0)
        << std::strerror(errno);
  }
  ~SmallDisk() { ::umount2(directory_.c_str(), MNT_DETACH); }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  std::string directory_;
};

}  // namespace weir::test
