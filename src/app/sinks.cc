#include "app/sinks.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "output/open_pcapng.h"
#include "output/segment_store.h"
#include "output/shared_sink.h"
#include "output/store_sink.h"

namespace weir::app {
namespace {

bool is_pipe(const std::string& path) {
  struct stat facts {};
  return path == "-" || (::stat(path.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode));
}

// A spill queue has one pipe.
Result<void> check_spill(const SinkPlan& plan) {
  if (plan.spill.path.empty()) return ok();
  const auto pipes = std::count_if(plan.paths.begin(), plan.paths.end(), is_pipe);
  if (pipes == 1) return ok();
  return Error{.code = ErrorCode::Usage,
               .context = "--spill " + plan.spill.path +
                          (pipes == 0 ? ": no output is a pipe (write to one: -w -)"
                                      : ": more than one output is a pipe (write to one of them)")};
}

// What the last writer of a store has left, and was put in order.
void tell_recovered(const output::RecoveryReport& report) {
  for (const output::RecoveredSegment& one : report.segments) {
    std::fprintf(stderr, "weir: %s\n", output::text_of(one).c_str());
  }
  for (const std::string& damage : report.damaged) {
    std::fprintf(stderr, "weir: %s (left as it is; weir store verify says more)\n", damage.c_str());
  }
}

Result<void> open_store(const SinkPlan& plan, OpenSinks& into) {
  std::vector<output::SegmentStore*> stores;
  for (const std::string& path : plan.store.paths) {
    WEIR_TRY(auto store, output::SegmentStore::open(path, *plan.clock, into.notices.get()));
    tell_recovered(store->recovered());
    stores.push_back(store.get());
    into.stores.push_back(std::move(store));
  }
  WEIR_TRY(auto sink, output::StoreSink::open(stores,
                                              {.lanes = plan.workers,
                                               .segment_bytes = plan.store.segment_bytes,
                                               .chunk_bytes = plan.store.chunk_bytes,
                                               .durability = plan.store.durability,
                                               .codec = plan.store.compression,
                                               .counts = plan.counts,
                                               .bounds = plan.store.keep},
                                              *plan.clock));
  into.sinks.push_back(std::move(sink));
  return ok();
}

}  // namespace

std::vector<std::string> StoreNotices::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(notices_, {});
}

void StoreNotices::segment_expired(const std::string& store,
                                   const output::ExpiredSegment& segment) {
  const std::lock_guard lock(mutex_);
  notices_.push_back("store " + store + ": " + output::text_of(segment));
}

void StoreNotices::store_in_trouble(const std::string&, std::string_view sentence) {
  const std::lock_guard lock(mutex_);
  notices_.emplace_back(sentence);
}

// What is over its bounds is told as trouble.
void StoreNotices::store_room(const std::string& store, const output::StoreRoom& room) {
  const std::lock_guard lock(mutex_);
  state::PressureGauge& gauge = pressures_.try_emplace(store, output::kStorePressure).first->second;
  if (!gauge.signal(output::wanted_of(room), {})) return;
  if (gauge.level() < state::PressureLevel::High || room.over_bytes != 0) return;
  notices_.push_back("store " + store + ": soon full (" + output::text_of(room) + ")");
}

Result<OpenSinks> open_sinks(const SinkPlan& plan) {
  std::vector<std::string> paths = plan.paths;
  std::stable_partition(paths.begin(), paths.end(),
                        [](const std::string& path) { return !is_pipe(path); });
  const bool several = paths.size() > 1 || !plan.store.paths.empty();
  const bool drop = plan.live && several;
  WEIR_CHECK(check_spill(plan));
  OpenSinks open;
  if (!plan.store.paths.empty()) WEIR_CHECK(open_store(plan, open));
  for (const std::string& path : paths) {
    if (path == "-" && ::isatty(STDOUT_FILENO) == 1) {
      return Error{
          .code = ErrorCode::Usage,
          .context =
              "-w -: standard output is a terminal (name a file, or pipe it to another program)"};
    }
    // Rotation is for the files among several outputs; alone, a pipe says that it cannot.
    const bool rotates = !is_pipe(path) || !several;
    const bool spills = is_pipe(path) && !plan.spill.path.empty();
    std::optional<storage::spill::SpillOptions> spill;
    if (spills) spill = {.directory = plan.spill.path, .bytes_max = plan.spill.bytes_max};
    WEIR_TRY(auto sink,
             output::open_pcapng({.path = path,
                                  .live = plan.live,
                                  .credits_max = plan.workers,
                                  .full_policy = drop || (spills && plan.live)
                                                     ? output::FullPolicy::Drop
                                                     : output::FullPolicy::Block,
                                  .spill = std::move(spill),
                                  .rotation = rotates ? plan.rotation : output::RotationOptions{},
                                  .counts = plan.counts,
                                  .clock = plan.clock}));
    open.sinks.push_back(std::make_unique<output::SharedSink>(std::move(sink), plan.workers));
  }
  return open;
}

}  // namespace weir::app
