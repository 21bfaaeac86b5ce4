#include "app/engine/session_parts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/assert.h"
#include "control/config_schema.h"
#include "output/open_pcapng.h"
#include "output/pcapng_pipe.h"
#include "output/section_counts.h"
#include "output/shared_sink.h"
#include "output/store_sink.h"

namespace weir::app {
namespace {

using security::DestinationKind;

bool is_pipe(const SharedGrant& file) noexcept { return file->kind() == DestinationKind::Pipe; }

// The device under each of the paths, or under the directory where the file will be.
std::string disk_of(const std::vector<std::string>& paths) {
  std::string name;
  for (const std::string& path : paths) {
    struct stat facts {};
    const std::filesystem::path parent = std::filesystem::absolute(path).parent_path();
    if (::stat(path.c_str(), &facts) != 0 && ::stat(parent.c_str(), &facts) != 0) continue;
    const std::string device =
        std::to_string(major(facts.st_dev)) + ":" + std::to_string(minor(facts.st_dev));
    if (name.find(device) == std::string::npos) name += (name.empty() ? "" : ",") + device;
  }
  return "disk " + name;
}

// Opening a FIFO waits for its reader, which an engine cannot.
Result<void> check_reader(const SharedGrant& file) {
  const std::string& path = file->path();
  const int links = file->confined() ? O_NOFOLLOW : 0;
  const UniqueFd probe(::open(file->at().c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | links));
  if (!probe && errno == ENXIO) {
    return Error{.code = ErrorCode::NotFound,
                 .context = "write " + path + ": nobody reads the pipe (start its reader first)"};
  }
  if (!probe) return system_error(errno, "write " + path);
  return ok();
}

using SharedSpill = std::shared_ptr<storage::spill::SpillDirectory>;

Result<SharedSpill> open_spill(const control::PcapngConfig& config, const SharedGrant& file,
                               SharedGrant& spill, const PartsContext& context) {
  if (is_pipe(file)) return context.spills->open(spill);
  return Error{.code = ErrorCode::Usage,
               .context = "write " + config.path +
                          ": spill is for a pipe, which this is not (make one with mkfifo, or "
                          "leave spill out)"};
}

Result<std::unique_ptr<output::Sink>> open_pcapng(const control::PcapngConfig& config,
                                                  const SharedGrant& file, const SharedSpill& spill,
                                                  const PartsContext& context) {
  const bool pipe = is_pipe(file);
  if (pipe) WEIR_CHECK(check_reader(file));
  output::RotationOptions rotation{.size_bytes = config.rotate_bytes,
                                   .interval = config.rotate_interval,
                                   .files_max = static_cast<std::uint32_t>(config.files_max),
                                   .goes_on = true};
  // A service never writes into a file that was there before: without a rule for when the next one
  // begins it is a series of one.
  if (rotation.size_bytes == 0 && rotation.interval.count() == 0) {
    rotation.size_bytes = std::uint64_t{1} << 60;
  }
  std::optional<storage::spill::SpillOptions> queue;
  if (spill != nullptr) queue = {.directory = spill->path(), .bytes_max = config.spill_bytes};
  WEIR_TRY(auto sink, output::open_pcapng({.path = config.path,
                                           .directory = file->directory(),
                                           .credits_max = static_cast<std::uint32_t>(context.lanes),
                                           .full_policy = output::FullPolicy::Drop,
                                           .spill = queue,
                                           .spill_directory = spill.get(),
                                           .rotation = pipe ? output::RotationOptions{} : rotation,
                                           .devices = context.devices,
                                           .counts = context.counts,
                                           .clock = context.clock}));
  return std::unique_ptr<output::Sink>(std::make_unique<output::SharedSink>(
      std::move(sink), static_cast<std::uint32_t>(context.lanes)));
}

static_assert(control::kPathsMax <= output::kStripesMax);

using SharedStore = std::shared_ptr<output::SegmentStore>;

Result<std::unique_ptr<output::Sink>> open_store_sink(const std::vector<SharedStore>& stores,
                                                      const control::StoreConfig& config,
                                                      const PartsContext& context) {
  std::vector<output::SegmentStore*> borrowed;
  for (const SharedStore& store : stores) borrowed.push_back(store.get());
  WEIR_TRY(auto sink,
           output::StoreSink::open(borrowed,
                                   {.lanes = static_cast<std::uint32_t>(context.lanes),
                                    .segment_bytes = config.segment_bytes,
                                    .chunk_bytes = static_cast<std::uint32_t>(config.chunk_bytes),
                                    .durability = config.durability,
                                    .codec = config.compression,
                                    .counts = context.counts,
                                    .bounds = config.keep},
                                   *context.clock));
  return std::unique_ptr<output::Sink>(std::move(sink));
}

}  // namespace

OutputsPart::OutputsPart(std::vector<std::unique_ptr<output::Sink>> sinks,
                         const PartsContext& context, Lent lent)
    : lanes_(context.lanes), lent_(std::move(lent)), sinks_(std::move(sinks)) {
  std::vector<output::Sink*> borrowed;
  for (const auto& sink : sinks_) borrowed.push_back(sink.get());
  for (const auto& store : lent_.stores) stores_.push_back(store->path());
  for (const auto& sink : sinks_) {
    const std::string path(sink->path());
    const bool pipe = sink->mode() == "pipe";
    const bool store = sink->kind() == "store";
    places_.push_back({.name = pipe ? "pipe " + path : disk_of(store ? stores_ : std::vector{path}),
                       .sink = sink.get(),
                       .pipe = pipe});
  }
  outputs_ = std::make_unique<capture::SessionOutputs>(std::move(borrowed), context.lanes,
                                                       context.news_fd);
}

// `lent` has what was opened, also after an error.
Result<std::vector<std::unique_ptr<output::Sink>>> OutputsPart::open_sinks(
    const control::SessionConfig& config, const PartsContext& context, Lent& lent) {
  std::vector<std::unique_ptr<output::Sink>> sinks;
  const auto granted = [&](DestinationKind kind, const std::string& path) {
    return context.destinations->grant(config.name, kind, path);
  };
  for (const std::string& path : config.store.paths) {
    WEIR_TRY(auto grant, granted(DestinationKind::Store, path));
    WEIR_TRY(auto store, context.stores->open(grant, *context.clock));
    lent.stores.push_back(std::move(store));
    lent.grants.push_back(std::move(grant));
  }
  if (!lent.stores.empty()) {
    WEIR_TRY(auto sink, open_store_sink(lent.stores, config.store, context));
    sinks.push_back(std::move(sink));
  }
  if (!config.pcapng.path.empty()) {
    WEIR_TRY(const auto file, granted(DestinationKind::Pcapng, config.pcapng.path));
    lent.grants.push_back(file);
    if (!config.pcapng.spill.empty()) {
      WEIR_TRY(auto spill, granted(DestinationKind::Spill, config.pcapng.spill));
      WEIR_TRY(lent.spill, open_spill(config.pcapng, file, spill, context));
      lent.grants.push_back(std::move(spill));
    }
    WEIR_TRY(auto pcapng, open_pcapng(config.pcapng, file, lent.spill, context));
    sinks.push_back(std::move(pcapng));
  }
  return sinks;
}

Result<std::shared_ptr<OutputsPart>> OutputsPart::open(const control::SessionConfig& config,
                                                       const PartsContext& context) {
  Lent lent;  // goes after the sinks
  auto sinks = open_sinks(config, context, lent);
  if (!sinks) {
    Error error = std::move(sinks).error();
    for (const SharedGrant& grant : lent.grants) error = grant->shown(std::move(error));
    return error;
  }
  if (sinks->empty()) return std::shared_ptr<OutputsPart>();
  return std::shared_ptr<OutputsPart>(new OutputsPart(std::move(*sinks), context, std::move(lent)));
}

Result<std::shared_ptr<OutputsPart>> OutputsPart::open_tail(UniqueFd pipe, std::string path,
                                                            const PartsContext& context) {
  WEIR_TRY(auto sink, output::PcapngPipe::open(
                          std::move(pipe),
                          {.path = std::move(path),
                           .credits_max = static_cast<std::uint32_t>(context.lanes),
                           .full_policy = output::FullPolicy::Drop,
                           .counts = output::SectionCounts(*context.counts, *context.clock)}));
  std::vector<std::unique_ptr<output::Sink>> sinks;
  sinks.push_back(std::make_unique<output::SharedSink>(std::move(sink),
                                                       static_cast<std::uint32_t>(context.lanes)));
  std::shared_ptr<OutputsPart> part(new OutputsPart(std::move(sinks), context, {}));
  part->of_tail_ = true;
  return part;
}

std::string OutputsPart::shown(std::string text) const {
  for (const SharedGrant& grant : lent_.grants) text = grant->shown(std::move(text));
  return text;
}

Error OutputsPart::shown(Error error) const {
  error.context = shown(std::move(error.context));
  return error;
}

std::optional<Error> OutputsPart::take_warning() {
  for (const auto& sink : sinks_) {
    if (auto warning = sink->take_warning()) return shown(std::move(*warning));
  }
  return std::nullopt;
}

std::optional<Error> OutputsPart::fault() const {
  auto fault = outputs_->fault();
  if (fault) return shown(std::move(*fault));
  return fault;
}

// A pipe that the thread of its queue writes for a moment, with nothing in the queue, is no news.
std::optional<SpillMove> OutputsPart::take_spill_move() {
  for (const auto& sink : sinks_) {
    const auto spill = sink->spill();
    if (!spill) continue;
    std::string_view now = spill->state;
    if (now == "spilling" && spill->bytes == 0) now = "writing";
    const bool works = now == "writing" || now == "spilling" || now == "blocked";
    if (!works || now == spill_told_) continue;
    return SpillMove{std::string(sink->path()), std::exchange(spill_told_, now), now};
  }
  return std::nullopt;
}

Result<void> OutputsPart::close() {
  for (const auto& sink : sinks_) sink->cancel();
  auto closed = outputs_->close();
  if (closed || (of_tail_ && closed.error().code == ErrorCode::Closed)) return ok();
  return shown(std::move(closed).error());
}

// The way by which a file of a series is reached, where that is not its path.
std::string OutputsPart::at(const std::string& file) const {
  for (const SharedGrant& grant : lent_.grants) {
    if (grant->kind() != DestinationKind::Pcapng || !grant->confined()) continue;
    const std::size_t slash = grant->at().rfind('/');
    return grant->at().substr(0, slash) + file.substr(file.rfind('/'));
  }
  return file;
}

// A pipe is let go of without a word: another output may be writing to it, and what a stream begins
// with would stand amid its packets, or find no room.
void OutputsPart::discard() {
  for (const auto& sink : sinks_) {
    WEIR_ASSERT(sink->counts().offered == 0);
    if (sink->mode() == "pipe") continue;
    const std::string file = at(sink->file());
    struct stat facts {};
    const bool ours = ::lstat(file.c_str(), &facts) == 0 && S_ISREG(facts.st_mode);
    for (std::size_t lane = 0; lane < lanes_; ++lane) (void)sink->lane(lane).close();
    if (ours) (void)::unlink(file.c_str());
  }
}

AnalysisPart::AnalysisPart(SharedGrant grant, std::unique_ptr<Analysis> analysis,
                           const std::vector<bool>& lanes, std::uint64_t flows_max)
    : grant_(std::move(grant)), analysis_(std::move(analysis)), flows_max_(flows_max) {
  std::vector<capture::DeepStage*> stages;
  std::size_t next = 0;
  for (const bool takes_part : lanes) {
    stages.push_back(takes_part ? &analysis_->stage(next++) : nullptr);
  }
  stages_ = std::make_unique<capture::SessionAnalysis>(std::move(stages));
}

Result<std::shared_ptr<AnalysisPart>> AnalysisPart::open(const control::SessionConfig& session,
                                                         const std::vector<bool>& lanes,
                                                         const PartsContext& context) {
  const control::LogsConfig& config = session.logs;
  if (config.path.empty()) return std::shared_ptr<AnalysisPart>();
  WEIR_TRY(auto grant,
           context.destinations->grant(session.name, DestinationKind::Logs, config.path));
  AnalysisOptions options{.logs_path = config.path,
                          .logs_directory = grant->directory(),
                          .existing = output::ExistingLogs::Append,
                          .rotate_interval = config.rotate_interval,
                          .archived_max = static_cast<std::uint32_t>(config.files_max)};
  options.flows.flows.flows_max = config.flow_memory / protocol::kBytesPerFlow;
  const auto users = std::count(lanes.begin(), lanes.end(), true);
  WEIR_TRY(auto analysis,
           Analysis::open_for_lanes(options, static_cast<std::uint32_t>(users), *context.clock));
  return std::shared_ptr<AnalysisPart>(new AnalysisPart(std::move(grant), std::move(analysis),
                                                        lanes, options.flows.flows.flows_max));
}

double AnalysisPart::flows_fill() const noexcept {
  std::uint64_t open = 0;
  for (const std::uint64_t flows : analysis_->flows().open) open += flows;
  return std::min(1.0, static_cast<double>(open) / static_cast<double>(flows_max_));
}

Result<void> AnalysisPart::close() {
  stages_->finish();
  return analysis_->close();
}

Result<std::shared_ptr<capture::SessionRules>> compile_rules(const control::SessionConfig& config,
                                                             std::size_t lanes) {
  if (config.rules.empty()) return std::shared_ptr<capture::SessionRules>();
  WEIR_TRY(filter::RuleSet rules,
           filter::RuleSet::compile(config.rules, config.otherwise, config.scope));
  return std::make_shared<capture::SessionRules>(std::move(rules), lanes);
}

}  // namespace weir::app
