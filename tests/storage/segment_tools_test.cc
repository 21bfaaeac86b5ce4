// Segments as capinfos, tshark and tcpdump read them: pcapng files like any other.
#include <string>

#include <gtest/gtest.h>

#include "support/command.h"
#include "support/segment_bytes.h"
#include "support/temp_dir.h"

namespace weir::storage::segment {
namespace {

using test::SegmentBytes;

// Packets of 60 bytes, of both interfaces.
SegmentBytes segment_of(int chunks, int packets) {
  SegmentBytes segment;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    std::vector<test::SegmentPacket> some;
    for (int i = 0; i < packets; ++i) {
      some.push_back({.time = 1'700'000'000'000'000'000 + (chunk * packets + i),
                      .interface = static_cast<std::uint32_t>(i % 2),
                      .frame = "\x02\1\1\1\1\1\x02\2\2\2\2\2\x88\xb5" + std::string(46, 'p')});
    }
    segment.add_chunk(some);
    if (chunk == 1) segment.add_index();
  }
  segment.add_index();
  segment.add_tail();
  return segment;
}

void expect_packets(const std::string& path, int packets) {
  const std::string count = std::to_string(packets);
  const auto info = test::run_command({"capinfos", "-M", "-c", "-I", path});
  EXPECT_EQ(info.status, 0) << info.err;
  EXPECT_NE(info.out.find("Number of packets:   " + count + "\n"), std::string::npos) << info.out;
  EXPECT_NE(info.out.find("Name = right"), std::string::npos) << info.out;
  const auto shark = test::run_command({"tshark", "-n", "-r", path, "-T", "fields", "-e",
                                        "frame.time_epoch", "-e", "frame.interface_id"});
  EXPECT_EQ(shark.status, 0) << shark.err;
  std::string expected;
  for (int i = 0; i < packets; ++i) {
    std::string decimals = std::to_string(i);
    decimals.insert(0, 9 - decimals.size(), '0');
    expected += "1700000000." + decimals + "\t" + std::to_string(i % 2) + "\n";
  }
  EXPECT_EQ(shark.out, expected);
  const auto dump = test::run_command({"tcpdump", "-r", path, "--count"});
  EXPECT_EQ(dump.status, 0) << dump.err;
  EXPECT_EQ(dump.out, count + " packets\n");
}

TEST(SegmentTools, EveryReaderSeesThePacketsOfASealedSegment) {
  const test::TempDir dir;
  segment_of(4, 30).write(dir.file("x.pcapng"));
  expect_packets(dir.file("x.pcapng"), 120);
}

TEST(SegmentTools, EveryReaderSeesThePacketsUpToTheEndOfAnOpenSegment) {
  const test::TempDir dir;
  SegmentBytes segment = segment_of(4, 30);
  // Head, two chunks, page, two chunks, page, tail.
  for (const auto& [unit, packets] : {std::pair(7U, 120), std::pair(6U, 120), std::pair(5U, 90),
                                      std::pair(4U, 60), std::pair(3U, 60), std::pair(2U, 30)}) {
    segment.bytes().resize(segment.units()[unit].offset);
    segment.write(dir.file("x.pcapng"));
    expect_packets(dir.file("x.pcapng"), packets);
  }
}

TEST(SegmentTools, ACompressedChunkIsSkippedByThem) {
  const test::TempDir dir;
  test::small_segment().write(dir.file("x.pcapng"));
  const auto dump = test::run_command({"tcpdump", "-r", dir.file("x.pcapng"), "--count"});
  EXPECT_EQ(dump.out, "7 packets\n") << dump.err;
}

}  // namespace
}  // namespace weir::storage::segment
