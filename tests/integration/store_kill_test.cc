// Engines that are killed at random moments while they write a store: each packet that was
// acknowledged is there once, byte for byte, nothing is invented, and the next start puts the store
// in order. WEIR_STORE_KILLS: how many such engines; WEIR_STORE_SEED: where the seeds begin.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "app/human.h"
#include "base/prng.h"
#include "integration/capture_fixture.h"
#include "integration/stored_packets.h"

namespace weir::test {
namespace {

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text != nullptr ? std::stoull(text) : otherwise;
}
std::uint64_t first_seed() { return number_from("WEIR_STORE_SEED", 1); }
// One of ten captures, the others read.
std::uint64_t captures() { return number_from("WEIR_STORE_KILLS", 20) / 10; }
std::uint64_t reads() { return number_from("WEIR_STORE_KILLS", 20) - captures(); }

template <typename T>
T one_of(Prng& random, std::initializer_list<T> values) {
  return *(values.begin() + random.below(values.size()));
}

std::vector<std::string> store_options(Prng& random, const std::string& store) {
  return {"--store",
          store,
          "--store-chunk",
          one_of<std::string>(random, {"4KiB", "64KiB", "300KiB", "1MiB"}),
          "--store-segment",
          one_of<std::string>(random, {"1MiB", "3MiB", "64MiB"}),
          "--store-durability",
          one_of<std::string>(random, {"none", "chunk", "segment"}),
          "--store-compression",
          one_of<std::string>(random, {"none", "zstd"})};
}

std::string text_of(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += word + " ";
  return text;
}

// Frames of one size or of many, together up to `bytes`.
std::vector<FrameBytes> some_frames(Prng& random, std::uint32_t& next, std::uint64_t bytes) {
  const std::size_t size = one_of<std::size_t>(random, {0, 60, 300, 1514});
  std::vector<FrameBytes> frames;
  for (std::uint64_t sum = 0; sum < bytes && frames.size() < 20'000; sum += frames.back().size()) {
    frames.push_back(udp_frame(next++, size != 0 ? size : 60 + random.below(1400)));
  }
  return frames;
}

// A pipe that an engine reads packets from, as somebody else's capture.
class Feed {
 public:
  explicit Feed(const std::string& path) {
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    pipe_ = UniqueFd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_TRUE(pipe_);
  }
  void write(const std::string& bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t written = ::write(pipe_.get(), bytes.data() + done, bytes.size() - done);
      ASSERT_GT(written, 0);
      done += static_cast<std::size_t>(written);
    }
  }
  // Until the reader has taken everything.
  void wait_until_taken(Process& reader) {
    for (int waiting = 1; waiting > 0;) {
      reader.wait_for_stderr_for("never printed", 1);
      ASSERT_EQ(::ioctl(pipe_.get(), FIONREAD, &waiting), 0);
    }
  }

 private:
  UniqueFd pipe_;
};

class StoreKill : public Capture {
 protected:
  // Nothing, when it was killed before it had made the directory.
  [[nodiscard]] std::vector<StoredFile> stored() const {
    if (!std::filesystem::exists(store_)) return {};
    return read_store(store_);
  }
  // What an engine that was killed has left, behind what was there before: the beginning of what it
  // was offered, and all that it said it had written.
  void look(const std::vector<FrameBytes>& offered, const std::string& said) {
    const auto frames = frames_in(stored());
    ASSERT_GE(frames.size(), before_.size());
    ASSERT_TRUE(std::equal(before_.begin(), before_.end(), frames.begin()));
    const std::size_t own = frames.size() - before_.size();
    ASSERT_LE(own, offered.size());
    ASSERT_TRUE(std::equal(offered.begin(), offered.begin() + static_cast<std::ptrdiff_t>(own),
                           frames.begin() + static_cast<std::ptrdiff_t>(before_.size())));
    ASSERT_GE(own, last_written(said, store_).value_or(0)) << said;
    before_ = frames;
  }
  // The next start seals what was not, and changes nothing else.
  void expect_recovered() {
    std::uint64_t unsealed = 0;
    for (const StoredFile& file : stored()) unsealed += file.sealed ? 0 : 1;
    write_file(dir_.file("empty.pcap"), pcap_bytes({}));
    const auto result = run_weir({"read", dir_.file("empty.pcap"), "--store", store_});
    ASSERT_EQ(result.status, 0) << result.err;
    std::uint64_t told = 0;
    for (std::size_t at = 0; (at = result.err.find(".pcapng: ", at)) != std::string::npos; ++at) {
      ++told;
    }
    EXPECT_EQ(told, unsealed) << result.err;
    const auto files = stored();
    for (const StoredFile& file : files) EXPECT_TRUE(file.sealed) << file.path;
    EXPECT_TRUE(frames_in(files) == before_);
    const auto verified = run_weir({"store", "verify", store_});
    EXPECT_EQ(verified.status, 0) << verified.out;
  }

  const std::string store_ = dir_.file("packets");
  std::vector<FrameBytes> before_;
};

