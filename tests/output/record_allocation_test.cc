// No record allocates once the files are open.
#include <gtest/gtest.h>

#include "record_logs_fixture.h"
#include "support/alloc_guard.h"
#include "support/temp_dir.h"

namespace weir::output {
namespace {

TEST(RecordAllocation, NonePerRecord) {
  test::TempDir dir;
  auto logs = RecordLogs::open(dir.file("logs"), ExistingLogs::Refuse).value();
  logs->take(conn_record(0));
  logs->take(weird_record());

  const std::uint64_t before = test::allocations();
  for (std::uint64_t i = 1; i < 10'000; ++i) {
    logs->take(conn_record(i));
    logs->take(weird_record());
    logs->reached({.tick = i});
  }
  EXPECT_EQ(test::allocations() - before, 0U);
  EXPECT_TRUE(logs->close());
  EXPECT_EQ(logs->statistics(protocol::LogId::Conn).written.value(), 10'000U);
}

}  // namespace
}  // namespace weir::output
