// `weir read` into stores in several directories, as a user runs it.
#include <algorithm>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/pcap_bytes.h"
#include "integration/stored_packets.h"
#include "integration/weir_command.h"
#include "support/frames.h"
#include "support/temp_dir.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::uint64_t count_by_capinfos(const std::string& path) {
  const auto result = run_command({"capinfos", "-M", "-c", path});
  EXPECT_EQ(result.status, 0) << path << ": " << result.err;
  const std::size_t at = result.out.find("Number of packets:");
  return at == std::string::npos ? 0 : std::stoull(result.out.substr(at + 18));
}

class ReadStripes : public testing::Test {
 protected:
  std::vector<FrameBytes> write_input(std::uint32_t count) {
    std::vector<FrameBytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) frames.push_back(udp_frame(i, 700));
    write_file(dir_.file("in.pcap"), pcap_bytes(frames));
    return frames;
  }
  CommandResult read_into(const std::vector<std::string>& directories,
                          std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"read", dir_.file("in.pcap"), "--stats-json",
                                      dir_.file("stats.json")};
    for (const std::string& directory : directories) {
      words.insert(words.end(), {"--store", directory});
    }
    words.insert(words.end(), more.begin(), more.end());
    return run_weir(words);
  }
  json stats() { return json::parse(read_file(dir_.file("stats.json"))); }

  // Each directory is a good store of a part; together they have each frame once, and the rows say
  // how many are where.
  void expect_stored(const std::vector<std::string>& directories, std::vector<FrameBytes> frames) {
    const json rows = stats()["outputs"];
    ASSERT_EQ(rows.size(), directories.size());
    EXPECT_TRUE(law_holds(stats())) << stats();
    std::vector<FrameBytes> all;
    for (std::size_t i = 0; i < directories.size(); ++i) {
      SCOPED_TRACE(directories[i]);
      EXPECT_EQ(rows[i]["kind"], "store");
      EXPECT_EQ(rows[i]["path"], directories[i]);
      const auto files = read_store(directories[i]);
      std::uint64_t capinfos = 0;
      for (const StoredFile& file : files) {
        EXPECT_TRUE(file.sealed);
        EXPECT_TRUE(std::is_sorted(file.times.begin(), file.times.end()));
        capinfos += count_by_capinfos(file.path);
      }
      const auto part = frames_in(files);
      EXPECT_EQ(rows[i]["written"], part.size());
      EXPECT_EQ(capinfos, part.size());
      EXPECT_FALSE(part.empty());
      all.insert(all.end(), part.begin(), part.end());
      EXPECT_EQ(run_weir({"store", "verify", directories[i]}).status, 0);
    }
    std::sort(all.begin(), all.end());
    std::sort(frames.begin(), frames.end());
    EXPECT_TRUE(all == frames) << all.size() << " of " << frames.size();
  }

  TempDir dir_;
  const std::string a_ = dir_.file("a");
  const std::string b_ = dir_.file("b");
  const std::string c_ = dir_.file("c");
};

