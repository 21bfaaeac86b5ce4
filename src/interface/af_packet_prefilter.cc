#include "interface/af_packet_prefilter.h"

#include <sys/mman.h>

#include <atomic>
#include <cerrno>
#include <optional>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "filter/ebpf_filter.h"
#include "filter/pcap_compiler.h"

namespace weir::interface {
namespace {

constexpr std::size_t kCounterBytes = filter::kRejectionWords * sizeof(std::uint64_t);

RejectionCounters counters_if_permitted(security::PrivilegedOperations& privileges) {
  auto created = RejectionCounters::create(privileges);
  return created ? std::move(created).value() : RejectionCounters();
}

std::optional<filter::KernelFilter> kernel_form(std::string_view expression,
                                                const filter::KernelFilterOptions& options) {
  if (expression.empty()) return std::nullopt;
  const auto compiled = filter::compile(expression, options.link_type);
  const auto* program = std::get_if<filter::CbpfProgram>(&compiled);
  if (program == nullptr) return std::nullopt;
  if (filter::check(*program).fault != filter::CbpfFault::None) return std::nullopt;
  return filter::kernel_filter(*program, options);
}

}  // namespace

filter::Passages passages_of(Direction direction, Loopback loopback) noexcept {
  using filter::Passages;
  if (loopback == Loopback::Yes) {
    return direction == Direction::Out ? Passages::None : Passages::Arriving;
  }
  switch (direction) {
    case Direction::In:
      return Passages::Arriving;
    case Direction::Out:
      return Passages::Leaving;
    default:
      return Passages::Both;
  }
}

Result<RejectionCounters> RejectionCounters::create(security::PrivilegedOperations& privileges) {
  WEIR_TRY(UniqueFd fd, privileges.create_counters(filter::kRejectionWords));
  void* words = ::mmap(nullptr, kCounterBytes, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (words == MAP_FAILED) return system_error(errno, "map the counters of the packet filter");
  return RejectionCounters(std::move(fd), static_cast<std::uint64_t*>(words));
}

RejectionCounters::RejectionCounters(RejectionCounters&& other) noexcept
    : fd_(std::move(other.fd_)), words_(std::exchange(other.words_, nullptr)) {}

RejectionCounters::~RejectionCounters() {
  if (words_ != nullptr) ::munmap(words_, kCounterBytes);
}

std::uint64_t RejectionCounters::word(std::size_t index) const noexcept {
  WEIR_ASSERT(index < filter::kRejectionWords);
  if (words_ == nullptr) return 0;
  return std::atomic_ref<std::uint64_t>(words_[index]).load(std::memory_order_relaxed);
}

AfPacketPrefilter::AfPacketPrefilter(const filter::KernelFilterOptions& options,
                                     security::PrivilegedOperations& privileges)
    : options_(options), privileges_(&privileges), counters_(counters_if_permitted(privileges)) {}

Result<Prefilter> AfPacketPrefilter::replace(AfPacketSocket& socket, std::string_view expression) {
  if (const auto filter = kernel_form(expression, options_)) {
    const Prefilter attached = attach(socket, *filter);
    if (attached.place == FilterPlace::Kernel) return attached;
  }
  WEIR_CHECK(socket.attach(filter::kernel_filter_for_all(options_).program));
  return Prefilter{};
}

Prefilter AfPacketPrefilter::attach(AfPacketSocket& socket, const filter::KernelFilter& filter) {
  if (attach_counting(socket, filter)) return {.place = FilterPlace::Kernel, .counted = true};
  if (socket.attach(filter.program).ok()) return {.place = FilterPlace::Kernel, .counted = false};
  return {};
}

bool AfPacketPrefilter::attach_counting(AfPacketSocket& socket,
                                        const filter::KernelFilter& filter) {
  if (counters_.fd() < 0) return false;
  const auto program = filter::counting_program(filter, options_.link_type, counters_.fd());
  if (!program) return false;
  const auto loaded = privileges_->load_socket_filter(*program);
  return loaded.ok() && socket.attach_program(loaded->get()).ok();
}

std::uint64_t AfPacketPrefilter::rejected_packets() const noexcept {
  return counters_.word(filter::kRejectedPacketsWord);
}

std::uint64_t AfPacketPrefilter::rejected_bytes() const noexcept {
  return counters_.word(filter::kRejectedBytesWord);
}

}  // namespace weir::interface
