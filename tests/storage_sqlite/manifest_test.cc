// The manifest remembers segments, those that are gone too.
#include "storage/segment/manifest.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace weir::storage::segment {
namespace {

struct Heard final : StoreObserver {
  void store_warning(std::string_view sentence) override { sentences.emplace_back(sentence); }
  std::vector<std::string> sentences;
};

ManifestRow row(std::uint64_t sequence, LifeState state = LifeState::Sealed) {
  return {.sequence = sequence,
          .file = "20231114T221320Z_000000000" + std::to_string(sequence) + "_1.pcapng",
          .lane = 1,
          .state = state,
          .begun = {1000},
          .ended = {2000},
          .times = {.first = {-5}, .last = {1500}},
          .packets = 17,
          .bytes = 65536,
          .lost = 3,
          .why = state == LifeState::Expired ? "age" : ""};
}

TEST(Manifest, KeepsRowsByTheirNumbersAndReplacesThem) {
  const test::TempDir dir;
  const test::FakeClock clock;
  {
    const auto manifest = Manifest::open(dir.path(), clock, nullptr).value();
    ASSERT_TRUE(manifest->put({row(3), row(1, LifeState::Open)}));
    ASSERT_TRUE(manifest->put({row(1, LifeState::Expired)}));
    ASSERT_TRUE(manifest->put({}));
  }
  const auto manifest = Manifest::open(dir.path(), clock, nullptr).value();
  EXPECT_EQ(manifest->rows().value(),
            (std::vector<ManifestRow>{row(1, LifeState::Expired), row(3)}));
}

TEST(Manifest, ADamagedFileIsPutAsideAndANewOneBegun) {
  const test::TempDir dir;
  const test::FakeClock clock;
  {
    const auto manifest = Manifest::open(dir.path(), clock, nullptr).value();
    ASSERT_TRUE(manifest->put({row(1)}));
  }
  std::filesystem::remove(dir.file("weir-store.db-wal"));
  std::ofstream(dir.file("weir-store.db"), std::ios::trunc) << std::string(10'000, 'x');
  Heard heard;
  const auto manifest = Manifest::open(dir.path(), clock, &heard).value();
  EXPECT_TRUE(manifest->rows().value().empty());
  ASSERT_TRUE(manifest->put({row(2)}));
  EXPECT_EQ(manifest->rows().value().size(), 1u);
  EXPECT_EQ(heard.sentences.size(), 1u);
}

TEST(SegmentLife, GoesOnlyForward) {
  EXPECT_EQ(after(LifeState::Open, LifeEvent::Seal), LifeState::Sealed);
  EXPECT_EQ(after(LifeState::Sealed, LifeEvent::Expire), LifeState::Expired);
  EXPECT_EQ(after(LifeState::Open, LifeEvent::Expire), LifeState::Open);  // refused
  EXPECT_EQ(after(LifeState::Expired, LifeEvent::Seal), LifeState::Expired);
}

}  // namespace
}  // namespace weir::storage::segment
