// What weir writes through the real devices, as capinfos, tshark and tcpdump read it.
#include <sstream>

#include <gtest/gtest.h>

#include "output/pcapng_file.h"
#include "output_fixture.h"
#include "support/command.h"
#include "support/temp_dir.h"

namespace weir::output {
namespace {

struct Wanted {
  bool direct;
  bool io_uring;
};

class PcapngToolsTest : public testing::TestWithParam<Wanted> {};

INSTANTIATE_TEST_SUITE_P(Modes, PcapngToolsTest,
                         testing::Values(Wanted{true, true}, Wanted{true, false},
                                         Wanted{false, false}),
                         [](const auto& wanted) {
                           return std::string(wanted.param.io_uring ? "IoUring" : "Posix") +
                                  (wanted.param.direct ? "Direct" : "Buffered");
                         });

// An Ethernet frame of an experimental type, so that no dissector has an opinion.
std::string frame_of(std::uint32_t length) {
  std::string frame = "\x02\1\1\1\1\1\x02\2\2\2\2\2\x88\xb5" + std::string(length, 'p');
  return frame.substr(0, length);
}

TEST_P(PcapngToolsTest, EveryReaderSeesTheSamePackets) {
  constexpr std::uint32_t kBatches = 400;
  constexpr std::uint32_t kPackets = 50;
  const test::TempDir dir;
  const std::string path = dir.file("out.pcapng");
  auto sink =
      PcapngFile::open({.path = path, .direct = GetParam().direct, .io_uring = GetParam().io_uring})
          .value();
  InterfaceTable interfaces;
  interfaces.add({.snaplen = 262'144, .name = "left"});
  interfaces.add({.snaplen = 262'144, .name = "right"});
  const auto verdicts = TestBatch::all();
  std::uint64_t bytes = 0;
  std::string expected;
  for (std::uint32_t i = 0; i < kBatches; ++i) {
    TestBatch batch;
    for (std::uint32_t k = 0; k < kPackets; ++k) {
      const std::uint32_t n = i * kPackets + k;
      const std::uint32_t length = 60 + n * 7919 % 1440;
      batch.add(frame_of(length), 1'700'000'000'000'000'000 + std::int64_t{n} * 1'000'003, n % 2);
      bytes += length;
      expected += std::to_string(length) + "\t" + std::to_string(n % 2) + "\t" +
                  epoch_seconds({1'700'000'000'000'000'000 + std::int64_t{n} * 1'000'003}) + "\n";
    }
    ASSERT_TRUE(sink->reserve());
    sink->write(batch.batch(), interfaces, *verdicts, kSession);
    if (i % 100 == 50) {
      ASSERT_TRUE(sink->flush());
    }
  }
  ASSERT_TRUE(sink->close());
  EXPECT_EQ(sink->statistics().written.value(), kBatches * kPackets);
  EXPECT_EQ(sink->statistics().written_bytes.value(), std::filesystem::file_size(path));

  const auto info = test::run_command({"capinfos", "-M", "-c", "-d", "-I", path});
  EXPECT_EQ(info.status, 0) << info.err;
  EXPECT_NE(info.out.find("Number of packets:   " + std::to_string(kBatches * kPackets)),
            std::string::npos)
      << info.out;
  EXPECT_NE(info.out.find("Data size:           " + std::to_string(bytes) + " bytes"),
            std::string::npos)
      << info.out;
  EXPECT_NE(info.out.find("Name = right"), std::string::npos) << info.out;

  const auto shark =
      test::run_command({"tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.len", "-e",
                         "frame.interface_id", "-e", "frame.time_epoch"});
  EXPECT_EQ(shark.status, 0) << shark.err;
  EXPECT_TRUE(shark.out == expected);

  const auto dump = test::run_command({"tcpdump", "-r", path, "--count"});
  EXPECT_EQ(dump.status, 0) << dump.err;
  EXPECT_EQ(dump.out, std::to_string(kBatches * kPackets) + " packets\n");
}

}  // namespace
}  // namespace weir::output
