// `weir query` while its reader is slow, its store shrinks, or somebody stops it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/unique_fd.h"
#include "integration/query_fixture.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::ContainsRegex;

// A query that writes into a FIFO, whose other end the test has: it goes on as far as it is read.
class SlowQuery : public QueryFixture {
 protected:
  static constexpr std::uint64_t kSegments = 1000;
  static constexpr std::uint64_t kPackets = kSegments * kSmallPackets;

  void SetUp() override {
    fill_with_small_segments(kSegments);
    ASSERT_EQ(::mkfifo(fifo_.c_str(), 0600), 0);
  }
  // Opens the FIFO and reads the first packets: the query has looked at its store.
  void read_a_bit() {
    fd_ = UniqueFd(::open(fifo_.c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(fd_);
    while (answer_.size() < 32 * 1024) ASSERT_TRUE(read_some());
  }
  void read_the_rest() {
    while (read_some()) {
    }
    write_file(out_, answer_);
  }
  bool read_some() {
    std::array<char, 4096> piece;
    const ssize_t got = ::read(fd_.get(), piece.data(), piece.size());
    if (got <= 0) return false;
    answer_.append(piece.data(), static_cast<std::size_t>(got));
    return true;
  }

  const std::string fifo_ = dir_.file("fifo");
  UniqueFd fd_;
  std::string answer_;
};

TEST_F(SlowQuery, ThatIsInterruptedEndsItsAnswerWell) {
  Process query(weir({"query", store_, "--json", "-w", fifo_}));
  read_a_bit();
  query.signal(SIGINT);
  read_the_rest();
  const CommandResult result = query.wait();
  EXPECT_EQ(result.status, 0) << result.err;
  const json found = json::parse(result.out);
  EXPECT_EQ(found["limited"], true);
  EXPECT_EQ(found["complete"], false);
  const auto packets = found["packets"].get<std::uint64_t>();
  EXPECT_GT(packets, 0u);
  EXPECT_LT(packets, kPackets);
  EXPECT_EQ(packets_in(out_), packets);
}

TEST_F(SlowQuery, FromWhoseStoreSegmentsAreDeletedTellsHowMany) {
  Process query(weir({"query", store_, "--json", "-w", fifo_}));
  read_a_bit();
  const auto collected = run_weir({"store", "gc", store_, "--keep-size", "1MiB"});
  ASSERT_EQ(collected.status, 0) << collected.err;
  read_the_rest();
  const CommandResult result = query.wait();
  EXPECT_EQ(result.status, 0) << result.err;
  const json found = json::parse(result.out);
  EXPECT_EQ(found["complete"], false);
  EXPECT_GT(found["deleted"].size(), 0u);
  const auto packets = found["packets"].get<std::uint64_t>();
  EXPECT_LT(packets, kPackets);
  EXPECT_EQ(packets + found["expired"]["packets"].get<std::uint64_t>(), kPackets);
  EXPECT_EQ(packets_in(out_), packets);
}

TEST_F(SlowQuery, WhoseReaderGoesAwayFails) {
  Process query(weir({"query", store_, "--json", "-w", fifo_}));
  read_a_bit();
  fd_ = UniqueFd();
  const CommandResult result = query.wait();
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_EQ(json::parse(result.out)["complete"], false);
}

TEST_F(SlowQuery, ShowsHowFarItIsOnATerminal) {
  const UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal);
  ASSERT_EQ(::grantpt(terminal.get()), 0);
  ASSERT_EQ(::unlockpt(terminal.get()), 0);
  const std::string name = ::ptsname(terminal.get());
  std::vector<std::string> words = {"sh", "-c", "exec \"$@\" 2>\"$0\"", name};
  for (const std::string& word : weir({"query", store_, "-w", fifo_})) words.push_back(word);
  Process query(words);
  read_a_bit();
  std::string shown;
  // The bar, while the query waits for its reader.
  while (shown.find(" left") == std::string::npos) {
    std::array<char, 1024> piece;
    const ssize_t got = ::read(terminal.get(), piece.data(), piece.size());
    ASSERT_GT(got, 0) << shown;
    shown.append(piece.data(), static_cast<std::size_t>(got));
  }
  EXPECT_THAT(shown, ContainsRegex("packets  \\[#*\\.*\\] [0-9]+ %  .* of .* MiB"));
  read_the_rest();
  EXPECT_EQ(query.wait().status, 0);
  EXPECT_EQ(packets_in(out_), kPackets);
}

}  // namespace
}  // namespace weir::test
