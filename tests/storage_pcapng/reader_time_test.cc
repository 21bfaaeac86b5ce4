// if_tsresol and if_tsoffset, from ticks to nanoseconds.
#include "storage/pcapng/reader_time.h"

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace weir::storage::pcapng {
namespace {

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::uint8_t kBinary = 0x80;

struct Row {
  const char* what;
  std::uint8_t tsresol;
  std::int64_t offset_seconds;
  std::uint64_t ticks;
  std::int64_t ns;
};

TEST(TimeScale, ConvertsTicksOfEveryResolution) {
  const Row rows[] = {
      {"the default", 6, 0, 1'700'000'000'123'456, 1'700'000'000'123'456'000},
      {"seconds", 0, 0, 1'700'000'000, 1'700'000'000'000'000'000},
      {"milliseconds", 3, 0, 1'700'000'000'123, 1'700'000'000'123'000'000},
      {"nanoseconds", 9, 0, 1'700'000'000'123'456'789, 1'700'000'000'123'456'789},
      {"picoseconds are cut", 12, 0, 1'999, 1},
      {"the finest power of ten that ticks can tell", 28, 0,
       std::numeric_limits<std::uint64_t>::max(), 1},
      {"finer than that is nothing", 29, 0, std::numeric_limits<std::uint64_t>::max(), 0},
      {"the finest that can be written", 127, 0, std::numeric_limits<std::uint64_t>::max(), 0},
      {"halves of a second", kBinary | 1, 0, 3, 1'500'000'000},
      {"whole seconds, as a power of two", kBinary, 0, 7, 7'000'000'000},
      {"NTP's 2^-32", kBinary | 32, 0, (std::uint64_t{1'700'000'000} << 32) | 0x80000000,
       1'700'000'000'500'000'000},
      {"2^-32 after the year 2038 is not negative", kBinary | 32, 0,
       std::uint64_t{0x80000000} << 32, 2'147'483'648'000'000'000},
      {"2^-63", kBinary | 63, 0, std::uint64_t{1} << 62, 500'000'000},
      {"2^-127", kBinary | 127, 0, std::numeric_limits<std::uint64_t>::max(), 0},
      {"an offset", 6, 1'000, 5, 1'000'000'005'000},
      {"a negative offset", 9, -2, 1, -1'999'999'999},
      {"an offset with a binary resolution", kBinary | 1, -1, 1, -500'000'000},
      {"an offset takes a large number back into range", 0, -10'000'000'000, 10'000'000'001,
       1'000'000'000},
      {"the last microsecond that fits", 6, 0, 9'223'372'036'854'775, 9'223'372'036'854'775'000},
      {"a time before 1970, as signed writers leave it", 6, 0,
       static_cast<std::uint64_t>(std::int64_t{-505}), -505'000},
      {"a time before 1970 in nanoseconds", 9, 0, static_cast<std::uint64_t>(std::int64_t{-1}), -1},
      {"neither way representable: the latest time", 6, 0, std::uint64_t{1} << 62, kMax},
      {"beyond it by the offset", 0, kMax, 1, kMax},
      {"before the earliest by the offset", 0, kMin, 1, kMin},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(TimeScale(row.tsresol, row.offset_seconds).to_timestamp(row.ticks).ns, row.ns)
        << row.what;
  }
  EXPECT_EQ(TimeScale().to_timestamp(1).ns, 1'000);
}

}  // namespace
}  // namespace weir::storage::pcapng
