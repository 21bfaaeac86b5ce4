// What one thread pushes, the other gets: once, whole, in order.
#include "base/spsc_ring.h"

#include <array>
#include <deque>
#include <thread>

#include <gtest/gtest.h>

#include "base/prng.h"

namespace weir {
namespace {

void push(SpscRing<std::uint32_t>& ring, std::uint32_t value) {
  ring.begin_push() = value;
  ring.end_push();
}

std::uint32_t take(SpscRing<std::uint32_t>& ring) {
  const std::uint32_t value = *ring.front();
  ring.pop();
  return value;
}

TEST(SpscRing, IsEmptyAtFirstAndFullAtItsCapacity) {
  SpscRing<std::uint32_t> ring(4);
  EXPECT_EQ(ring.capacity(), 4U);
  EXPECT_EQ(ring.size(), 0U);
  EXPECT_EQ(ring.try_front(), nullptr);
  for (std::uint32_t value = 0; value < 4; ++value) push(ring, value);
  EXPECT_EQ(ring.size(), 4U);
  EXPECT_EQ(ring.try_begin_push(), nullptr);
  EXPECT_EQ(take(ring), 0U);
  EXPECT_EQ(ring.size(), 3U);
  EXPECT_NE(ring.try_begin_push(), nullptr);
}

TEST(SpscRing, HandsASlotOverAtTheEndOfThePush) {
  SpscRing<std::uint32_t> ring(2);
  *ring.try_begin_push() = 1;
  EXPECT_EQ(ring.try_front(), nullptr);
  *ring.try_begin_push() = 2;  // begun again: the same slot
  ring.end_push();
  EXPECT_EQ(ring.size(), 1U);
  EXPECT_EQ(*ring.try_front(), 2U);
  EXPECT_EQ(*ring.try_front(), 2U) << "the front stays until pop()";
}

TEST(SpscRing, IsAQueueAtEverySizeAndPlace) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    SpscRing<std::uint32_t> ring(1u << random.below(6));
    std::deque<std::uint32_t> model;
    for (std::uint32_t value = 0; value < 2000; ++value) {
      if (random.chance(1, 2)) {
        std::uint32_t* slot = ring.try_begin_push();
        ASSERT_EQ(slot == nullptr, model.size() == ring.capacity());
        if (slot == nullptr) continue;
        *slot = value;
        ring.end_push();
        model.push_back(value);
      } else {
        const std::uint32_t* front = ring.try_front();
        ASSERT_EQ(front == nullptr, model.empty());
        if (front == nullptr) continue;
        ASSERT_EQ(*front, model.front());
        ring.pop();
        model.pop_front();
      }
      ASSERT_EQ(ring.size(), model.size());
    }
  }
}

TEST(SpscRing, EndsWithNullAfterTheLastSlotOfAClosedRing) {
  SpscRing<std::uint32_t> ring(4);
  push(ring, 7);
  push(ring, 8);
  ring.close();
  EXPECT_EQ(ring.size(), 2U);
  EXPECT_EQ(take(ring), 7U);
  EXPECT_EQ(take(ring), 8U);
  EXPECT_EQ(ring.front(), nullptr);
  EXPECT_EQ(ring.try_front(), nullptr);
}

TEST(SpscRing, CloseWakesAConsumerThatWaits) {
  SpscRing<std::uint32_t> ring(4);
  const void* last = &ring;
  std::thread consumer([&] { last = ring.front(); });
  ring.close();
  consumer.join();
  EXPECT_EQ(last, nullptr);
}

TEST(SpscRing, APopWakesAProducerThatWaitsForRoom) {
  SpscRing<std::uint32_t> ring(1);
  push(ring, 1);
  std::thread producer([&] {
    ring.wait_for_room();
    *ring.try_begin_push() = 2;
    ring.end_push();
  });
  EXPECT_EQ(take(ring), 1U);
  EXPECT_EQ(take(ring), 2U);
  producer.join();
}

// Slots that take a while to fill and to check: a slot handed over too early would be seen torn.
struct Wide {
  std::array<std::uint64_t, 128> words;
};

TEST(SpscRing, GivesTheOtherThreadEverySlotWholeAndInOrder) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    SpscRing<Wide> ring(1u << random.below(5));
    const std::uint64_t count = 500 + random.below(1500);
    std::thread producer([&ring, count, seed] {
      Prng own(seed + 1000);
      for (std::uint64_t value = 0; value < count; ++value) {
        Wide* slot = own.chance(1, 2) ? ring.try_begin_push() : nullptr;
        if (slot == nullptr) slot = &ring.begin_push();
        slot->words.fill(value);
        ring.end_push();
      }
      ring.close();
    });
    std::uint64_t expected = 0;
    std::uint64_t wrong = 0;
    for (;;) {
      const Wide* slot = random.chance(1, 2) ? ring.try_front() : nullptr;
      if (slot == nullptr) slot = ring.front();
      if (slot == nullptr) break;
      for (const std::uint64_t word : slot->words) {
        if (word != expected) ++wrong;
      }
      ++expected;
      ring.pop();
    }
    producer.join();
    EXPECT_EQ(expected, count);
    EXPECT_EQ(wrong, 0U);
  }
}

}  // namespace
}  // namespace weir
