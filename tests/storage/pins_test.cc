// Pins: what people want to keep of a store.
#include "storage/segment/pins.h"

#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace weir::storage::segment {
namespace {

using testing::HasSubstr;

TEST(Pins, AStoreWithoutAFileOfThemHasNone) {
  const test::TempDir dir;
  EXPECT_TRUE(read_pins(dir.path()).value().empty());
}

TEST(Pins, AreKeptWithTheirNumbersWhichAreNotUsedAgain) {
  const test::TempDir dir;
  const std::string store = dir.path();
  EXPECT_EQ(add_pin(store, {.since = {10}, .until = {20}, .set = {5}, .note = "case 17"}).value(),
            1u);
  EXPECT_EQ(add_pin(store, {.until = {-3}, .set = {6}}).value(), 2u);
  ASSERT_TRUE(remove_pin(store, 2));
  EXPECT_EQ(add_pin(store, {.since = {30}, .set = {7}, .note = "x"}).value(), 3u);
  const auto pins = read_pins(store).value();
  ASSERT_EQ(pins.size(), 2u);
  EXPECT_EQ(pins[0], (Pin{.id = 1, .since = {10}, .until = {20}, .set = {5}, .note = "case 17"}));
  EXPECT_EQ(pins[1], (Pin{.id = 3, .since = {30}, .set = {7}, .note = "x"}));
}

TEST(Pins, OneThatIsNotThereCannotBeRemoved) {
  const test::TempDir dir;
  const auto removed = remove_pin(dir.path(), 4);
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, ErrorCode::NotFound);
  EXPECT_THAT(removed.error().context, HasSubstr("there is no pin 4"));
}

TEST(Pins, CoverASegmentThatHasAnyPacketOfTheRange) {
  const Pin pin{.since = {100}, .until = {200}};
  EXPECT_FALSE(pin.covers({.first = {1}, .last = {99}}));
  EXPECT_TRUE(pin.covers({.first = {1}, .last = {100}}));
  EXPECT_TRUE(pin.covers({.first = {200}, .last = {300}}));
  EXPECT_FALSE(pin.covers({.first = {201}, .last = {300}}));
  EXPECT_TRUE(pin.covers({}));  // packets without times: nobody knows
}

TEST(Pins, ANoteIsALineOfBoundedLength) {
  const test::TempDir dir;
  EXPECT_FALSE(add_pin(dir.path(), {.note = "a\nb"}));
  EXPECT_FALSE(add_pin(dir.path(), {.note = std::string(kPinNoteBytesMax + 1, 'x')}));
  EXPECT_TRUE(add_pin(dir.path(), {.note = std::string(kPinNoteBytesMax, 'x')}));
}

TEST(Pins, ADamagedFileIsToldAndNotGuessedAt) {
  const test::TempDir dir;
  for (const char* text :
       {"", "# weir pins 1\n", "hello\n", "# weir pins 1\n2\n1 2 3\n",
        "# weir pins 1\n2\n7 1 2 3 x\n", "# weir pins 1\n2\n0 1 2 3 x\n", "# weir pins 1\nx\n"}) {
    SCOPED_TRACE(text);
    std::ofstream(dir.file("weir-store.pins")) << text;
    const auto pins = read_pins(dir.path());
    ASSERT_FALSE(pins);
    EXPECT_EQ(pins.error().code, ErrorCode::Damaged);
    EXPECT_FALSE(add_pin(dir.path(), {}));
  }
}

TEST(Pins, ThoseWhoPinAtTheSameTimeWaitForEachOther) {
  const test::TempDir dir;
  const std::string store = dir.path();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 10; ++k) ASSERT_TRUE(add_pin(store, {}));
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto pins = read_pins(store).value();
  ASSERT_EQ(pins.size(), 40u);
  for (std::size_t i = 0; i < pins.size(); ++i) EXPECT_EQ(pins[i].id, i + 1);
}

}  // namespace
}  // namespace weir::storage::segment