TEST_F(ReadStripes, TwoDirectoriesHaveEachPacketOnce) {
  const auto frames = write_input(10'000);
  const auto result = read_into({a_, b_}, {"--store-chunk", "64KiB", "--store-segment", "1MiB"});
  EXPECT_EQ(result.status, 0) << result.err;
  expect_stored({a_, b_}, frames);
}

TEST_F(ReadStripes, ThreeDirectoriesHaveEachPacketOnceCompressedToo) {
  const auto frames = write_input(10'000);
  const auto result =
      read_into({a_, b_, c_}, {"--store-chunk", "64KiB", "--store-durability", "chunk"});
  EXPECT_EQ(result.status, 0) << result.err;
  expect_stored({a_, b_, c_}, frames);
  for (const std::string& one : {a_, b_, c_}) std::filesystem::remove_all(one);
  const auto again =
      read_into({a_, b_, c_}, {"--store-chunk", "16KiB", "--store-compression", "zstd"});
  EXPECT_EQ(again.status, 0) << again.err;
  std::vector<FrameBytes> all;
  for (const std::string& one : {a_, b_, c_}) {
    const auto part = frames_in_store(one);
    all.insert(all.end(), part.begin(), part.end());
  }
  std::sort(all.begin(), all.end());
  auto sorted = frames;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_TRUE(all == sorted);
}

TEST_F(ReadStripes, TheOptionDoesNotTakeTheFileBehindIt) {
  const auto frames = write_input(10);
  const auto result = run_weir({"read", "--store", a_, "--store", b_, dir_.file("in.pcap")});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(frames_in_store(a_).size() + frames_in_store(b_).size(), frames.size());
}

TEST_F(ReadStripes, OneOfThemIsReadAndWrittenToAlone) {
  const auto frames = write_input(5000);
  ASSERT_EQ(read_into({a_, b_}, {"--store-chunk", "64KiB"}).status, 0);
  const std::size_t before = frames_in_store(b_).size();
  std::filesystem::remove_all(a_);
  const auto files = read_store(b_);
  const auto back = run_weir({"read", files[0].path, "-w", dir_.file("back.pcapng")});
  EXPECT_EQ(back.status, 0) << back.err;
  EXPECT_EQ(count_by_capinfos(dir_.file("back.pcapng")), files[0].frames.size());
  ASSERT_EQ(read_into({b_}).status, 0);
  EXPECT_EQ(frames_in_store(b_).size(), before + frames.size());
}

TEST_F(ReadStripes, OneDirectoryTwiceIsAnErrorHoweverItIsWritten) {
  write_input(1);
  std::filesystem::create_directory(a_);
  std::filesystem::create_symlink(a_, b_);
  for (const std::string& same : {a_, a_ + "/", dir_.file("./x/../a"), b_}) {
    SCOPED_TRACE(same);
    const auto result = read_into({a_, same});
    EXPECT_EQ(result.status, 2);
    EXPECT_THAT(result.err, HasSubstr("given twice"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(a_));
}

TEST_F(ReadStripes, ADirectoryThatCannotBeMadeEndsItBeforeItBegins) {
  write_input(1);
  const auto result = read_into({a_, dir_.file("not/there")});
  EXPECT_NE(result.status, 0);
  EXPECT_THAT(result.err, HasSubstr(dir_.file("not/there")));
  EXPECT_TRUE(read_store(a_).empty());
}

TEST_F(ReadStripes, StoreCommandsTakeSeveralDirectories) {
  const auto frames = write_input(5000);
  ASSERT_EQ(read_into({a_, b_}, {"--store-chunk", "64KiB"}).status, 0);
  const auto listed = run_weir({"store", "ls", a_, b_});
  EXPECT_EQ(listed.status, 0) << listed.err;
  EXPECT_THAT(listed.out, testing::StartsWith(a_ + ":\n"));
  EXPECT_THAT(listed.out, HasSubstr("\n" + b_ + ":\n"));
  const auto as_json = run_weir({"store", "ls", "--json", a_, b_});
  const std::size_t end = as_json.out.find('\n');
  std::uint64_t packets = 0;
  for (const std::string& line : {as_json.out.substr(0, end), as_json.out.substr(end + 1)}) {
    packets += json::parse(line)["segments"][0]["packets"].get<std::uint64_t>();
  }
  EXPECT_EQ(packets, frames.size());
  EXPECT_EQ(run_weir({"store", "verify", a_, b_}).status, 0);
  EXPECT_EQ(run_weir({"store", "repair", a_, b_}).status, 0);
  EXPECT_EQ(run_weir({"store", "gc", "--keep", "720h", a_, b_}).status, 0);
  EXPECT_EQ(run_weir({"store", "pin", a_, b_, "--since", "2026-11-21T20:00:00Z"}).status, 0);
  EXPECT_EQ(run_weir({"store", "unpin", b_, "1"}).status, 0);
  EXPECT_THAT(run_weir({"store", "pins", a_, b_}).out, HasSubstr(b_ + ":\nno pins"));
  // What is wrong with one is told, and the others are looked at.
  const auto files = read_store(a_);
  auto bytes = read_file(files[0].path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_file(files[0].path, bytes);
  const auto verified = run_weir({"store", "verify", a_, dir_.file("none"), b_});
  EXPECT_EQ(verified.status, 1);
  EXPECT_THAT(verified.err, HasSubstr(dir_.file("none")));
  EXPECT_THAT(verified.out, HasSubstr("finding"));
  EXPECT_THAT(verified.out, HasSubstr(": good"));
  EXPECT_EQ(run_weir({"store", "verify", a_, b_}).status, 1);
}

}  // namespace
}  // namespace weir::test
