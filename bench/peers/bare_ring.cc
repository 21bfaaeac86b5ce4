#include "bare_ring.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <utility>

namespace weir::bare {
namespace {

constexpr std::uint32_t kBlocks = kRingBytes / kBlockBytes;
constexpr int kBlockTimeoutMs = 20;  // as weir's

template <typename T>
bool set_option(int fd, int name, const T& value) {
  return ::setsockopt(fd, SOL_PACKET, name, &value, sizeof value) == 0;
}

bool make_ring(int fd) {
  constexpr std::uint32_t kFrameBytes = 2048;
  tpacket_req3 request{};
  request.tp_block_size = kBlockBytes;
  request.tp_block_nr = kBlocks;
  request.tp_frame_size = kFrameBytes;
  request.tp_frame_nr = kRingBytes / kFrameBytes;
  request.tp_retire_blk_tov = kBlockTimeoutMs;
  return set_option(fd, PACKET_VERSION, static_cast<int>(TPACKET_V3)) &&
         set_option(fd, PACKET_RX_RING, request);
}

bool bind_to(int fd, const char* interface) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
  return address.sll_ifindex != 0 &&
         ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

UniqueFd catch_stop_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC));
}

std::nullopt_t fail(const char* what) {
  std::perror(what);
  return std::nullopt;
}

}  // namespace

std::optional<Ring> Ring::open(const char* interface) {
  UniqueFd signals = catch_stop_signals();
  if (!signals) return fail("signalfd");
  UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!fd) return fail("socket");
  if (!make_ring(fd.get())) return fail("make a ring");
  void* base =
      ::mmap(nullptr, kRingBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd.get(), 0);
  if (base == MAP_FAILED) return fail("map the ring");
  Ring ring(std::move(fd), std::move(signals), static_cast<std::uint8_t*>(base));
  if (!bind_to(ring.socket_.get(), interface)) return fail(interface);
  return ring;
}

Ring::Ring(UniqueFd socket, UniqueFd signals, std::uint8_t* base) noexcept
    : socket_(std::move(socket)), signals_(std::move(signals)), base_(base) {}

Ring::Ring(Ring&& other) noexcept
    : socket_(std::move(other.socket_)),
      signals_(std::move(other.signals_)),
      base_(std::exchange(other.base_, nullptr)) {}

Ring::~Ring() {
  if (base_ != nullptr) ::munmap(base_, kRingBytes);
}

tpacket_block_desc* Ring::block() const noexcept {
  return reinterpret_cast<tpacket_block_desc*>(base_ + std::size_t{kBlockBytes} * index_);
}

std::optional<Block> Ring::next() {
  if (held_) {
    std::atomic_ref(block()->hdr.bh1.block_status)
        .store(TP_STATUS_KERNEL, std::memory_order_release);
    index_ = (index_ + 1) % kBlocks;
    held_ = false;
  }
  const std::atomic_ref status(block()->hdr.bh1.block_status);
  while ((status.load(std::memory_order_acquire) & TP_STATUS_USER) == 0) {
    if (stopping_) return std::nullopt;
    std::array<pollfd, 2> waited = {pollfd{.fd = socket_.get(), .events = POLLIN, .revents = 0},
                                    pollfd{.fd = signals_.get(), .events = POLLIN, .revents = 0}};
    (void)::poll(waited.data(), waited.size(), -1);
    // The bench stops a capture that has been idle for a while: nothing is left in an open block.
    stopping_ = waited[1].revents != 0;
  }
  held_ = true;
  const auto& header = block()->hdr.bh1;
  const auto* first = reinterpret_cast<const std::uint8_t*>(block()) + header.offset_to_first_pkt;
  return Block{reinterpret_cast<const tpacket3_hdr*>(first), header.num_pkts};
}

std::uint64_t Ring::take_drops() {
  tpacket_stats_v3 counters{};
  socklen_t bytes = sizeof counters;
  if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &counters, &bytes) != 0) return 0;
  return counters.tp_drops;
}

}  // namespace weir::bare
