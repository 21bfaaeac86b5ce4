// Relief that comes, changes and goes costs no allocation: what it needs is there beforehand.
#include <gtest/gtest.h>

#include "capture/flow_stage_fixture.h"
#include "capture/frames.h"
#include "capture/relieved.h"
#include "output/pcapng_file.h"
#include "support/alloc_guard.h"
#include "support/temp_dir.h"

namespace weir::capture {
namespace {

class NoRecords final : public protocol::RecordSink {
 public:
  void take(const protocol::Record&) override {}
  void reached(protocol::RecordOrder) override {}
};

TEST(ReliefAllocation, NoneWhenItChanges) {
  test::TempDir dir;
  auto sink = output::PcapngFile::open({.path = dir.file("out.pcapng")});
  ASSERT_TRUE(sink.ok()) << sink.error().context;
  NoRecords records;
  auto stage = InlineFlows::make({.flows = {.flows_max = 2048}}, records).value();
  test::FakeSource source(test::frames_of_flows(60'000), {.lossless = false});
  test::Relieved one("one", {.stage = stage.get(), .sink = sink->get()});
  auto pipeline = test::pipeline_of(source, {&one});
  for (int i = 0; i < 20; ++i) ASSERT_EQ(pipeline->run_batch(Duration(0)), Step::Packets);

  constexpr std::array<Relief, 6> kSteps = {Relief{.cutoff_bytes = 64},
                                            Relief{.keep_bytes = 64, .flow_share = 4},
                                            Relief{.sample = 1u << 15},
                                            Relief{.sample = 1u << 14, .flow_share = 1},
                                            Relief{.flow_share = 1, .shed = true},
                                            Relief{}};
  const std::uint64_t before = test::allocations();
  std::size_t batches = 0;
  do {
    one.session().set_relief(kSteps[batches++ % kSteps.size()]);
  } while (pipeline->run_batch(Duration(0)) == Step::Packets);
  EXPECT_EQ(test::allocations() - before, 0u);
  EXPECT_GT(batches, 200u);
  EXPECT_GT(one.dropped(), 10'000u);
  EXPECT_GT(stage->totals().evicted, 0u);
  stage->finish();
  EXPECT_TRUE((*sink)->close().ok());
}

}  // namespace
}  // namespace weir::capture
