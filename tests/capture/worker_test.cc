#include "capture/worker.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <gtest/gtest.h>

#include "base/unique_fd.h"
#include "capture/frames.h"
#include "capture/one_session.h"
#include "support/fake_source.h"
#include "support/recording_sink.h"

namespace weir::capture {
namespace {

using state::LifecycleState;
using test::FakeSource;
using test::RecordingSink;

class WorkerTest : public testing::Test {
 protected:
  void wait_for_end(Worker& worker) {
    pollfd wait{ended_.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&wait, 1, 60'000), 1);
    worker.join();
  }

  UniqueFd ended_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  WorkerOptions options_{.ended_fd = ended_.get()};
  SystemClock clock_;
  RecordingSink sink_;
  test::OneSession everything_{{.filter = "", .sinks = {&sink_}}};
};

TEST_F(WorkerTest, RunsALosslessSourceToItsEnd) {
  FakeSource source(test::frames_with_dns(1000, 1));
  Worker worker(source, everything_.plan(), clock_, options_);
  ASSERT_TRUE(worker.start().ok());
  wait_for_end(worker);
  EXPECT_EQ(worker.state(), LifecycleState::Stopped);
  EXPECT_EQ(worker.outcome().reason, ExitReason::Eof);
  EXPECT_FALSE(worker.outcome().error);
  EXPECT_EQ(sink_.frames().size(), 1000u);
  EXPECT_TRUE(sink_.closed());
  EXPECT_TRUE(source.closed());
}

TEST_F(WorkerTest, StopDrainsWhatWasReceivedBefore) {
  FakeSource source(test::frames_with_dns(5000, 1), {.lossless = false, .endless = true});
  Worker worker(source, everything_.plan(), clock_, options_);
  ASSERT_TRUE(worker.start().ok());
  worker.request_stop(ExitReason::Signal);
  wait_for_end(worker);
  EXPECT_EQ(worker.outcome().reason, ExitReason::Signal);
  EXPECT_EQ(worker.ledger().received, 5000u);
  EXPECT_EQ(worker.ledger().accepted, 5000u);
  EXPECT_EQ(sink_.frames().size(), 5000u);
}

TEST_F(WorkerTest, TheFirstReasonToStopStays) {
  FakeSource source(test::frames_with_dns(10, 1), {.lossless = false, .endless = true});
  Worker worker(source, everything_.plan(), clock_, options_);
  worker.request_stop(ExitReason::Duration);
  worker.request_stop(ExitReason::Signal);
  ASSERT_TRUE(worker.start().ok());
  wait_for_end(worker);
  EXPECT_EQ(worker.outcome().reason, ExitReason::Duration);
}

TEST_F(WorkerTest, AbortDropsTheRingByName) {
  FakeSource source(test::frames_with_dns(5000, 1), {.lossless = false, .endless = true});
  Worker worker(source, everything_.plan(), clock_, options_);
  worker.request_abort();
  ASSERT_TRUE(worker.start().ok());
  wait_for_end(worker);
  const LedgerSnapshot ledger = worker.ledger();
  EXPECT_EQ(worker.state(), LifecycleState::Stopped);
  EXPECT_EQ(ledger.dropped[static_cast<std::size_t>(DropReason::Stop)], 5000u);
  EXPECT_EQ(ledger.in_ring, 0u);
  EXPECT_TRUE(ledger.balanced());
}

TEST_F(WorkerTest, TheLimitRejectsTheRestOfTheRing) {
  FakeSource source(test::frames_with_dns(5000, 1), {.lossless = false, .kernel_drops = 17});
  test::OneSession some({.filter = "", .sinks = {&sink_}, .packets_max = 1234});
  Worker worker(source, some.plan(), clock_, options_);
  ASSERT_TRUE(worker.start().ok());
  wait_for_end(worker);
  const LedgerSnapshot ledger = worker.ledger();
  EXPECT_EQ(worker.outcome().reason, ExitReason::Count);
  EXPECT_EQ(ledger.accepted, 1234u);
  EXPECT_EQ(ledger.rejected[static_cast<std::size_t>(RejectReason::Limit)], 5000u - 1234u);
  EXPECT_EQ(ledger.dropped[static_cast<std::size_t>(DropReason::Kernel)], 17u);
  EXPECT_EQ(ledger.received, 5017u);
  EXPECT_TRUE(ledger.balanced());
}

TEST_F(WorkerTest, ADamagedSourceFailsAfterItsGoodPackets) {
  FakeSource source(test::frames_with_dns(1000, 1), {.fail_at = 700});
  Worker worker(source, everything_.plan(), clock_, options_);
  ASSERT_TRUE(worker.start().ok());
  wait_for_end(worker);
  EXPECT_EQ(worker.state(), LifecycleState::Failed);
  EXPECT_EQ(worker.outcome().reason, ExitReason::Error);
  EXPECT_EQ(worker.outcome().error->context, "fake: broken");
  EXPECT_EQ(sink_.frames().size(), 700u);
}

TEST_F(WorkerTest, AFilterThatDoesNotCompileIsFoundBeforeTheStart) {
  FakeSource source(test::frames_with_dns(1, 1));
  test::OneSession wrong({.filter = "tcp prot 80", .sinks = {&sink_}});
  Worker worker(source, wrong.plan(), clock_, options_);
  auto started = worker.start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, ErrorCode::BadFilter);
  EXPECT_EQ(worker.state(), LifecycleState::Failed);
}

}  // namespace
}  // namespace weir::capture
