// Who gets the uids of which analysis: from the stage of a session to its own outputs.
#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "capture/frames.h"
#include "capture/pipeline.h"
#include "support/fake_source.h"
#include "support/recording_sink.h"

namespace weir::capture {
namespace {

// Says of every packet that it belongs to the flow of this number.
class NumberedStage final : public DeepStage {
 public:
  explicit NumberedStage(std::uint32_t number) : number_(number) {}
  void take(const PacketBatch& batch, const HeadersArray&, const KeysArray&, const Verdicts&,
            SessionMask, protocol::FlowUids* uids) override {
    asked = uids != nullptr;
    if (!asked) return;
    for (std::uint32_t i = 0; i <= batch.count; ++i) uids->begin(i, i);
    for (protocol::Uid& uid : uids->make_room(batch.count)) uid = {{number_, 0, 0}};
  }
  void idle(Timestamp) override {}
  void finish() override {}

  bool asked = false;

 private:
  const std::uint32_t number_;
};

// Keeps the numbers of the flows of what it is offered: 0 where nobody tells it.
class NumbersSink final : public output::Sink {
 public:
  explicit NumbersSink(bool wants) : wants_(wants) {}
  Result<void> reserve() override { return ok(); }
  void write(const output::Offer& offer) override {
    for (std::uint32_t i = 0; i < offer.batch.count; ++i) {
      if ((offer.verdicts.wanted[i] & offer.session) == 0) continue;
      numbers.push_back(offer.uids == nullptr ? 0 : offer.uids->of(i).front().words[0]);
    }
  }
  Result<void> flush() override { return ok(); }
  Result<void> close() override { return ok(); }
  void cancel() noexcept override {}
  [[nodiscard]] bool wants_uids() const noexcept override { return wants_; }
  [[nodiscard]] const output::SinkStatistics& statistics() const noexcept override {
    return statistics_;
  }
  [[nodiscard]] std::string_view kind() const noexcept override { return "numbers"; }
  [[nodiscard]] std::string_view path() const noexcept override { return ""; }
  [[nodiscard]] std::string_view mode() const noexcept override { return "memory"; }

  std::vector<std::uint32_t> numbers;

 private:
  const bool wants_;
  output::SinkStatistics statistics_;
};

// A session of one lane, whose parts come and go.
struct OneOfSeveral {
  OneOfSeveral(std::uint32_t number, bool wants) : stage(number), sink(wants) {}
  [[nodiscard]] SessionPlan plan(bool analysed) {
    return {.session = &session,
            .outputs = &outputs,
            .analysis = analysed ? &analysis : nullptr,
            .filter = ""};
  }

  NumberedStage stage;
  NumbersSink sink;
  Session session{"one", 1};
  SessionOutputs outputs{{&sink}, 1};
  SessionAnalysis analysis{{&stage}};
};

std::unique_ptr<LanePlan> lane_plan(const std::vector<SessionPlan>& sessions) {
  auto plan = std::make_unique<LanePlan>();
  for (std::uint32_t i = 0; i < sessions.size(); ++i) {
    EXPECT_TRUE(plan->filters.add(i, "", filter::Scope::Frame).ok());
    plan->sessions.push_back(view_of(sessions[i], 0, SessionMask{1} << i).value());
  }
  EXPECT_TRUE(plan->filters.prepare(LinkType::Ethernet).ok());
  return plan;
}

using Numbers = std::vector<std::uint32_t>;

TEST(SessionUids, EachSessionsOutputsGetThoseOfItsOwnAnalysis) {
  test::FakeSource source(test::frames_with_dns(100, 4), {.batch_packets_max = 100});
  OneOfSeveral first(1, true);
  OneOfSeveral second(2, true);
  OneOfSeveral without(3, true);
  Pipeline pipeline(source, lane_plan({first.plan(true), second.plan(true), without.plan(false)}));
  EXPECT_EQ(pipeline.run_batch(Duration(0)), Step::Packets);
  EXPECT_EQ(first.sink.numbers, Numbers(100, 1));
  EXPECT_EQ(second.sink.numbers, Numbers(100, 2));
  EXPECT_EQ(without.sink.numbers, Numbers(100, 0));
}

TEST(SessionUids, NobodyIsAskedForThemWhenNoOutputWantsThem) {
  test::FakeSource source(test::frames_with_dns(100, 4), {.batch_packets_max = 100});
  OneOfSeveral wanting(1, true);
  OneOfSeveral other(2, false);
  Pipeline pipeline(source, lane_plan({wanting.plan(true), other.plan(true)}));
  EXPECT_EQ(pipeline.run_batch(Duration(0)), Step::Packets);
  EXPECT_TRUE(wanting.stage.asked);
  EXPECT_FALSE(other.stage.asked);
  EXPECT_EQ(other.sink.numbers, Numbers(100, 0));
}

TEST(SessionUids, ComeAndGoWithTheAnalysisOfAPlan) {
  test::FakeSource source(test::frames_with_dns(90, 4), {.batch_packets_max = 30});
  OneOfSeveral one(1, true);
  Pipeline pipeline(source, lane_plan({one.plan(false)}));
  for (const bool analysed : {false, true, false}) {
    pipeline.offer(lane_plan({one.plan(analysed)}));
    EXPECT_EQ(pipeline.run_batch(Duration(0)), Step::Packets);
  }
  Numbers expected(30, 0);
  expected.insert(expected.end(), 30, 1);
  expected.insert(expected.end(), 30, 0);
  EXPECT_EQ(one.sink.numbers, expected);
}

}  // namespace
}  // namespace weir::capture
