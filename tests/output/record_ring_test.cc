#include "output/record_ring.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

namespace weir::output {
namespace {

constexpr std::uint64_t kRoom = 16 * buffer::kBlockAlignment;

std::unique_ptr<RecordRing> ring() {
  auto created = RecordRing::create(kRoom);
  EXPECT_TRUE(created.ok());
  return std::move(*created);
}

void put(RecordRing& ring, std::uint64_t bytes) {
  Window window = ring.window();
  window.at += bytes;
  ring.take(window);
}

TEST(RecordRing, IsAsFullAsWhatWasPutInAndNotTakenOut) {
  const auto records = ring();
  EXPECT_EQ(records->fill(), 0.0);
  put(*records, kRoom / 2);
  EXPECT_EQ(records->fill(), 0.5);
  records->pop(kRoom / 4);
  EXPECT_EQ(records->fill(), 0.25);
  put(*records, kRoom / 2);
  put(*records, kRoom / 2);  // its last record goes beyond the room
  EXPECT_EQ(records->fill(), 1.0);
}

// Whoever looks on must not take what went in and out between two of its loads for a full ring.
TEST(RecordRing, SeenFromAnotherThreadIsNeverFullerThanItEverWas) {
  const auto records = ring();
  std::atomic<bool> done{false};
  std::thread owner([&] {
    for (int rounds = 0; rounds < 3'000'000; ++rounds) {
      put(*records, kRoom / 16);
      records->pop(kRoom / 16);
    }
    done = true;
  });
  double most = 0;
  while (!done) most = std::max(most, records->fill());
  owner.join();
  EXPECT_LE(most, 1.0 / 16);
}

}  // namespace
}  // namespace weir::output
