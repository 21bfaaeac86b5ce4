// A damaged file of samples gives no wrong sample and no crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fault_vfs.h"
#include "stores.h"

namespace weir::storage {
namespace {

using testing::HasSubstr;

constexpr int kSteps = 450;  // two windows and a half

double value_of(int step, int series) { return static_cast<double>(step * 1000 + series * 7 % 31); }

class TelemetryStoreDamage : public testing::Test {
 protected:
  std::string sound_file() {
    {
      const auto store = open_samples(path_, clock_);
      for (int step = 0; step < kSteps; ++step) {
        std::vector<StoredSample> samples;
        for (int s = 0; s < 80; ++s)
          samples.push_back({"m", labels_[static_cast<std::size_t>(s)], value_of(step, s)});
        EXPECT_TRUE(store->store(start_ + step * std::chrono::seconds(10), samples));
      }
    }
    return read_file(path_);
  }
  void SetUp() override {
    for (int s = 0; s < 80; ++s) labels_.push_back("s=\"" + std::to_string(100 + s) + "\"");
  }

  // How many points it gave, all of them true.
  std::size_t expect_only_truth(TelemetryStore& store) {
    const auto found =
        store.query({.metric = "m", .since = {}, .until = {INT64_MAX}, .points_max = 1'000'000});
    EXPECT_TRUE(found) << found.error().context;
    if (!found) return 0;
    std::size_t points = 0;
    for (const SampleSeries& series : *found) {
      const int s = std::stoi(series.labels.substr(3)) - 100;
      for (const auto& [time, value] : series.points) {
        const auto step = static_cast<int>((time - start_) / std::chrono::seconds(10));
        EXPECT_EQ(value, value_of(step, s)) << series.labels << " step " << step;
        EXPECT_EQ(time, start_ + step * std::chrono::seconds(10));
        ++points;
      }
    }
    return points;
  }

  FaultVfs vfs_;
  test::TempDir dir_;
  test::FakeClock clock_;
  Timestamp start_ = clock_.wall();
  std::vector<std::string> labels_;
  std::string path_ = dir_.file("samples.db");
};

TEST_F(TelemetryStoreDamage, AFlippedByteAnywhereGivesNoWrongSample) {
  const std::string sound = sound_file();
  Prng random(20'261'121);
  std::uint64_t whole = 0;
  std::uint64_t partly = 0;
  for (std::size_t round = 0; round < 160; ++round) {
    for (const auto& name : siblings(path_, "")) std::filesystem::remove(dir_.path() / name);
    const std::size_t at = round < 100 ? round : random.below(sound.size());
    SCOPED_TRACE("byte " + std::to_string(at));
    std::string damaged = sound;
    damaged[at] ^= static_cast<char>(1 + random.below(255));
    write_file(path_, damaged);
    RecordedWarnings warnings;
    auto opened = TelemetryStore::open(path_, {.observer = &warnings}, clock_);
    ASSERT_TRUE(opened) << opened.error().context;
    const std::size_t points = expect_only_truth(*opened->store);
    if (HasFailure()) return;
    whole += points == 80 * kSteps ? 1 : 0;
    partly += points > 0 && points < 80 * kSteps ? 1 : 0;
    // What is missing has been said.
    ASSERT_TRUE(points == 80 * kSteps || !opened->warning.empty() || !warnings.sentences.empty());
    const std::vector<StoredSample> more = {{"n", "", 1}};
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(opened->store->store(clock_.wall(), more));
    ASSERT_EQ(opened->store->query({.metric = "n", .since = {}, .until = {INT64_MAX}})->size(), 1U);
  }
  EXPECT_GT(whole, 50U);
  EXPECT_GT(partly, 15U);
}

TEST_F(TelemetryStoreDamage, DamageWhileItIsOpenIsFoundSaidAndMended) {
  (void)sound_file();
  RecordedWarnings warnings;
  auto opened = TelemetryStore::open(path_, {.observer = &warnings}, clock_);
  ASSERT_TRUE(opened);
  std::string content = read_file(path_);
  for (std::size_t page = 2; page < content.size() / 4096; ++page) {
    content.replace(page * 4096, 16, std::string(16, '\x7f'));
  }
  write_file(path_, content);
  for (int i = 0; i < 200 && warnings.sentences.empty(); ++i) {
    (void)expect_only_truth(*opened->store);
    const std::vector<StoredSample> more = {{"n", "", 1}, {"m", labels_[0], value_of(500 + i, 0)}};
    ASSERT_TRUE(opened->store->store(start_ + (500 + i) * std::chrono::seconds(10), more));
  }
  ASSERT_FALSE(warnings.sentences.empty());
  EXPECT_THAT(warnings.sentences[0], HasSubstr("store of samples"));
  EXPECT_THAT(warnings.sentences[0], HasSubstr(".damaged-"));
  const std::vector<StoredSample> more = {{"later", "", 5}};
  ASSERT_TRUE(opened->store->store(clock_.wall(), more));
  opened->store.reset();
  const auto again = open_samples(path_, clock_);
  EXPECT_EQ(again->query({.metric = "later", .since = {}, .until = {INT64_MAX}})->size(), 1U);
}

}  // namespace
}  // namespace weir::storage
