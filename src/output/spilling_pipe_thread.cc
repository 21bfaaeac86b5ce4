// What the thread of a SpillingPipe does, and both who send.
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/thread_name.h"
#include "output/spilling_pipe.h"

namespace weir::output {

namespace pcapng = storage::pcapng;

namespace {

// Sent at a time: how long the ring may wait to be looked at.
constexpr std::uint64_t kSendBytesMax = 1024 * 1024;

// A block that belongs into a chunk.
bool is_plain(std::uint32_t type, std::uint32_t bytes) noexcept {
  return type != static_cast<std::uint32_t>(pcapng::BlockType::SectionHeader) &&
         type != static_cast<std::uint32_t>(pcapng::BlockType::InterfaceDescription) &&
         bytes <= buffer::SpillTarget::kPutBytesMax;
}

}  // namespace

// --- whoever sends

int SpillingPipe::send_from_ring(std::uint64_t bytes_max) {
  int error = 0;
  while (error == 0 && bytes_max != 0 && !ring_->empty()) {
    Bytes front = ring_->front();
    front = front.first(std::min<std::uint64_t>(front.size(), bytes_max));
    std::size_t sent = 0;
    error = pipe_.send(front, PipeWriter::Wait::Never, sent);
    count(from_ring_, front.first(sent));
    ring_->pop(sent);
    bytes_max -= sent;
  }
  return error;
}

void SpillingPipe::count(RecordMeter& meter, Bytes sent) {
  const std::uint64_t before = meter.whole_bytes();
  // The queue learns from the ring what its packets belong to.
  const std::uint64_t packets =
      &meter == &from_ring_ ? meter.feed(sent, [this](Bytes block) { queue_->describe(block); })
                            : meter.feed(sent);
  written_.add(packets);
  written_bytes_.add(meter.whole_bytes() - before);
  sent_bytes_.add(sent.size());
}

void SpillingPipe::note(SpillEvent event) noexcept { state_.store(after(state_.load(), event)); }

void SpillingPipe::fail(int sys_errno) noexcept {
  note(SpillEvent::Fail);
  failure_.store(sys_errno);
  tell_progress();
}

void SpillingPipe::tell_progress() noexcept {
  progress_.fetch_add(1);
  progress_.notify_all();
}

// --- the thread

void SpillingPipe::run() {
  name_this_thread("weir-spill");
  cpu_set_t any;
  std::memset(&any, 0xff, sizeof any);
  sched_setaffinity(0, sizeof any, &any);  // a worker may be pinned; at worst we stay with it
  for (;;) {
    if (sender_.load() == Sender::Thread && failure_.load() == 0) serve();
    if (stopping_.load()) return;
    pollfd wait{.fd = bell_.get(), .events = POLLIN, .revents = 0};
    (void)::poll(&wait, 1, -1);
    quiet_bell();
  }
}

// Until there is nothing left to send, or it cannot be sent.
void SpillingPipe::serve() {
  for (;;) {
    if (stopping_.load()) return fail(ECANCELED);
    const int error = send_some();
    if (error != 0 && error != EAGAIN) return fail(error);
    bool moved = false;
    if (!short_of_room()) {
      set_stuck(false);
    } else if (error == EAGAIN || !queue_->empty()) {
      moved = move_to_queue();
    }
    if (queue_->empty() && ring_->empty()) {
      if (let_go()) return;
    } else if (error == EAGAIN && !moved && !wait_for_reader()) {
      return fail(ECANCELED);
    }
  }
}

int SpillingPipe::send_some() {
  const int error = queue_->empty() ? send_from_ring(kSendBytesMax) : send_from_queue();
  tell_progress();
  return error;
}

int SpillingPipe::send_from_queue() {
  if (front_.empty()) {
    auto piece = queue_->front();
    if (!piece) {
      unreadable_.add(queue_->pop());
      collect_warning();
      return 0;
    }
    front_ = *piece;
  }
  std::size_t sent = 0;
  const int error = pipe_.send(front_, PipeWriter::Wait::Never, sent);
  count(from_queue_, front_.first(sent));
  front_ = front_.subspan(sent);
  if (front_.empty()) (void)queue_->pop();
  return error;
}

// All that the ring holds. True: something went.
bool SpillingPipe::move_to_queue() {
  const std::uint64_t begin = ring_->begin();
  if (queue_->empty()) from_queue_ = from_ring_;
  bool taken = true;
  while (taken && !ring_->empty()) {
    taken = move_piece();
    tell_progress();
  }
  set_stuck(!taken);
  collect_warning();
  return ring_->begin() != begin;
}

// False: there is no room for all of it.
bool SpillingPipe::move_piece() {
  if (from_ring_.between()) return move_run();
  Bytes rest = ring_->front();
  rest = rest.first(std::min<std::uint64_t>(rest.size(), from_ring_.left()));
  if (!queue_->put_apart(rest)) return false;
  leave(rest);
  return true;
}

// Blocks that lie in one piece; or the beginning of one that stands apart, is not here as a whole,
// or goes on where the ring's memory begins.
bool SpillingPipe::move_run() {
  const Bytes front = ring_->front();
  const std::uint64_t there = ring_->end() - ring_->begin();
  std::size_t run = 0;
  while (run < front.size()) {
    const std::uint32_t type = load_le32(front.data() + run);
    const std::uint32_t bytes = load_le32(front.data() + run + 4);
    if (!is_plain(type, bytes) || run + bytes > there) break;
    if (run + bytes > front.size() && !pcapng::is_packet(type)) break;
    run += bytes;
  }
  if (run != 0) {
    const std::size_t taken = queue_->put(Bytes(front.data(), run));
    leave(Bytes(front.data(), taken));
    return taken == run;
  }
  const std::size_t bytes = std::min<std::size_t>(front.size(), load_le32(front.data() + 4));
  if (!queue_->put_apart(front.first(bytes))) return false;
  leave(front.first(bytes));
  return true;
}

void SpillingPipe::leave(Bytes bytes) {
  (void)from_ring_.feed(bytes, [this](Bytes block) { queue_->describe(block); });
  ring_->pop(bytes.size());
}

// True: the worker may send, or does.
bool SpillingPipe::let_go() noexcept {
  queue_->rest();
  stuck_.store(false);
  note(SpillEvent::CatchUp);
  sender_.store(Sender::Nobody);
  tell_progress();
  if (ring_->empty()) return true;
  // It has put something in since, and may have found that it cannot send.
  Sender nobody = Sender::Nobody;
  if (!sender_.compare_exchange_strong(nobody, Sender::Thread)) return true;
  note(SpillEvent::Stall);
  return false;
}

void SpillingPipe::set_stuck(bool stuck) noexcept {
  if (stuck_.load() == stuck) return;
  note(stuck ? SpillEvent::Fill : SpillEvent::Drain);
  stuck_.store(stuck);
  tell_progress();
}

// False: cancel() was called, and the reader takes nothing.
bool SpillingPipe::wait_for_reader() noexcept {
  std::array<pollfd, 3> wait = {pollfd{.fd = pipe_.fd(), .events = POLLOUT, .revents = 0},
                                pollfd{.fd = bell_.get(), .events = POLLIN, .revents = 0},
                                pollfd{.fd = pipe_.cancel_fd(), .events = POLLIN, .revents = 0}};
  if (::poll(wait.data(), wait.size(), -1) < 0) return true;
  if (wait[1].revents != 0) quiet_bell();
  return wait[0].revents != 0 || wait[2].revents == 0;
}

// Before looking for what it was rung for.
void SpillingPipe::quiet_bell() noexcept {
  eventfd_t rings = 0;
  (void)eventfd_read(bell_.get(), &rings);
  rung_.store(false);
}

void SpillingPipe::collect_warning() {
  auto warning = queue_->take_warning();
  if (!warning) return;
  const std::lock_guard lock(warning_lock_);
  if (!warning_) warning_ = std::move(warning);
}

}  // namespace weir::output
