#include "output/striped_lane.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/assert.h"

namespace weir::output {
namespace {

// Of side blocks, for each stripe. With a batch it fills no more chunks than a stripe has blocks.
constexpr std::size_t kBacklogBytes = kBatchBytesMax;

// The file of the next segment may be what a stripe waits for, which no device tells of.
constexpr int kWaitMs = 1;

}  // namespace

StripedLane::StripedLane(std::vector<std::unique_ptr<StoreLane>> stripes, std::size_t first,
                         StripeWatcher& watcher)
    : watcher_(watcher), live_(stripes.size()), turn_(first), last_(first) {
  WEIR_ASSERT(!stripes.empty() && stripes.size() <= kStripesMax && first < stripes.size());
  for (auto& lane : stripes) {
    stripes_.emplace_back();
    stripes_.back().lane = std::move(lane);
  }
}

Result<void> StripedLane::reserve() {
  while (!closed_ && live_ > 1) {
    if (choose()) {
      tally();
      return ok();
    }
    if (live_ > 1) wait();
  }
  // The only one that is left is waited for.
  if (!closed_ && live_ == 1) {
    if (stripes_[turn_].failed) turn_away();
    (void)stripes_[turn_].lane->reserve();
    (void)works(turn_);
  }
  tally();
  if (closed_ || live_ == 0) return state();
  return ok();
}

// Until a device has done something.
void StripedLane::wait() {
  waited_for_.clear();
  for (const Stripe& stripe : stripes_) {
    if (stripe.failed) continue;
    for (const int fd : stripe.lane->wait_fds()) {
      if (fd >= 0) waited_for_.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    }
  }
  (void)::poll(waited_for_.data(), waited_for_.size(), kWaitMs);
}

// Looks at all of them: chunks that have waited long enough go, failures are seen. Then the one
// whose turn it is, or the next that has room.
bool StripedLane::choose() {
  for (std::size_t i = 0; i < stripes_.size(); ++i) {
    Stripe& stripe = stripes_[i];
    stripe.room = !stripe.failed && stripe.lane->try_reserve();
    if (!stripe.room && !stripe.failed) (void)works(i);
  }
  const bool over = turn_is_over();
  if (!over && stripes_[turn_].room) return true;
  for (std::size_t i = 1; i <= stripes_.size(); ++i) {
    const std::size_t next = (turn_ + i) % stripes_.size();
    if (!stripes_[next].room) continue;
    begin_turn(next);
    return true;
  }
  return false;
}

bool StripedLane::turn_is_over() const noexcept {
  return stripes_[turn_].failed || stripes_[turn_].lane->chunks_closed() != chunks_at_turn_;
}

void StripedLane::begin_turn(std::size_t index) {
  turn_ = index;
  chunks_at_turn_ = stripes_[index].lane->chunks_closed();
}

// From one that has failed to one that works, with or without room.
void StripedLane::turn_away() {
  WEIR_ASSERT(live_ > 0);
  do {
    begin_turn((turn_ + 1) % stripes_.size());
  } while (stripes_[turn_].failed);
}

// False once it has failed.
bool StripedLane::works(std::size_t index) {
  Stripe& stripe = stripes_[index];
  if (stripe.failed) return false;
  const auto& failure = stripe.lane->failure();
  if (!failure) return true;
  stripe.failed = true;
  stripe.backlog = {};
  --live_;
  if (!error_) error_ = failure;
  // The last one's failure is that of the sink.
  if (live_ > 0) watcher_.stripe_failed(index, *failure);
  return false;
}

protocol::StoreRef StripedLane::store_ref() {
  if (closed_ || live_ == 0) return {};
  const protocol::StoreRef ref = stripes_[turn_].lane->store_ref();
  if (stripes_.size() == 1) return ref;
  return {static_cast<std::uint32_t>(turn_) + 1, ref.segment(), ref.chunk()};
}

void StripedLane::write(const Offer& offer) {
  // Since it gave its credit.
  if (!closed_ && live_ > 0 && !works(turn_) && live_ > 0) turn_away();
  Stripe& stripe = stripes_[turn_];
  if (last_ != turn_) stripe.lane->take_losses(*stripes_[last_].lane);
  last_ = turn_;
  hand_over(stripe, offer.interfaces);
  stripe.lane->write(offer);
  (void)works(turn_);
  if (live_ > 0 && !closed_ && !offer.batch.side_blocks.empty()) remember(offer);
  tally();
}

void StripedLane::hand_over(Stripe& stripe, const InterfaceTable& interfaces) {
  Backlog& backlog = stripe.backlog;
  if (backlog.entries.empty()) return;
  handed_.clear();
  for (const Backlog::Entry& entry : backlog.entries) {
    handed_.push_back({.before = 0,
                       .type = entry.type,
                       .interface = entry.interface,
                       .body = Bytes(backlog.bytes).subspan(entry.begin, entry.bytes)});
  }
  stripe.lane->write_side_blocks(handed_, interfaces);
  backlog.entries.clear();
  backlog.bytes.clear();
}

// For those that the batch did not go to.
void StripedLane::remember(const Offer& offer) {
  for (std::size_t i = 0; i < stripes_.size(); ++i) {
    Stripe& stripe = stripes_[i];
    if (i == turn_ || stripe.failed) continue;
    for (const SideBlock& block : offer.batch.side_blocks) {
      if (!StoreLane::travels_along(block)) continue;
      Backlog& backlog = stripe.backlog;
      if (backlog.bytes.size() + block.body.size() > kBacklogBytes) {
        (void)stripe.lane->reserve();
        hand_over(stripe, offer.interfaces);
      }
      backlog.entries.push_back({.type = block.type,
                                 .interface = block.interface,
                                 .begin = backlog.bytes.size(),
                                 .bytes = block.body.size()});
      backlog.bytes.insert(backlog.bytes.end(), block.body.begin(), block.body.end());
    }
    (void)works(i);
  }
}

Result<void> StripedLane::flush() {
  if (closed_ || live_ == 0) return state();
  for (std::size_t i = 0; i < stripes_.size(); ++i) {
    if (stripes_[i].failed) continue;
    // One that has no room would be waited for.
    if (live_ == 1) {
      (void)stripes_[i].lane->flush();
    } else {
      (void)stripes_[i].lane->try_reserve();
    }
    (void)works(i);
  }
  tally();
  return live_ == 0 ? state() : ok();
}

Result<void> StripedLane::close() {
  if (closed_) return state();
  closed_ = true;
  for (Stripe& stripe : stripes_) {
    auto closed = stripe.lane->close();
    if (!closed && !error_) error_ = std::move(closed).error();
  }
  tally();
  return state();
}

std::uint64_t StripedLane::files() const noexcept {
  std::uint64_t files = 0;
  for (const Stripe& stripe : stripes_) files += stripe.lane->files();
  return files;
}

// Of the emptiest of those that work.
double StripedLane::fill() const noexcept {
  std::optional<double> least;
  for (const Stripe& stripe : stripes_) {
    if (stripe.lane->has_failed()) continue;
    least = std::min(least.value_or(1), stripe.lane->fill());
  }
  return least.value_or(0);
}

void StripedLane::tally() noexcept {
  SinkCounts sum;
  for (const Stripe& stripe : stripes_) sum += counts_of(stripe.lane->statistics());
  statistics_.offered.set(sum.offered);
  statistics_.written.set(sum.written);
  statistics_.written_bytes.set(sum.written_bytes);
  statistics_.pending.set(sum.pending);
  for (std::size_t i = 0; i < sum.lost.size(); ++i) statistics_.lost[i].set(sum.lost[i]);
}

Result<void> StripedLane::state() const {
  if (error_) return *error_;
  return ok();
}

}  // namespace weir::output
