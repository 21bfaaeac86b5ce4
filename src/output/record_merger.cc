#include "output/record_merger.h"

#include <algorithm>

#include "base/thread_name.h"

namespace weir::output {

using protocol::Record;
using protocol::RecordOrder;

namespace {

// A merger that never rests still tells the sink how far it is.
constexpr std::uint32_t kRecordsUntoldMax = 1024;

}  // namespace

RecordMerger::RecordMerger(const RecordMergerOptions& options, protocol::RecordSink& sink)
    : ordering_(options.ordering), sink_(sink), heads_(options.streams) {
  streams_.reserve(options.streams);
  for (std::size_t i = 0; i < options.streams; ++i)
    streams_.push_back(std::make_unique<RecordStream>(options.slots, options.when_full, bell_));
}

RecordMerger::~RecordMerger() {
  if (!thread_.joinable()) return;
  for (const auto& stream : streams_) {
    if (stream->has_reached() != kRecordsEnd) stream->reached(kRecordsEnd);
  }
  thread_.join();
}

void RecordMerger::start() {
  thread_ = std::thread([this] { run(); });
}

void RecordMerger::join() {
  if (thread_.joinable()) thread_.join();
}

void RecordMerger::run() {
  name_this_thread("weir-records");
  while (told_ != kRecordsEnd) {
    bell_.listen();
    merge();
    tell_reached();
    if (told_ != kRecordsEnd) bell_.wait();
  }
}

// Hands on all that may go. Streams without a record are asked again only when they are in the way.
void RecordMerger::merge() {
  for (;;) {
    Choice choice = choose();
    bool goes = may_go(choice);
    if (!goes) {
      look_at_empty();
      choice = choose();
      goes = may_go(choice);
    }
    if (!goes && choice.stream != kNone && ordering_ == Ordering::Bounded && any_half_full()) {
      statistics_.overtook.add(1);
      goes = true;
    }
    if (!goes) return;
    take_from(choice.stream);
    if (++untold_ >= kRecordsUntoldMax) tell_reached();
  }
}

void RecordMerger::look_at(std::size_t index) noexcept {
  RecordStream& stream = *streams_[index];
  // In this order: what was taken before the stream reached it is in the ring by now.
  const RecordOrder reached = stream.has_reached();
  const Record* record = stream.try_front();
  heads_[index] = {.record = record, .order = record != nullptr ? record->order : reached};
}

void RecordMerger::look_at_empty() noexcept {
  for (std::size_t i = 0; i < heads_.size(); ++i) {
    if (heads_[i].record == nullptr) look_at(i);
  }
}

RecordMerger::Choice RecordMerger::choose() const noexcept {
  Choice choice;
  for (std::size_t i = 0; i < heads_.size(); ++i) {
    const Head& head = heads_[i];
    if (head.record == nullptr) {
      choice.floor = std::min(choice.floor, head.order);
    } else if (choice.stream == kNone || head.order < heads_[choice.stream].order) {
      choice.stream = i;
    }
  }
  return choice;
}

// A stream that has reached an order may still bring records of just this order, unless it is the
// end.
bool RecordMerger::may_go(const Choice& choice) const noexcept {
  if (choice.stream == kNone) return false;
  return choice.floor == kRecordsEnd || heads_[choice.stream].order < choice.floor;
}

bool RecordMerger::any_half_full() const noexcept {
  return std::any_of(streams_.begin(), streams_.end(),
                     [](const auto& stream) { return stream->half_full(); });
}

void RecordMerger::take_from(std::size_t index) {
  const Record& record = *heads_[index].record;
  if (sums_.hold_other_than(record.order)) release_sums();
  switch (sums_.add(record)) {
    case RecordSums::Taken::No:
      hand_on(record);
      break;
    case RecordSums::Taken::Added:
      statistics_.summed[static_cast<std::size_t>(protocol::log_of(record))].add(1);
      break;
    case RecordSums::Taken::First:
      break;
  }
  streams_[index]->pop();
  look_at(index);
}

void RecordMerger::hand_on(const Record& record) {
  sink_.take(record);
  statistics_.handed_on[static_cast<std::size_t>(protocol::log_of(record))].add(1);
}

void RecordMerger::release_sums() {
  sums_.release([this](const Record& sum) { hand_on(sum); });
}

// No stream will bring a record before the smallest of what they have and what they have reached,
// whether or not records have overtaken others.
void RecordMerger::tell_reached() {
  untold_ = 0;
  const auto [stream, floor] = choose();
  const RecordOrder reached = stream == kNone ? floor : std::min(floor, heads_[stream].order);
  const bool ended = stream == kNone && floor == kRecordsEnd;
  if (ended || sums_.hold_before(reached)) release_sums();
  // Records of the very last order are still to come where it is only what heads have.
  if (reached <= told_ || (reached == kRecordsEnd && !ended)) return;
  told_ = reached;
  sink_.reached(reached);
}

}  // namespace weir::output
