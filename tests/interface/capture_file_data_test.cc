// Every capture of the data set, opened once, against what capinfos, tcpdump and its makers say
// about it.
#include <algorithm>

#include <gtest/gtest.h>

#include "interface/capture_file.h"
#include "support/capture_expectations.h"
#include "support/data_set.h"
#include "support/drained.h"

namespace weir::test {
namespace {

using interface::CaptureFileSource;

TEST(CaptureFileData, EveryCaptureHasThePacketsThatOtherToolsFind) {
  WEIR_SKIP_WITHOUT_DATA();
  const auto expectations = load_capture_expectations();
  ASSERT_GT(expectations.size(), 400u);
  std::size_t damaged = 0;
  for (const CaptureExpectation& expected : expectations) {
    SCOPED_TRACE(expected.file);
    auto source = CaptureFileSource::open({(data_set_dir() / expected.file).string()});
    ASSERT_TRUE(source.ok()) << source.error().context;
    const Drained got = drain(**source);

    if (expected.damaged) {
      ++damaged;
      EXPECT_NE(got.error.find("offset "), std::string::npos) << got.error;
      EXPECT_NE(got.error.find(expected.file), std::string::npos) << got.error;
    } else if (!expected.may_fail) {
      EXPECT_EQ(got.error, "");
    }
    if (expected.packets) {
      EXPECT_EQ(got.packets.size(), *expected.packets);
    }
    if (expected.packet_bytes) {
      EXPECT_EQ(got.wire_bytes, *expected.packet_bytes);
    }
    if (expected.first_ns && expected.last_ns && !got.packets.empty()) {
      const auto [first, last] = std::minmax_element(
          got.packets.begin(), got.packets.end(),
          [](const DrainedPacket& a, const DrainedPacket& b) { return a.time_ns < b.time_ns; });
      EXPECT_EQ(first->time_ns, *expected.first_ns);
      EXPECT_EQ(last->time_ns, *expected.last_ns);
    }
  }
  EXPECT_GE(damaged, 7u);
}

}  // namespace
}  // namespace weir::test
