#include "state/session_state.h"

#include <gtest/gtest.h>

namespace weir::state {
namespace {

void open(SessionMachine& session) {
  EXPECT_TRUE(session.handle(SessionEvent::Open));
  EXPECT_TRUE(session.handle(SessionEvent::Opened));
}

TEST(SessionMachine, IsPausedResumedAndStopped) {
  SessionMachine session;
  open(session);
  EXPECT_EQ(session.state_name(), "running");
  EXPECT_TRUE(session.handle(SessionEvent::Pause));
  EXPECT_EQ(session.state_name(), "paused");
  EXPECT_TRUE(session.handle(SessionEvent::Resume));
  EXPECT_TRUE(session.handle(SessionEvent::Stop));
  EXPECT_EQ(session.state_name(), "closing");
  EXPECT_TRUE(session.handle(SessionEvent::Closed));
  EXPECT_EQ(session.state_name(), "stopped");
  EXPECT_TRUE(session.ended());
}

TEST(SessionMachine, MayBeginPaused) {
  SessionMachine session(nullptr, SessionMachine::Begins::Paused);
  open(session);
  EXPECT_EQ(session.state(), SessionState::Paused);
}

TEST(SessionMachine, ALimitFinishesItAlsoWhilePaused) {
  SessionMachine session;
  open(session);
  session.handle(SessionEvent::Pause);
  EXPECT_TRUE(session.handle(SessionEvent::LimitReached));
  EXPECT_TRUE(session.handle(SessionEvent::Closed));
  EXPECT_EQ(session.state(), SessionState::Finished);
}

TEST(SessionMachine, ALimitThatComesLateChangesNoReason) {
  SessionMachine session;
  open(session);
  session.handle(SessionEvent::Stop);
  EXPECT_EQ(session.handle(SessionEvent::LimitReached).answer, Answer::Ignored);
  session.handle(SessionEvent::Closed);
  EXPECT_EQ(session.state(), SessionState::Stopped);
}

TEST(SessionMachine, WhatFailedWritesOutAndMayBeTriedAgain) {
  SessionMachine session;
  open(session);
  session.handle(SessionEvent::Pause);
  EXPECT_TRUE(session.handle(SessionEvent::Fault));
  EXPECT_EQ(session.state(), SessionState::Closing);
  session.handle(SessionEvent::Closed);
  EXPECT_EQ(session.state(), SessionState::Failed);
  EXPECT_FALSE(session.ended());
  EXPECT_TRUE(session.handle(SessionEvent::Retry));
  session.handle(SessionEvent::Opened);
  EXPECT_EQ(session.state(), SessionState::Paused) << "as it was when it failed";
  session.handle(SessionEvent::Stop);
  session.handle(SessionEvent::Closed);
  EXPECT_EQ(session.state(), SessionState::Stopped) << "the old fault is forgotten";
}

TEST(SessionMachine, OneThatHasFailedBeginsAsIsWantedByThen) {
  SessionMachine session;
  open(session);
  session.handle(SessionEvent::Pause);
  session.handle(SessionEvent::Fault);
  session.handle(SessionEvent::Closed);
  session.begin_as(SessionMachine::Begins::Running);
  session.handle(SessionEvent::Retry);
  EXPECT_TRUE(session.handle(SessionEvent::Opened));
  EXPECT_EQ(session.state(), SessionState::Running);
}

TEST(SessionMachine, OutputsThatCloseByThemselvesAreAFault) {
  SessionMachine session;
  open(session);
  EXPECT_EQ(session.handle(SessionEvent::Closed).answer, Answer::Faulted);
  EXPECT_EQ(session.state(), SessionState::Closing);
  session.handle(SessionEvent::Closed);
  EXPECT_EQ(session.state(), SessionState::Failed);
}

TEST(SessionMachine, TellsPeopleWhatItIsWhenItRefuses) {
  SessionMachine session;
  open(session);
  const Result<void> refused = session.ask(SessionEvent::Resume, {.who = "alice"}, "web");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Conflict);
  EXPECT_EQ(refused.error().context, "resume session web: it is running (see weir ctl sessions)");
  EXPECT_EQ(session.refused(), 1u);
  EXPECT_TRUE(session.ask(SessionEvent::Pause, {.who = "alice"}, "web"));
}

}  // namespace
}  // namespace weir::state
