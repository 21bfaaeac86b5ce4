#include "interface/af_packet_source.h"

#include <linux/if_packet.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/assert.h"
#include "base/bytes.h"

namespace weir::interface {
namespace {

using std::chrono::milliseconds;

constexpr Duration kLongestWait = std::chrono::hours(1);  // keeps sums of times far from overflow
// Once a link was down nothing need tell us that the interface is removed: look this often.
constexpr Duration kLinkDownWait = milliseconds(100);
// After the intake is closed the kernel hands over the last block within one block timeout.
constexpr Duration kDrainWait = std::chrono::seconds(2);

constexpr std::uint32_t kMacAddressesBytes = 12;
constexpr std::uint32_t kVlanTagBytes = 4;
constexpr std::uint16_t kTpidDefault = 0x8100;
constexpr std::uint32_t kSllHeaderBytes = 16;
// What a frame may grow by when it is rebuilt.
constexpr std::uint32_t kRebuiltBytesMax = kSllHeaderBytes + kVlanTagBytes;

// From the start of a packet in the ring: its header, its address, and only then frame and
// headroom.
constexpr std::size_t kAddressOffset = align_up(sizeof(tpacket3_hdr), TPACKET_ALIGNMENT);
constexpr std::size_t kHeadroomOffset = kAddressOffset + sizeof(sockaddr_ll);
// The kernel puts the network header of any frame at least here (tpacket_rcv), so that the largest
// thing put back in front of a frame, a cooked header with a tag, cannot reach the address.
constexpr std::size_t kNetworkOffsetMin =
    align_up(kHeadroomOffset + 16, TPACKET_ALIGNMENT) + kFrameHeadroomBytes;
static_assert(kNetworkOffsetMin - kRebuiltBytesMax >= kHeadroomOffset);
static_assert(kFrameHeadroomBytes >= kVlanTagBytes);

bool has_tag(const tpacket3_hdr& header) noexcept {
  return (header.tp_status & TP_STATUS_VLAN_VALID) != 0;
}

void write_tag(const tpacket3_hdr& header, std::uint8_t* at) noexcept {
  const bool has_tpid = (header.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
  store_be(at, has_tpid ? header.hv1.tp_vlan_tpid : kTpidDefault);
  store_be(at + 2, static_cast<std::uint16_t>(header.hv1.tp_vlan_tci));
}

struct Frame {
  std::uint8_t* data;
  std::uint32_t captured_bytes;
  std::uint32_t wire_bytes;

  void grow_front(std::uint32_t bytes) noexcept {
    data -= bytes;
    captured_bytes += bytes;
    wire_bytes += bytes;
  }
};

// The kernel takes the outermost tag out of the frame and tells it beside; the frame gets it back
// behind the two MAC addresses, which move down into the headroom.
void restore_vlan_tag(const tpacket3_hdr& header, Frame& frame) noexcept {
  if (!has_tag(header)) return;
  if (frame.captured_bytes < kMacAddressesBytes) {  // snapped before the tag
    frame.wire_bytes += kVlanTagBytes;
    return;
  }
  std::memmove(frame.data - kVlanTagBytes, frame.data, kMacAddressesBytes);
  frame.grow_front(kVlanTagBytes);
  write_tag(header, frame.data + kMacAddressesBytes);
}

// LINKTYPE_LINUX_SLL: packet type, hardware type, address, protocol; where there is a tag, its TPID
// is the protocol, and the tag's content and the packet's own protocol follow.
void write_cooked_header(const tpacket3_hdr& header, Frame& frame) noexcept {
  constexpr std::size_t kAddressBytes = 8;
  const auto* record = reinterpret_cast<const std::uint8_t*>(&header);
  sockaddr_ll address;
  std::memcpy(&address, record + kAddressOffset, sizeof address);

  const bool tagged = has_tag(header);
  frame.grow_front(kSllHeaderBytes + (tagged ? kVlanTagBytes : 0));
  std::uint8_t* at = frame.data;
  store_be(at, static_cast<std::uint16_t>(address.sll_pkttype));
  store_be(at + 2, address.sll_hatype);
  store_be(at + 4, static_cast<std::uint16_t>(address.sll_halen));
  std::memcpy(at + 6, address.sll_addr, kAddressBytes);
  if (tagged) {
    write_tag(header, at + 14);
    at += kVlanTagBytes;
  }
  std::memcpy(at + 14, &address.sll_protocol, sizeof address.sll_protocol);  // big-endian already
}

timespec to_timespec(Duration duration) noexcept {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t ns = std::max<std::int64_t>(duration.count(), 0);
  return {.tv_sec = ns / kSecond, .tv_nsec = ns % kSecond};
}

}  // namespace

AfPacketSource::AfPacketSource(AfPacketParts parts, const Clock& clock)
    : socket_(std::move(parts.socket)),
      prefilter_(std::move(parts.prefilter)),
      prefilter_as_set_(parts.prefilter_as_set),
      ring_(std::move(parts.ring)),
      barrier_(std::move(parts.barrier)),
      wake_fd_(std::move(parts.wake_fd)),
      clock_(clock),
      facts_(std::move(parts.facts)),
      link_type_(parts.link_type),
      interfaces_(std::move(parts.interfaces)),
      interface_(parts.interface) {}

Pull AfPacketSource::next_batch(PacketBatch& batch, std::uint32_t packets_max, Duration timeout) {
  WEIR_ASSERT(!batch_lent_ && packets_max > 0);
  batch.count = 0;
  batch.side_blocks = {};
  batch.gap = {};
  if (state_ == State::Ended) return Pull::End;
  if (state_ == State::Failed) return Pull::Failed;
  if (!have_packets()) {
    if (const auto outcome = wait_for_packets(timeout); outcome != Pull::Packets) return outcome;
  }
  fill(batch, packets_max);
  return Pull::Packets;
}

void AfPacketSource::release(PacketBatch& batch) {
  batch.count = 0;
  batch_lent_ = false;
  if (!block_held_ || cursor_.packets_left > 0) return;
  ring_.give_back();
  block_held_ = false;
}

bool AfPacketSource::have_packets() noexcept {
  while (cursor_.packets_left == 0) {
    if (block_held_) ring_.give_back();  // handed over empty
    block_held_ = ring_.take(cursor_);
    if (!block_held_) return false;
  }
  return true;
}

Pull AfPacketSource::wait_for_packets(Duration timeout) {
  const MonotonicTime deadline = clock_.monotonic() + std::min(timeout, kLongestWait);
  for (;;) {
    if (link_down_ && socket_.interface_is_gone()) lose_interface();
    // Counters after the look at the ring would be too late: a block could come in between.
    if (state_ == State::Draining && drained()) return finish();

    const Duration left = deadline - clock_.monotonic();
    const Duration slice = std::min(left, longest_quiet_wait());
    const Wake wake = wait(slice);
    if (have_packets()) return Pull::Packets;
    if (wake == Wake::Called) return Pull::Idle;
    if (wake == Wake::TimedOut && slice == left) return Pull::Idle;
    if (state_ == State::Draining && clock_.monotonic() >= drain_until_) return finish();
  }
}

Duration AfPacketSource::longest_quiet_wait() const noexcept {
  if (state_ == State::Draining) return drain_until_ - clock_.monotonic();
  return link_down_ ? kLinkDownWait : kLongestWait;
}

AfPacketSource::Wake AfPacketSource::wait(Duration timeout) noexcept {
  std::array<pollfd, 2> waited = {pollfd{.fd = socket_.fd(), .events = POLLIN, .revents = 0},
                                  pollfd{.fd = wake_fd_.get(), .events = POLLIN, .revents = 0}};
  const timespec limit = to_timespec(timeout);
  const int ready = ::ppoll(waited.data(), waited.size(), &limit, nullptr);
  if (ready < 0) return Wake::Called;  // a signal: the caller wants to look at it
  if (ready == 0) return Wake::TimedOut;
  if ((waited[0].revents & POLLERR) != 0) look_at_socket_error();
  if (waited[1].revents != 0) {
    std::uint64_t calls = 0;
    (void)!::read(wake_fd_.get(), &calls, sizeof calls);
    return Wake::Called;
  }
  return Wake::Packets;
}

// ENETDOWN: the link was set down; the socket stays hooked to the interface and goes on when it is
// set up again, which we need not notice (and packets do not show it: they may be from before).
// Other errors of a packet socket concern sending.
void AfPacketSource::look_at_socket_error() noexcept {
  if (socket_.take_error() == ENETDOWN) link_down_ = true;
}

void AfPacketSource::lose_interface() {
  if (state_ != State::Running) return;
  error_ = Error{.code = ErrorCode::LinkGone,
                 .sys_errno = ENETDOWN,
                 .context = "capture on " + facts_.name + ": the interface was removed"};
  start_draining();
}

void AfPacketSource::close_intake() {
  if (state_ == State::Running) start_draining();
}

void AfPacketSource::start_draining() noexcept {
  intake_closed_.store(true);
  socket_.reject_all();
  barrier_.wait();
  drain_until_ = clock_.monotonic() + kDrainWait;
  state_ = State::Draining;
}

// No packet joins the ring any more; every one that the kernel counted has been delivered or lies
// in a block that it is still to hand over.
bool AfPacketSource::drained() noexcept {
  read_kernel_counters();
  return kernel_packets_ == kernel_drops_ + statistics_.delivered.value();
}

Pull AfPacketSource::finish() noexcept {
  refresh_statistics();
  // Nothing, unless the capture is ended at once or the kernel kept its last block too long.
  statistics_.dropped[static_cast<std::size_t>(DropReason::Stop)].add(statistics_.in_ring.value());
  statistics_.in_ring.set(0);
  state_ = error_ ? State::Failed : State::Ended;
  return error_ ? Pull::Failed : Pull::End;
}

void AfPacketSource::close() {
  WEIR_ASSERT(!batch_lent_);
  if (state_ == State::Running) start_draining();
  if (state_ == State::Draining) (void)finish();
}

void AfPacketSource::wake() noexcept {
  constexpr std::uint64_t kOne = 1;
  (void)!::write(wake_fd_.get(), &kOne, sizeof kOne);
}

void AfPacketSource::fill(PacketBatch& batch, std::uint32_t packets_max) noexcept {
  const auto limit = std::min(packets_max, static_cast<std::uint32_t>(kBatchPacketsMax));
  std::uint32_t bytes = 0;
  while (batch.count < limit && cursor_.packets_left > 0) {
    const auto& header = *reinterpret_cast<const tpacket3_hdr*>(cursor_.next);
    // Before the frame is rebuilt, which must happen only once.
    bytes += header.tp_snaplen + kRebuiltBytesMax;
    if (bytes > kBatchBytesMax) break;
    // The kernel packs packets one after another, and every byte of them will be read: lines ahead
    // are asked for while this packet is described. Near enough that they are still there then.
    constexpr std::uint32_t kAheadBytes = 8192;
    constexpr std::uint32_t kLineBytes = 64;
    const std::uint8_t* const ahead = cursor_.next + kAheadBytes;
    for (std::uint32_t at = 0; at < header.tp_next_offset; at += kLineBytes) {
      __builtin_prefetch(ahead + at);
    }
    Packet& packet = batch.packets[batch.count++];
    view(header, packet);
    if (((header.tp_status & TP_STATUS_LOSING) != 0 || drops_told_ != kernel_drops_) &&
        batch.gap.packets == 0) [[unlikely]] {
      tell_gap(batch, header, packet.time);
    }
    delivered_bytes_ += packet.wire_bytes;
    cursor_.next += header.tp_next_offset;
    --cursor_.packets_left;
  }
  batch_lent_ = true;
  statistics_.delivered.add(batch.count);
  publish_counters();
}

// The kernel marks packets from a loss on, until somebody reads its counters. So a packet comes
// after a loss that is not told yet when it is marked, or when it arrived after we read of the
// loss.
void AfPacketSource::tell_gap(PacketBatch& batch, const tpacket3_hdr& header,
                              Timestamp time) noexcept {
  if ((header.tp_status & TP_STATUS_LOSING) != 0) {
    read_kernel_counters();
  } else if (time < drops_read_at_) {
    return;
  }
  batch.gap = {
      .interface = interface_, .before = batch.count - 1, .packets = kernel_drops_ - drops_told_};
  drops_told_ = kernel_drops_;
}

void AfPacketSource::view(const tpacket3_hdr& header, Packet& packet) const noexcept {
  WEIR_DEBUG_ASSERT(header.tp_net >= kNetworkOffsetMin);
  // cursor_.next, and not the header's own address: the frame behind it is ours to write.
  Frame frame{.data = cursor_.next + header.tp_mac,
              .captured_bytes = header.tp_snaplen,
              .wire_bytes = header.tp_len};
  if (link_type_ == LinkType::Ethernet) {
    restore_vlan_tag(header, frame);
  } else if (link_type_ == LinkType::LinuxSll) {
    write_cooked_header(header, frame);
  }
  constexpr std::int64_t kSecond = 1'000'000'000;
  // Field by field: a whole Packet would be put together on the stack and copied in vectors, which
  // wait until the stores of its fields have reached the cache.
  packet.data = frame.data;
  packet.time = {std::int64_t{header.tp_sec} * kSecond + header.tp_nsec};
  packet.captured_bytes = std::min(frame.captured_bytes, kPacketBytesMax);
  packet.wire_bytes = frame.wire_bytes;
  packet.interface = interface_;
  packet.link_type = link_type_;
  packet.has_time = true;
  packet.options = nullptr;
  packet.options_bytes = 0;
}

Prefilter AfPacketSource::set_prefilter(std::string_view expression) {
  if (intake_closed_.load()) return prefilter();
  const auto replaced = prefilter_.replace(socket_, expression);
  // The kernel has no memory for even the smallest program: the one before must not go on to reject
  // what is wanted now.
  if (!replaced) socket_.detach_filter();
  prefilter_as_set_.store(replaced ? *replaced : Prefilter{}, std::memory_order_relaxed);
  // The worker may have closed the intake meanwhile: whoever comes last closes it again.
  if (intake_closed_.load()) socket_.reject_all();
  return prefilter();
}

void AfPacketSource::refresh_statistics() {
  if (state_ == State::Ended || state_ == State::Failed) return;  // final already
  read_kernel_counters();
  publish_counters();
  statistics_.ring_fill.set(ring_.fill_permille());
}

void AfPacketSource::read_kernel_counters() noexcept {
  const KernelCounters since_last = socket_.read_counters();
  kernel_packets_ += since_last.packets;
  if (since_last.drops != 0 && drops_told_ == kernel_drops_) drops_read_at_ = clock_.wall();
  kernel_drops_ += since_last.drops;
  kernel_rejects_ = prefilter_.rejected_packets();
  kernel_reject_bytes_ = prefilter_.rejected_bytes();
}

// Between two readings of the kernel's counters we may deliver more than they knew of.
void AfPacketSource::publish_counters() noexcept {
  const std::uint64_t accounted = statistics_.delivered.value() + kernel_drops_;
  const std::uint64_t passed = std::max(kernel_packets_, accounted);
  statistics_.received.set(passed + kernel_rejects_);
  statistics_.received_bytes.set(delivered_bytes_ + kernel_reject_bytes_);
  statistics_.rejected[static_cast<std::size_t>(RejectReason::KernelFilter)].set(kernel_rejects_);
  statistics_.dropped[static_cast<std::size_t>(DropReason::Kernel)].set(kernel_drops_);
  statistics_.in_ring.set(passed - accounted);
}

}  // namespace weir::interface
