// The hot path allocates nothing: file source, header parser, filter, ledger and pcapng sink, after
// their first batches.
#include <gtest/gtest.h>

#include "capture/frames.h"
#include "capture/one_session.h"
#include "capture/pipeline.h"
#include "integration/pcap_bytes.h"
#include "interface/capture_file.h"
#include "output/pcapng_file.h"
#include "support/alloc_guard.h"
#include "support/temp_dir.h"

namespace weir::capture {
namespace {

TEST(Allocation, TheGuardCounts) {
  const std::uint64_t before = test::allocations();
  auto probe = std::make_unique<int>(1);
  EXPECT_EQ(*probe, 1);
  EXPECT_GT(test::allocations(), before);
}

TEST(Allocation, NonePerPacketFromFileToFile) {
  test::TempDir dir;
  test::write_file(dir.file("in.pcap"), test::pcap_bytes(test::frames_with_dns(100'000, 2)));
  auto source = interface::CaptureFileSource::open({dir.file("in.pcap")});
  ASSERT_TRUE(source.ok()) << source.error().context;
  auto sink = output::PcapngFile::open({.path = dir.file("out.pcapng")});
  ASSERT_TRUE(sink.ok()) << sink.error().context;
  test::OneSession one({.filter = "udp port 53", .sinks = {sink->get()}});
  Pipeline pipeline(**source, one.plan());
  ASSERT_TRUE(pipeline.prepare().ok());
  for (int i = 0; i < 4; ++i) ASSERT_EQ(pipeline.run_batch(Duration(0)), Step::Packets);

  const std::uint64_t before = test::allocations();
  Step step = Step::Packets;
  while (step == Step::Packets) step = pipeline.run_batch(Duration(0));
  EXPECT_EQ(test::allocations() - before, 0u);
  EXPECT_EQ(step, Step::SourceEnded);
  EXPECT_TRUE((*sink)->close().ok());
  EXPECT_EQ(pipeline.ledger().accepted, 50'000u);
}

}  // namespace
}  // namespace weir::capture
