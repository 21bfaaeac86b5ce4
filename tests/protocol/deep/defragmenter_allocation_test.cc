#include <gtest/gtest.h>

#include "protocol/deep/defragmenter.h"
#include "protocol/deep/fragments.h"
#include "support/alloc_guard.h"

namespace weir::protocol {
namespace {

TEST(DefragmenterAllocation, NoneAfterConstruction) {
  Defragmenter defragmenter({.datagrams_max = 16, .bytes_max = 256 * 1024});
  auto first = test::fragment({.more = true, .payload = test::counting(1480)});
  auto last = test::fragment({.offset = 1480, .payload = test::counting(1000)});
  const std::uint64_t before = test::allocations();
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    // Every third datagram never ends: the table fills, and the oldest gives way.
    store_be(first.data() + 4, static_cast<std::uint16_t>(i));
    store_be(last.data() + 4, static_cast<std::uint16_t>(i));
    for (const auto* bytes : {&first, &last}) {
      if (bytes == &last && i % 3 == 0) continue;
      (void)defragmenter.take({.captured = *bytes,
                               .wire_bytes = static_cast<std::uint32_t>(bytes->size()),
                               .tenant = {},
                               .now = {i * 1'000'000ll}});
    }
  }
  EXPECT_EQ(test::allocations() - before, 0u);
  EXPECT_GT(defragmenter.statistics().datagrams_completed.value(), 6000u);
  EXPECT_GT(defragmenter.statistics().datagrams_evicted.value(), 3000u);
}

}  // namespace
}  // namespace weir::protocol
