// What a worker acts upon, and what all workers together do: which sessions there are and what they
// want. Plans never change; a worker takes a new one at the border of two batches, so every packet
// is judged under exactly one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/verdicts.h"
#include "capture/session.h"
#include "filter/rule_set.h"
#include "filter/session_filters.h"
#include "security/source_validator.h"
#include "telemetry/counter.h"

namespace weir::capture {

// A session as its operator wants it now. All borrowed for as long as a worker has the plan.
struct SessionPlan {
  Session* session = nullptr;
  SessionOutputs* outputs = nullptr;    // null: packets are counted only
  SessionAnalysis* analysis = nullptr;  // null: packets are not analysed
  SessionRules* rules = nullptr;        // null: none
  std::vector<bool> lanes = {};         // that take part; empty: all
  std::string filter = {};              // pcap-filter; empty: everything
  filter::Scope scope = filter::Scope::Frame;
  std::uint32_t snaplen = 0;  // of each packet to keep, cut after the filter; 0 = all
  bool paused = false;
};

struct CapturePlan {
  std::uint64_t generation = 0;
  std::vector<SessionPlan> sessions;  // at most kSessionsMax
  // A capture is over when no session wants or can take more; a service goes on without sessions.
  bool ends_with_sessions = true;
  // What it refuses no session is offered.
  security::SourceValidator sources = {};
};

// One worker's copy, which it owns: a new link type is compiled into it.
struct LanePlan {
  struct View {
    SessionMask bit = 0;
    std::uint32_t snaplen = 0;
    bool paused = false;
    Session* session = nullptr;
    SessionLane* lane = nullptr;
    SessionOutputs* outputs = nullptr;
    Outlets* outlets = nullptr;  // of `outputs`
    SessionAnalysis* analysis = nullptr;
    DeepStage* stage = nullptr;          // of `analysis`
    protocol::FlowUids* uids = nullptr;  // from `stage` to `outlets`; null: they don't ask
    std::optional<filter::RuleSet> rules = std::nullopt;
    filter::RuleCounters* rule_counters = nullptr;
  };

  std::uint64_t generation = 0;
  std::size_t lane = 0;
  std::vector<View> sessions;
  filter::SessionFilters filters;        // of those that are not paused
  security::SourceValidator sources;     // knows the interfaces of the lane's source
  telemetry::Counter* judged = nullptr;  // packets under this generation; null: nobody counts them
  bool ends_with_sessions = true;
};

// The view of a session in the plan of a lane. ErrorCode::Resource: no memory for what the lane
// needs.
Result<LanePlan::View> view_of(const SessionPlan& session, std::size_t lane, SessionMask bit);

}  // namespace weir::capture
