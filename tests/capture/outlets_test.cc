#include "capture/outlets.h"

#include <array>
#include <memory>

#include <gtest/gtest.h>

#include "support/recording_sink.h"

namespace weir::capture {
namespace {

using test::RecordingSink;

constexpr SessionMask kAll = 1;

// A batch of `packets` wanted packets.
class OutletsTest : public testing::Test {
 protected:
  void offer(Outlets& outlets, std::uint32_t packets) {
    batch_->count = packets;
    for (std::uint32_t i = 0; i < packets; ++i) {
      batch_->packets[i] = Packet{.data = &byte_, .captured_bytes = 1, .wire_bytes = 1};
      verdicts_->wanted[i] = kAll;
    }
    outlets.write({*batch_, interfaces_, *verdicts_, kAll});
  }

  std::uint8_t byte_ = 0;
  InterfaceTable interfaces_;
  std::unique_ptr<PacketBatch> batch_ = std::make_unique<PacketBatch>();
  std::unique_ptr<Verdicts> verdicts_ = std::make_unique<Verdicts>();
};

TEST_F(OutletsTest, WithoutOutputsThereIsAlwaysCredit) {
  Outlets outlets({});
  EXPECT_TRUE(outlets.reserve().ok());
}

TEST_F(OutletsTest, ACreditThatWasNotUsedIsKept) {
  RecordingSink sink;
  std::array<output::Sink*, 1> sinks = {&sink};
  Outlets outlets(sinks);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(outlets.reserve().ok());
  EXPECT_EQ(sink.credits_out(), 1);
  offer(outlets, 2);
  EXPECT_EQ(sink.credits_out(), 0);
}

TEST_F(OutletsTest, AnOutputThatFailsDoesNotStopTheOthers) {
  RecordingSink full(3);
  RecordingSink good;
  std::array<output::Sink*, 2> sinks = {&full, &good};
  Outlets outlets(sinks);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(outlets.reserve().ok());
    offer(outlets, 2);
  }
  EXPECT_EQ(good.frames().size(), 8u);
  EXPECT_EQ(full.frames().size(), 3u);
  EXPECT_EQ(full.statistics().lost[static_cast<std::size_t>(LostReason::NoSpace)].value(), 5u);
  const auto closed = outlets.close();
  ASSERT_FALSE(closed.ok());
  EXPECT_EQ(closed.error().code, ErrorCode::NoSpace);
  EXPECT_TRUE(good.closed());
}

TEST_F(OutletsTest, WhenTheLastOneFailsThereIsNoCredit) {
  RecordingSink one(0);
  RecordingSink other(2);
  std::array<output::Sink*, 2> sinks = {&one, &other};
  Outlets outlets(sinks);
  ASSERT_TRUE(outlets.reserve().ok());
  offer(outlets, 2);
  for (int i = 0; i < 2; ++i) {
    const auto credit = outlets.reserve();
    ASSERT_FALSE(credit.ok());
    EXPECT_EQ(credit.error().code, ErrorCode::NoSpace);
  }
}

}  // namespace
}  // namespace weir::capture
