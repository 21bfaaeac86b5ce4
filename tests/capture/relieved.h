// A pipeline over a ring of frames with several sessions, whose relief a test changes between two
// batches.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "capture/pipeline.h"
#include "support/fake_source.h"
#include "support/recording_sink.h"

namespace weir::test {

struct RelievedOptions {
  std::string filter = {};
  std::optional<filter::RuleSpec> rule = std::nullopt;
  std::uint64_t packets_max = 0;
  std::uint32_t snaplen = 0;
  capture::DeepStage* stage = nullptr;
  output::Sink* sink = nullptr;  // null: one that keeps what it is given
  bool paused = false;
};

class Relieved {
 public:
  Relieved(std::string name, RelievedOptions options)
      : options_(std::move(options)),
        session_(std::move(name), 1, {.packets_max = options_.packets_max}),
        outputs_({options_.sink != nullptr ? options_.sink : &sink_}, 1) {
    if (options_.stage != nullptr) analysis_.emplace(std::vector{options_.stage});
    if (options_.rule) {
      rules_.emplace(filter::RuleSet::compile(std::vector{*options_.rule},
                                              filter::RuleAction::Accept, filter::Scope::Frame)
                         .value(),
                     1);
    }
  }

  void add_to(capture::LanePlan& plan) {
    const auto index = static_cast<std::uint32_t>(plan.sessions.size());
    if (!options_.paused) {
      EXPECT_TRUE(plan.filters.add(index, options_.filter, filter::Scope::Frame).ok());
    }
    plan.sessions.push_back(capture::view_of({.session = &session_,
                                              .outputs = &outputs_,
                                              .analysis = analysis_ ? &*analysis_ : nullptr,
                                              .rules = rules_ ? &*rules_ : nullptr,
                                              .snaplen = options_.snaplen,
                                              .paused = options_.paused},
                                             0, SessionMask{1} << index)
                                .value());
  }

  [[nodiscard]] capture::Session& session() noexcept { return session_; }
  [[nodiscard]] const RecordingSink& sink() const noexcept { return sink_; }
  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return session_.ledger().dropped[static_cast<std::size_t>(DropReason::Pressure)];
  }
  [[nodiscard]] std::uint64_t rejected(RejectReason reason) const noexcept {
    return session_.ledger().rejected[static_cast<std::size_t>(reason)];
  }

 private:
  RelievedOptions options_;
  RecordingSink sink_;
  capture::Session session_;
  capture::SessionOutputs outputs_;
  std::optional<capture::SessionAnalysis> analysis_;
  std::optional<capture::SessionRules> rules_;
};

// All of them, from now on.
inline std::unique_ptr<capture::Pipeline> pipeline_of(interface::Source& source,
                                                      const std::vector<Relieved*>& sessions) {
  auto plan = std::make_unique<capture::LanePlan>();
  for (Relieved* session : sessions) session->add_to(*plan);
  auto pipeline = std::make_unique<capture::Pipeline>(source, std::move(plan));
  EXPECT_TRUE(pipeline->prepare().ok());
  return pipeline;
}

inline void run_all(capture::Pipeline& pipeline) {
  while (pipeline.run_batch(Duration(0)) == capture::Step::Packets) {
  }
}

}  // namespace weir::test
