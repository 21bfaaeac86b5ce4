// What a session of a running engine has open: its files and pipes, its analysis, its rules. Made
// when a configuration is staged, closed when no worker uses it any more.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/analysis.h"
#include "app/engine/destination_gate.h"
#include "app/engine/spill_registry.h"
#include "app/engine/store_registry.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "capture/session.h"
#include "control/config.h"
#include "output/interface_counts.h"
#include "output/sink.h"

namespace weir::app {

// Of the capture that the parts are for. Borrowed, outlives them.
struct PartsContext {
  std::size_t lanes = 0;
  DestinationGate* destinations = nullptr;
  StoreRegistry* stores = nullptr;
  SpillRegistry* spills = nullptr;
  const output::InterfaceCountsReader* counts = nullptr;
  const Clock* clock = nullptr;
  storage::BlockDevices* devices = nullptr;  // of pcapng files: storage::open_on()
  int news_fd = -1;                          // capture::SessionOutputs
};

// Of a pipe with a spill queue: "writing" (the queue is empty), "spilling", "blocked" (it is full,
// or its disk has failed).
struct SpillMove {
  std::string path;
  std::string_view from;
  std::string_view to;
};

// [session.pcapng] and [session.store], or the pipe of a tail.
class OutputsPart {
 public:
  // Opens what the configuration names: a series of files that were not there before, or a pipe
  // that somebody reads; a store. Null when it names nothing. Errors: those of
  // DestinationGate::grant(), output::open_pcapng() and output::SegmentStore::open(), Usage.
  static Result<std::shared_ptr<OutputsPart>> open(const control::SessionConfig& config,
                                                   const PartsContext& context);
  // The write end of a pipe; a reader that is too slow loses packets.
  static Result<std::shared_ptr<OutputsPart>> open_tail(UniqueFd pipe, std::string path,
                                                        const PartsContext& context);

  [[nodiscard]] capture::SessionOutputs& outputs() noexcept { return *outputs_; }
  [[nodiscard]] const capture::SessionOutputs& outputs() const noexcept { return *outputs_; }
  // By which it was opened; none of a tail.
  [[nodiscard]] std::span<const SharedGrant> grants() const noexcept { return lent_.grants; }
  // What sinks say, with paths as people know them.
  [[nodiscard]] std::string shown(std::string text) const;
  // Where its packets are written, as far as others may be in each other's way there.
  struct Place {
    std::string name;  // "pipe /run/x", "disk 259:1"
    const output::Sink* sink = nullptr;
    bool pipe = false;
  };
  [[nodiscard]] const std::vector<Place>& places() const noexcept { return places_; }
  // The directories of stores.
  [[nodiscard]] const std::vector<std::string>& stores() const noexcept { return stores_; }
  // Trouble that ended nothing, since it was asked.
  std::optional<Error> take_warning();
  // capture::SessionOutputs::fault().
  [[nodiscard]] std::optional<Error> fault() const;
  // What the queue of a pipe does that it did not at the last call.
  std::optional<SpillMove> take_spill_move();
  // When no worker has it in a plan. A pipe whose reader sleeps is not waited for: what is in its
  // spill queue is lost. A tail whose reader is gone has ended well.
  Result<void> close();
  // The same for one that no packet was offered: what it created goes too.
  void discard();

 private:
  // What sinks are lent. Members are destroyed last to first.
  struct Lent {
    std::vector<SharedGrant> grants;
    std::vector<std::shared_ptr<output::SegmentStore>> stores;
    std::shared_ptr<storage::spill::SpillDirectory> spill;
  };
  static Result<std::vector<std::unique_ptr<output::Sink>>> open_sinks(
      const control::SessionConfig& config, const PartsContext& context, Lent& lent);
  [[nodiscard]] Error shown(Error error) const;
  [[nodiscard]] std::string at(const std::string& file) const;
  OutputsPart(std::vector<std::unique_ptr<output::Sink>> sinks, const PartsContext& context,
              Lent lent);

  std::size_t lanes_;
  Lent lent_;
  std::vector<std::unique_ptr<output::Sink>> sinks_;
  std::unique_ptr<capture::SessionOutputs> outputs_;
  std::vector<Place> places_;
  std::vector<std::string> stores_;
  std::string_view spill_told_ = "writing";
  bool of_tail_ = false;
};

// [session.logs].
class AnalysisPart {
 public:
  // Null when the configuration asks for none. The logs of the directory go on where they end.
  // `lanes`: which take part; those that do not have no say in the order of records.
  static Result<std::shared_ptr<AnalysisPart>> open(const control::SessionConfig& session,
                                                    const std::vector<bool>& lanes,
                                                    const PartsContext& context);

  [[nodiscard]] const SharedGrant& grant() const noexcept { return grant_; }

  [[nodiscard]] capture::SessionAnalysis& stages() noexcept { return *stages_; }
  [[nodiscard]] AnalysisReport report() const { return analysis_->report(); }
  // Of the flows that it may follow at a time, 0 to 1. Any thread.
  [[nodiscard]] double flows_fill() const noexcept;
  std::optional<Error> take_warning() { return analysis_->take_warning(); }
  // From here on records reach the logs.
  void start() { analysis_->start(); }
  // When no worker has it in a plan.
  Result<void> close();

 private:
  AnalysisPart(SharedGrant grant, std::unique_ptr<Analysis> analysis,
               const std::vector<bool>& lanes, std::uint64_t flows_max);

  SharedGrant grant_;
  std::unique_ptr<Analysis> analysis_;
  std::unique_ptr<capture::SessionAnalysis> stages_;
  const std::uint64_t flows_max_;
};

// The rules, compiled; null when there are none.
Result<std::shared_ptr<capture::SessionRules>> compile_rules(const control::SessionConfig& config,
                                                             std::size_t lanes);

}  // namespace weir::app
