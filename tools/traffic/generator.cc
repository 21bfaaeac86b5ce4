#include "generator.h"

#include <algorithm>

#include "base/assert.h"
#include "random_draws.h"

namespace weir::traffic {
namespace {

constexpr std::int64_t kRampNs = 1'000'000'000;      // the first flows begin within this time
constexpr std::int64_t kEmptyPlaceNs = 200'000'000;  // mean time between two flows of a place
constexpr std::uint64_t kBytesPerPacketGuess = 284;  // with the record header
constexpr std::uint32_t kFlowsLeast = 16;
constexpr std::uint32_t kFlowsMost = 10'000;

// Small files get few flows, so that they hold whole conversations and not only beginnings.
std::uint32_t default_flows(const GeneratorOptions& options) noexcept {
  const std::uint64_t packets =
      options.packets != 0 ? options.packets : options.file_bytes / kBytesPerPacketGuess;
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(packets / 100, kFlowsLeast, kFlowsMost));
}

}  // namespace

Generator::Generator(const GeneratorOptions& options, CaptureWriter& writer, Recorder& recorder)
    : options_(options),
      writer_(&writer),
      recorder_(&recorder),
      prng_(options.seed),
      factory_(*options.mix, options.seed ^ 0x666c6f7773),
      assembler_(recorder),
      oddities_(recorder, options.seed ^ 0x6f6464) {
  WEIR_ASSERT((options.packets != 0) != (options.file_bytes != 0));
  const std::uint32_t flows = options.flows != 0 ? options.flows : default_flows(options);
  places_.reserve(flows);
  events_.reserve(flows);
  for (std::uint32_t i = 0; i < flows; ++i) {
    places_.push_back(factory_.make());
    events_.push_back({kFirstPacketNs + kRampNs / flows * i, i});  // sorted, so already a heap
  }
  waiting_ = flows;
}

bool Generator::done() const noexcept {
  return writer_->failed() || progress() >= std::max(options_.packets, options_.file_bytes);
}

std::uint64_t Generator::progress() const noexcept {
  return options_.packets != 0 ? recorder_->totals().packets : writer_->file_bytes();
}

void Generator::run() {
  while (!done()) {
    const std::int64_t now_ns = events_.front().time_ns;
    send_due_needles(now_ns);
    send_oddities(now_ns);
    if (!done()) advance_first_event();
  }
}

// Needle k of n is due in the middle of the k-th of n equal parts of the file.
void Generator::send_due_needles(std::int64_t now_ns) {
  const auto target = static_cast<Uint128>(std::max(options_.packets, options_.file_bytes));
  while (needles_sent_ < options_.needle_packets &&
         static_cast<Uint128>(progress()) * 2 * options_.needle_packets >=
             target * (2 * needles_sent_ + 1)) {
    oddities_.send_needle(needles_sent_++, now_ns);
  }
}

void Generator::send_oddities(std::int64_t now_ns) {
  const std::uint64_t draw = prng_.below(10'000);
  if (draw < kMalformedPerTenThousand) {
    oddities_.send_malformed(now_ns);
  } else if (draw < kMalformedPerTenThousand + kBadChecksumsPerTenThousand) {
    oddities_.send_bad_checksum(now_ns);
  }
}

void Generator::advance_first_event() {
  Event& event = events_.front();
  Flow& flow = places_[event.place];
  if (flow.phase == Phase::Begin) waiting_ -= 1;
  const NextStep next = step(flow, event.time_ns, assembler_, prng_);
  if (next) {
    event.time_ns += std::max<std::int64_t>(*next, 1);
  } else {
    ended_ += 1;
    waiting_ += 1;
    flow = factory_.make();
    event.time_ns += 1 + draw_exponential(prng_, kEmptyPlaceNs);
  }
  sift_down();
}

void Generator::sift_down() noexcept {
  const Event event = events_.front();
  std::size_t hole = 0;
  for (std::size_t child = 1; child < events_.size(); child = 2 * hole + 1) {
    if (child + 1 < events_.size() && events_[child + 1] < events_[child]) ++child;
    if (!(events_[child] < event)) break;
    events_[hole] = events_[child];
    hole = child;
  }
  events_[hole] = event;
}

}  // namespace weir::traffic
