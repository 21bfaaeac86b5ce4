#include "capture/retrieval/chunk_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <atomic>
#include <bit>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace weir::capture::retrieval {
namespace {

constexpr std::size_t kPage = 4096;

class ChunkFileTest : public testing::Test {
 protected:
  // Each page has bytes of its own.
  std::unique_ptr<ChunkFile> file_of(std::size_t bytes) {
    {
      std::ofstream out(path_, std::ios::binary);
      for (std::size_t i = 0; i < bytes; ++i) out.put(static_cast<char>(i / kPage + 1));
    }
    const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(::fsync(fd.get()), 0);
    EXPECT_EQ(::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
    return ChunkFile::open(path_, bytes_read_).value();
  }
  std::span<std::uint8_t> room(std::size_t bytes) {
    EXPECT_TRUE(memory_.grow(bytes));
    std::fill_n(memory_.data(), bytes, std::uint8_t{0});
    return {memory_.data(), bytes};
  }

  // tmpfs: its files are the page cache.
  [[nodiscard]] bool in_memory() const {
    struct statfs facts = {};
    return ::statfs(dir_.path().c_str(), &facts) == 0 && facts.f_type == TMPFS_MAGIC;
  }

  test::TempDir dir_;
  const std::string path_ = dir_.file("segment");
  std::atomic<std::uint64_t> bytes_read_{0};
  AlignedBytes memory_;
};

TEST_F(ChunkFileTest, PastTheCacheItReadsTheSameAndLeavesNothingInIt) {
  const auto file = file_of(8 * kPage);
  const auto into = room(4 * kPage);
  EXPECT_EQ(file->read_past_cache(2 * kPage, into).value(), 4 * kPage);
  for (std::size_t i = 0; i < into.size(); ++i) ASSERT_EQ(into[i], i / kPage + 3);
  EXPECT_EQ(file->in_cache(2 * kPage, 4 * kPage), in_memory());
  EXPECT_EQ(bytes_read_.load(), 4 * kPage);
}

TEST_F(ChunkFileTest, WithoutReadingAheadItReadsWhatItIsAskedForAlone) {
  const auto file = file_of(256 * kPage);
  file->stop_reading_ahead();
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(file->read_at(i * 4 * kPage, room(4 * kPage)).value(), 4 * kPage);
  }
  EXPECT_TRUE(file->in_cache(0, 32 * kPage));
  EXPECT_EQ(file->in_cache(32 * kPage, kPage), in_memory());
}

TEST_F(ChunkFileTest, PastTheCacheItEndsWhereTheFileEnds) {
  const auto file = file_of(2 * kPage + 100);
  const auto into = room(4 * kPage);
  EXPECT_EQ(file->read_past_cache(kPage, into).value(), kPage + 100);
  EXPECT_EQ(into[kPage + 99], 3);
  EXPECT_EQ(file->read_past_cache(8 * kPage, into).value(), 0u);
}

TEST_F(ChunkFileTest, ADeletedFileIsReadPastTheCacheToo) {
  const auto file = file_of(2 * kPage);
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  EXPECT_EQ(file->read_past_cache(kPage, room(kPage)).value(), kPage);
  EXPECT_EQ(memory_.data()[0], 2);
}

TEST_F(ChunkFileTest, WhatWasReadTheUsualWayIsInTheCache) {
  const auto file = file_of(2 * kPage);
  const auto into = room(2 * kPage);
  EXPECT_EQ(file->read_at(0, into).value(), 2 * kPage);
  EXPECT_TRUE(file->in_cache(0, 2 * kPage));
  EXPECT_FALSE(file->in_cache(0, 0));
  EXPECT_FALSE(file->in_cache(0, std::size_t{1} << 40));
  EXPECT_EQ(file->size().value(), 2 * kPage);
  EXPECT_EQ(file->read_at(std::uint64_t{1} << 63, into).value(), 0u);
}

TEST_F(ChunkFileTest, WhatIsNoFileIsRefused) {
  EXPECT_EQ(ChunkFile::open(dir_.path().string(), bytes_read_).error().code,
            ErrorCode::UnknownFormat);
  EXPECT_EQ(ChunkFile::open(path_, bytes_read_).error().code, ErrorCode::NotFound);
}

TEST(AlignedBytesTest, AreAlignedAndGrow) {
  AlignedBytes bytes;
  ASSERT_TRUE(bytes.grow(5000));
  EXPECT_EQ(bytes.size(), 8192u);
  EXPECT_EQ(std::bit_cast<std::uintptr_t>(bytes.data()) % 4096, 0u);
  const std::uint8_t* const before = bytes.data();
  ASSERT_TRUE(bytes.grow(100));
  EXPECT_EQ(bytes.data(), before);
}

}  // namespace
}  // namespace weir::capture::retrieval
