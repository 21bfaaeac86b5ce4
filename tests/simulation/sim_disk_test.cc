#include "support/sim_disk.h"

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::test {
namespace {

using storage::Reap;
using storage::WriteCompletion;

constexpr std::uint32_t kBlock = 4096;

class Blocks {
 public:
  explicit Blocks(std::uint32_t count) : bytes_(std::size_t{count} * kBlock) {
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      bytes_[i] = static_cast<std::uint8_t>(1 + i / 512 % 200);
    }
  }
  [[nodiscard]] storage::WriteOperation write(std::uint32_t block) const {
    const std::uint64_t offset = std::uint64_t{block} * kBlock;
    return {.tag = block, .offset = offset, .data = bytes_.data() + offset, .bytes = kBlock};
  }
  [[nodiscard]] const std::vector<std::uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

void reap_all(storage::BlockDevice& device) {
  WriteCompletion done;
  while (device.in_flight() > 0) {
    ASSERT_EQ(device.reap({&done, 1}, Reap::Wait), 1U);
    ASSERT_GE(done.result, 0);
  }
}

TEST(SimDisk, KeepsWhatWasSyncedWhenThePowerGoes) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Blocks blocks(2);
    SimDisk disk(seed, {});
    const auto device = disk.create("a", 8).value();
    device->submit(blocks.write(0));
    reap_all(*device);
    ASSERT_TRUE(device->sync_data());
    ASSERT_TRUE(disk.sync_directory());
    device->submit(blocks.write(1));
    reap_all(*device);
    disk.kill(Kill::Power);
    const auto& left = disk.image().at("a");
    ASSERT_GE(left.size(), kBlock);
    EXPECT_TRUE(std::equal(left.begin(), left.begin() + kBlock, blocks.bytes().begin()));
  }
}

TEST(SimDisk, MayLoseWhatWasNotSyncedWhenThePowerGoes) {
  std::set<std::size_t> sizes;
  std::uint32_t torn = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const Blocks blocks(1);
    SimDisk disk(seed, {});
    const auto device = disk.create("a", 8).value();
    ASSERT_TRUE(disk.sync_directory());
    device->submit(blocks.write(0));
    reap_all(*device);
    disk.kill(Kill::Power);
    const auto& left = disk.image().at("a");
    sizes.insert(left.size());
    torn += left != blocks.bytes() ? 1U : 0U;
  }
  EXPECT_TRUE(sizes.contains(0));
  EXPECT_TRUE(sizes.contains(kBlock));
  EXPECT_GT(torn, 20U);
  EXPECT_LT(torn, 50U);
}

TEST(SimDisk, DoesNotCoverWritesThatWereNotDoneWhenTheSyncWasAskedFor) {
  std::uint32_t lost = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const Blocks blocks(1);
    SimDisk disk(seed, {});
    const auto device = disk.create("a", 8).value();
    ASSERT_TRUE(disk.sync_directory());
    device->submit(blocks.write(0));
    device->submit_sync(99);
    reap_all(*device);
    disk.kill(Kill::Power);
    lost += disk.image().at("a") != blocks.bytes() ? 1U : 0U;
  }
  EXPECT_GT(lost, 20U);
}

TEST(SimDisk, KeepsAllThatWasCompletedWhenTheProcessIsKilled) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Blocks blocks(2);
    SimDisk disk(seed, {});
    const auto device = disk.create("a", 8).value();
    device->submit(blocks.write(0));
    reap_all(*device);
    disk.rename("a", "b");
    device->submit(blocks.write(1));
    disk.kill(Kill::Process);
    reap_all(*device);
    const auto& left = disk.image().at("b");
    ASSERT_GE(left.size(), kBlock);
    EXPECT_TRUE(std::equal(left.begin(), left.begin() + kBlock, blocks.bytes().begin()));
  }
}

TEST(SimDisk, MayForgetANameThatWasNotSynced) {
  std::set<std::string> names;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SimDisk disk(seed, {});
    const auto device = disk.create("a", 8).value();
    disk.rename("a", "b");
    disk.kill(Kill::Power);
    for (const auto& [name, bytes] : disk.image()) names.insert(name);
    if (disk.image().empty()) names.insert("none");
  }
  EXPECT_EQ(names, (std::set<std::string>{"a", "b", "none"}));
}

TEST(SimDisk, IsFullAtItsCapacity) {
  const Blocks blocks(2);
  SimDisk disk(1, {.capacity_bytes = kBlock + 512});
  const auto device = disk.create("a", 8).value();
  device->submit(blocks.write(0));
  reap_all(*device);
  WriteCompletion done;
  device->submit(blocks.write(1));
  ASSERT_EQ(device->reap({&done, 1}, Reap::Wait), 1U);
  EXPECT_EQ(done.result, 512);
  device->submit(blocks.write(1));
  ASSERT_EQ(device->reap({&done, 1}, Reap::Wait), 1U);
  EXPECT_EQ(done.result, 512);  // the same bytes again
  EXPECT_EQ(disk.create("b", 8).error().sys_errno, ENOSPC);
}

}  // namespace
}  // namespace weir::test
