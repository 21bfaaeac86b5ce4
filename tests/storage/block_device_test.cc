// The real devices on a real file system; what the kernel refuses here is reported by mode(), never
// by a failure.
#include "storage/block_device.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <numeric>

#include <gtest/gtest.h>

#include "buffer/block_pool.h"
#include "support/temp_dir.h"

namespace weir::storage {
namespace {

struct Wanted {
  bool direct;
  bool io_uring;
};

class BlockDeviceTest : public testing::TestWithParam<Wanted> {
 protected:
  static constexpr std::size_t kBytes = 64 * 1024;

  std::unique_ptr<BlockDevice> open(const std::string& path, std::uint32_t depth = 4) {
    auto device = open_block_device({.path = path,
                                     .direct = GetParam().direct,
                                     .io_uring = GetParam().io_uring,
                                     .queue_depth = depth,
                                     .buffers = pool_->memory()});
    EXPECT_TRUE(device) << device.error().context;
    return std::move(device).value();
  }
  std::string read(const std::string& path) const {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  buffer::Block block(char fill) {
    buffer::Block block = pool_->try_acquire();
    std::fill_n(block.data(), kBytes, static_cast<std::uint8_t>(fill));
    return block;
  }

  test::TempDir dir_;
  std::unique_ptr<buffer::BlockPool> pool_ = buffer::BlockPool::create(4, kBytes).value();
};

INSTANTIATE_TEST_SUITE_P(Modes, BlockDeviceTest,
                         testing::Values(Wanted{true, true}, Wanted{true, false},
                                         Wanted{false, false}),
                         [](const auto& wanted) {
                           return std::string(wanted.param.io_uring ? "IoUring" : "Posix") +
                                  (wanted.param.direct ? "Direct" : "Buffered");
                         });

TEST_P(BlockDeviceTest, WritesSeveralBlocksAtATimeWhereTheyBelong) {
  const std::string path = dir_.file("data");
  auto device = open(path);
  std::array<buffer::Block, 4> blocks = {block('a'), block('b'), block('c'), block('d')};
  for (const std::uint64_t i : {2U, 0U, 3U, 1U})
    device->submit({i, i * kBytes, blocks[i].data(), kBytes});
  EXPECT_EQ(device->in_flight(), 4U);
  std::array<bool, 4> seen{};
  while (device->in_flight() > 0) {
    std::array<WriteCompletion, 3> completions;
    const std::uint32_t count = device->reap(completions, Reap::Wait);
    ASSERT_GT(count, 0U);
    for (std::uint32_t i = 0; i < count; ++i) {
      EXPECT_EQ(completions[i].result, static_cast<std::int32_t>(kBytes));
      seen[completions[i].tag] = true;
    }
  }
  EXPECT_EQ(seen, (std::array{true, true, true, true}));
  ASSERT_TRUE(device->close());
  EXPECT_EQ(read(path), std::string(kBytes, 'a') + std::string(kBytes, 'b') +
                            std::string(kBytes, 'c') + std::string(kBytes, 'd'));
}

TEST_P(BlockDeviceTest, WritesMemoryThatIsNotRegisteredToo) {
  const std::string path = dir_.file("data");
  auto device = open(path);
  auto other = buffer::BlockPool::create(1, kBytes).value();
  const buffer::Block block = other->try_acquire();
  std::fill_n(block.data(), kBytes, std::uint8_t{'x'});
  device->submit({7, 0, block.data(), kBytes});
  std::array<WriteCompletion, 1> completions;
  ASSERT_EQ(device->reap(completions, Reap::Wait), 1U);
  EXPECT_EQ(completions[0].tag, 7U);
  EXPECT_EQ(completions[0].result, static_cast<std::int32_t>(kBytes));
  ASSERT_TRUE(device->close());
  EXPECT_EQ(read(path), std::string(kBytes, 'x'));
}

TEST_P(BlockDeviceTest, WritesATailOfAnyLengthAndGoesOnInItsBlock) {
  const std::string path = dir_.file("data");
  auto device = open(path);
  const buffer::Block first = block('a');
  EXPECT_EQ(device->write_tail(0, {first.data(), 1001}), 1001);
  EXPECT_EQ(read(path), std::string(1001, 'a'));
  std::fill_n(first.data() + 1001, kBytes - 1001, std::uint8_t{'b'});
  device->submit({0, 0, first.data(), kBytes});
  std::array<WriteCompletion, 1> completions;
  ASSERT_EQ(device->reap(completions, Reap::Wait), 1U);
  EXPECT_EQ(completions[0].result, static_cast<std::int32_t>(kBytes));
  EXPECT_EQ(device->write_tail(kBytes, {first.data(), 3}), 3);
  EXPECT_TRUE(device->sync_data());
  ASSERT_TRUE(device->close());
  EXPECT_EQ(read(path), std::string(1001, 'a') + std::string(kBytes - 1001, 'b') + "aaa");
}

TEST_P(BlockDeviceTest, CanLeaveDirectWritingOnTheSameFile) {
  const std::string path = dir_.file("data");
  auto device = open(path);
  ASSERT_TRUE(device->leave_direct());
  EXPECT_FALSE(device->direct());
  EXPECT_EQ(device->mode().find("O_DIRECT"), std::string_view::npos);
  const buffer::Block first = block('a');
  device->submit({0, 5, first.data() + 1, 100});  // no alignment needed any more
  std::array<WriteCompletion, 1> completions;
  ASSERT_EQ(device->reap(completions, Reap::Wait), 1U);
  EXPECT_EQ(completions[0].result, 100);
  ASSERT_TRUE(device->set_size(105));
  ASSERT_TRUE(device->close());
  EXPECT_EQ(read(path), std::string(5, '\0') + std::string(100, 'a'));
}

TEST_P(BlockDeviceTest, WaitsForWhatIsInFlightWhenItIsDestroyed) {
  const std::string path = dir_.file("data");
  auto device = open(path);
  const buffer::Block first = block('z');
  device->submit({0, 0, first.data(), kBytes});
  device.reset();
  EXPECT_EQ(read(path), std::string(kBytes, 'z'));
}

TEST_P(BlockDeviceTest, ReportsHowItWrites) {
  auto device = open(dir_.file("data"));
  const std::string mode(device->mode());
  EXPECT_TRUE(mode == "io_uring+O_DIRECT" || mode == "io_uring" || mode == "posix+O_DIRECT" ||
              mode == "posix")
      << mode;
  EXPECT_EQ(mode.find("O_DIRECT") != std::string::npos, device->direct());
  if (!GetParam().direct) {
    EXPECT_FALSE(device->direct());
  }
  if (!GetParam().io_uring) {
    EXPECT_EQ(mode.find("io_uring"), std::string::npos);
  }
}

TEST(OpenBlockDevice, EmptiesAnExistingFileUnlessToldOtherwise) {
  const test::TempDir dir;
  const std::string path = dir.file("data");
  std::ofstream(path) << "something";
  auto refused = open_block_device({.path = path, .existing = Existing::Refuse});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Exists);
  EXPECT_EQ(std::filesystem::file_size(path), 9U);
  ASSERT_TRUE(open_block_device({.path = path}));
  EXPECT_EQ(std::filesystem::file_size(path), 0U);
}

TEST(OpenBlockDevice, SaysWhatIsInTheWay) {
  const test::TempDir dir;
  auto directory = open_block_device({.path = dir.path().string()});
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, ErrorCode::Exists);
  EXPECT_NE(directory.error().context.find("is a directory"), std::string::npos);

  auto missing = open_block_device({.path = dir.file("no/where")});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
  EXPECT_NE(missing.error().context.find("no such directory " + dir.file("no")), std::string::npos);

  ASSERT_EQ(mkfifo(dir.file("fifo").c_str(), 0600), 0);
  auto fifo = open_block_device({.path = dir.file("fifo")});
  ASSERT_FALSE(fifo);
  EXPECT_EQ(fifo.error().code, ErrorCode::Exists);
}

}  // namespace
}  // namespace weir::storage