class StoreKillRead : public StoreKill, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(StoreKillRead, WhatItHasWrittenIsThereAndNothingElse) {
  const std::uint64_t seed = first_seed() + GetParam();
  Prng random(seed);
  std::uint32_t next = 0;
  const std::uint64_t lives = 1 + random.below(2);
  for (std::uint64_t life = 0; life < lives; ++life) {
    const auto options = store_options(random, store_);
    SCOPED_TRACE("seed " + std::to_string(seed) + ", life " + std::to_string(life) + ": " +
                 text_of(options));
    const std::string fifo = dir_.file("fifo" + std::to_string(life));
    Feed feed(fifo);
    auto words = weir({"read", fifo});
    words.insert(words.end(), options.begin(), options.end());
    Process process(words);
    std::string header = pcap_bytes({});
    std::vector<FrameBytes> offered;
    const std::uint64_t rounds = 1 + random.below(4);
    for (std::uint64_t round = 0; round < rounds; ++round) {
      const auto frames = some_frames(random, next, random.below(1'500'000));
      feed.write(header + pcap_bytes(frames).substr(24));
      header.clear();
      offered.insert(offered.end(), frames.begin(), frames.end());
      if (random.chance(1, 3)) continue;
      feed.wait_until_taken(process);
      process.signal(SIGUSR1);
      if (random.chance(1, 2)) process.wait_for_stderr_for("weir: wrote", 20);
    }
    process.signal(SIGKILL);
    const auto result = process.wait();
    ASSERT_EQ(result.status, 128 + SIGKILL) << result.err;
    look(offered, result.err);
    if (testing::Test::HasFatalFailure()) return;
  }
  SCOPED_TRACE("seed " + std::to_string(seed));
  expect_recovered();
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreKillRead, testing::Range(std::uint64_t{0}, reads()));

class StoreKillCapture : public StoreKill, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(StoreKillCapture, WhatItHasWrittenIsThereAndNothingElse) {
  const std::uint64_t seed = first_seed() + 1'000'000 + GetParam();
  Prng random(seed);
  const auto options = store_options(random, store_);
  SCOPED_TRACE("seed " + std::to_string(seed) + ": " + text_of(options));
  const std::string workers = random.chance(1, 2) ? "1" : "2";
  auto words = options;
  words.insert(words.end(), {"--workers", workers});
  auto process = start(words);
  std::uint32_t next = 0;
  std::vector<FrameBytes> offered;
  TrafficSocket sender("tap");
  const std::uint64_t rounds = 1 + random.below(5);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const auto frames = some_frames(random, next, random.below(1'500'000));
    sender.send(frames);
    offered.insert(offered.end(), frames.begin(), frames.end());
    process->signal(SIGUSR1);
    if (random.chance(1, 2)) process->wait_for_stderr_for("weir: wrote", 20);
  }
  process->signal(SIGKILL);
  const auto result = process->wait();
  ASSERT_EQ(result.status, 128 + SIGKILL) << result.err;
  if (workers == "1") {
    look(offered, result.err);
  } else {
    // Each of two workers has written a part: no packet twice, none that was not sent.
    before_ = frames_in(stored());
    auto stored = before_;
    std::sort(stored.begin(), stored.end());
    std::sort(offered.begin(), offered.end());
    EXPECT_TRUE(std::includes(offered.begin(), offered.end(), stored.begin(), stored.end()));
    EXPECT_EQ(std::adjacent_find(stored.begin(), stored.end()), stored.end());
    EXPECT_GE(stored.size(), last_written(result.err, store_).value_or(0)) << result.err;
  }
  if (testing::Test::HasFatalFailure()) return;
  expect_recovered();
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreKillCapture, testing::Range(std::uint64_t{0}, captures()));

TEST_F(StoreKill, OnAQuietLineAFewPacketsAreWrittenSoonAndThereAfterwards) {
  auto process = start({"--store", store_, "--store-durability", "chunk"});
  std::uint32_t next = 0;
  Prng random(first_seed());
  const auto frames = some_frames(random, next, 5'000);
  TrafficSocket("tap").send(frames);
  const std::string wanted = "weir: wrote " + app::count_text(frames.size()) + " packets";
  do {
    process->signal(SIGUSR1);
  } while (!process->wait_for_stderr_for(wanted, 50));
  process->signal(SIGKILL);
  look(frames, process->wait().err);
  EXPECT_EQ(before_.size(), frames.size());
  expect_recovered();
}

// Killed while it recovers, it is recovered by the next.
TEST_F(StoreKill, RecoveryThatIsKilledIsRecoveredFrom) {
  auto process = start({"--store", store_, "--store-chunk", "4KiB"});
  Prng random(first_seed());
  std::uint32_t next = 0;
  const auto frames = some_frames(random, next, 3'000'000);
  TrafficSocket("tap").send(frames);
  do {
    process->signal(SIGUSR1);
  } while (!process->wait_for_stderr_for("received " + app::count_text(frames.size()) + ",", 50));
  process->signal(SIGKILL);
  look(frames, process->wait().err);
  write_file(dir_.file("empty.pcap"), pcap_bytes({}));
  for (int i = 0; i < 5; ++i) {
    Process recovering(weir({"read", dir_.file("empty.pcap"), "--store", store_}));
    recovering.wait_for_stderr_for("never printed", 60 + 20 * i);
    recovering.signal(SIGKILL);
    (void)recovering.wait();
    EXPECT_TRUE(frames_in(stored()) == before_);
  }
  expect_recovered();
}

}  // namespace
}  // namespace weir::test
