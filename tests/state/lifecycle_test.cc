#include "state/lifecycle.h"

#include <gtest/gtest.h>

namespace weir::state {
namespace {

TEST(Lifecycle, FollowsACaptureFromOpenToStopped) {
  Lifecycle life;
  EXPECT_EQ(life.state(), LifecycleState::Created);
  EXPECT_TRUE(life.handle(LifecycleEvent::Open));
  EXPECT_TRUE(life.handle(LifecycleEvent::Opened));
  EXPECT_EQ(life.state(), LifecycleState::Running);
  EXPECT_TRUE(life.handle(LifecycleEvent::Stop));
  EXPECT_EQ(life.state(), LifecycleState::Draining);
  EXPECT_TRUE(life.handle(LifecycleEvent::Drained));
  EXPECT_TRUE(life.handle(LifecycleEvent::Closed));
  EXPECT_EQ(life.state(), LifecycleState::Stopped);
}

TEST(Lifecycle, AbortSkipsTheDrain) {
  Lifecycle life;
  life.handle(LifecycleEvent::Open);
  life.handle(LifecycleEvent::Opened);
  life.handle(LifecycleEvent::Stop);
  EXPECT_TRUE(life.handle(LifecycleEvent::Abort));
  EXPECT_EQ(life.state(), LifecycleState::Closing);
}

TEST(Lifecycle, AnEventWithoutARowIsIgnoredAndCounted) {
  Lifecycle life;
  EXPECT_FALSE(life.handle(LifecycleEvent::Drained));
  EXPECT_EQ(life.state(), LifecycleState::Created);
  EXPECT_EQ(life.ignored(), 1u);
}

}  // namespace
}  // namespace weir::state
