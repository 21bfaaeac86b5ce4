// The plan of a capture with one session, for tests of a single lane.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "capture/lane_plan.h"

namespace weir::test {

struct OneSessionOptions {
  std::string filter;
  std::vector<output::Sink*> sinks = {};
  capture::DeepStage* stage = nullptr;
  std::uint64_t packets_max = 0;
  std::uint64_t bytes_max = 0;
  std::uint32_t snaplen = 0;
};

// Owns the session; outlives the pipeline.
class OneSession {
 public:
  explicit OneSession(OneSessionOptions options)
      : options_(std::move(options)),
        session_("one", 1, {.packets_max = options_.packets_max, .bytes_max = options_.bytes_max}),
        outputs_(options_.sinks, 1) {
    if (options_.stage != nullptr) {
      analysis_.emplace(std::vector<capture::DeepStage*>{options_.stage});
    }
  }

  [[nodiscard]] std::unique_ptr<capture::LanePlan> plan() {
    auto plan = std::make_unique<capture::LanePlan>();
    EXPECT_TRUE(plan->filters.add(0, options_.filter, filter::Scope::Frame).ok());
    plan->sessions.push_back(capture::view_of({.session = &session_,
                                               .outputs = &outputs_,
                                               .analysis = analysis_ ? &*analysis_ : nullptr,
                                               .snaplen = options_.snaplen},
                                              0, 1)
                                 .value());
    return plan;
  }
  [[nodiscard]] capture::Session& session() noexcept { return session_; }

 private:
  OneSessionOptions options_;
  capture::Session session_;
  capture::SessionOutputs outputs_;
  std::optional<capture::SessionAnalysis> analysis_;
};

}  // namespace weir::test
