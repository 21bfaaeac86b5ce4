#include "interface/af_packet_sources.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "interface/fanout.h"
#include "interface/steering.h"

namespace weir::interface {
namespace {

using std::chrono::milliseconds;

// Largest overhead of a frame in a block: block descriptor, packet header, headroom, link header.
constexpr std::uint32_t kFrameOverheadBytes = 1024;
constexpr std::uint64_t kRingBytesMax = std::uint64_t{64} << 30;
constexpr std::uint32_t kBlocksMin = 2;
static_assert(kWorkersPerInterfaceMax == kFlowShards);

Error usage(std::string text) { return {.code = ErrorCode::Usage, .context = std::move(text)}; }

// Into the ring, of a packet as the kernel has it, before anything is put back in front of it.
std::uint32_t copied_bytes(const AfPacketCapture& wanted) noexcept {
  return std::max(wanted.snaplen, kDeliveredBytesMin);
}

Result<RingGeometry> geometry_of(const AfPacketCapture& wanted) {
  const auto page_bytes = static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE));
  if (wanted.snaplen == 0 || wanted.snaplen > kPacketBytesMax) {
    return usage("a snaplen of " + std::to_string(wanted.snaplen) + " is not possible (1 to " +
                 std::to_string(kPacketBytesMax) + ")");
  }
  if (!std::has_single_bit(wanted.block_bytes) || wanted.block_bytes < page_bytes ||
      wanted.block_bytes < copied_bytes(wanted) + kFrameOverheadBytes) {
    return usage("ring blocks of " + std::to_string(wanted.block_bytes) +
                 " bytes are not possible (a power of two, at least a page and snaplen + " +
                 std::to_string(kFrameOverheadBytes) + ")");
  }
  const std::uint64_t block_count = wanted.ring_bytes / wanted.block_bytes;
  if (block_count < kBlocksMin || wanted.ring_bytes > kRingBytesMax) {
    return usage("a ring of " + std::to_string(wanted.ring_bytes) +
                 " bytes is not possible (at least two blocks of " +
                 std::to_string(wanted.block_bytes) + " bytes, at most 64 GiB)");
  }
  if (wanted.block_timeout < milliseconds(1)) {
    return usage("a block timeout below one millisecond is not possible");
  }
  return RingGeometry{.block_bytes = wanted.block_bytes,
                      .block_count = static_cast<std::uint32_t>(block_count)};
}

Result<void> check_counts(std::span<const AfPacketCapture> captures) {
  std::vector<std::string_view> names;
  for (const AfPacketCapture& wanted : captures) {
    if (wanted.workers_per_interface == 0 ||
        wanted.workers_per_interface > kWorkersPerInterfaceMax) {
      return usage(std::to_string(wanted.workers_per_interface) +
                   " workers are not possible (1 to " + std::to_string(kWorkersPerInterfaceMax) +
                   ")");
    }
    for (const std::string& name : wanted.interfaces) {
      if (std::find(names.begin(), names.end(), name) != names.end()) {
        return usage("capture on " + name + ": the interface is named twice");
      }
      names.push_back(name);
    }
  }
  if (names.empty()) return usage("no interface to capture on is named");
  return ok();
}

// One interface of the capture, before any socket exists.
struct Target {
  const AfPacketCapture* wanted;
  NetworkInterface facts;
  Framing framing;
  TimestampSource timestamps;
};

Result<Target> find_target(const std::string& name, const AfPacketCapture& wanted) {
  WEIR_TRY(NetworkInterface facts, find_network_interface(name));
  const Framing framing = framing_of(facts.hardware_type);
  return Target{.wanted = &wanted,
                .facts = std::move(facts),
                .framing = framing,
                .timestamps = timestamp_source_of(name)};
}

// The socket and the ring of one worker. Its filter lets nothing in yet.
struct Intake {
  AfPacketSocket socket;
  AfPacketRing ring;
};

// Memory of the kernel may be short where half as much is still there.
Result<RingGeometry> make_largest_ring(AfPacketSocket& socket, RingGeometry wanted,
                                       Duration block_timeout) {
  for (RingGeometry geometry = wanted;; geometry.block_count /= 2) {
    auto made = socket.make_ring(geometry, block_timeout);
    if (made) return geometry;
    if (made.error().sys_errno != ENOMEM || geometry.block_count / 2 < kBlocksMin) {
      return std::move(made).error();
    }
  }
}

Result<Intake> open_intake(const Target& target, RingGeometry wanted,
                           const AfPacketCapture& capture,
                           security::PrivilegedOperations& privileges) {
  WEIR_TRY(UniqueFd fd, privileges.open_packet_socket(target.framing.socket_kind));
  AfPacketSocket socket(std::move(fd));
  socket.reject_all();
  WEIR_CHECK(socket.stamp_on_arrival(target.timestamps));
  WEIR_TRY(const RingGeometry geometry, make_largest_ring(socket, wanted, capture.block_timeout));
  if (capture.promiscuous == Promiscuous::Yes && !target.facts.loopback) {
    WEIR_CHECK(socket.join_promiscuous(target.facts.index));
  }
  WEIR_TRY(AfPacketRing ring, AfPacketRing::map(socket.fd(), geometry));
  WEIR_CHECK(socket.bind(target.facts.index));
  return Intake{.socket = std::move(socket), .ring = std::move(ring)};
}

struct Steered {
  Steering steering = Steering::None;
  std::string why_kernel_hash = {};
};

// By our program where the kernel loads it.
Result<Steered> steer(std::span<const Intake> intakes, LinkType link_type,
                      security::PrivilegedOperations& privileges) {
  if (intakes.size() == 1) return Steered{};
  std::vector<int> sockets;
  for (const Intake& intake : intakes) sockets.push_back(intake.socket.fd());

  auto program = load_steering_program(link_type, privileges);
  if (!program) {
    WEIR_CHECK(make_fanout_group(sockets, FanoutRule::KernelHash));
    return Steered{.steering = Steering::KernelHash,
                   .why_kernel_hash = std::move(program).error().context};
  }
  WEIR_CHECK(make_fanout_group(sockets, FanoutRule::Program));
  WEIR_CHECK(set_fanout_program(sockets.front(), program->get()));
  return Steered{.steering = Steering::InnerFlow};
}

// The workers of one interface, steered, and still deaf.
struct Group {
  std::vector<Intake> intakes;
  Steered steered;
};

Result<Group> open_group(const Target& target, RingGeometry geometry, const AfPacketCapture& wanted,
                         security::PrivilegedOperations& privileges) {
  Group group;
  for (std::uint32_t queue = 0; queue < wanted.workers_per_interface; ++queue) {
    WEIR_TRY(Intake intake, open_intake(target, geometry, wanted, privileges));
    group.intakes.push_back(std::move(intake));
  }
  WEIR_TRY(group.steered, steer(group.intakes, target.framing.link_type, privileges));
  return group;
}

filter::KernelFilterOptions kernel_filter_options(const Target& target,
                                                  const AfPacketCapture& wanted) {
  const Loopback loopback = target.facts.loopback ? Loopback::Yes : Loopback::No;
  return {.link_type = target.framing.link_type,
          .passages = passages_of(wanted.direction, loopback),
          .copied_bytes = copied_bytes(wanted)};
}

// From here on packets come.
Result<std::unique_ptr<AfPacketSource>> start_source(Intake intake, const Target& target,
                                                     const AfPacketCapture& wanted,
                                                     const InterfaceTable& table, InterfaceId id,
                                                     security::PrivilegedOperations& privileges,
                                                     const Clock& clock) {
  WEIR_TRY(ReceiveBarrier barrier, ReceiveBarrier::open(privileges));
  UniqueFd wake_fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_fd) return system_error(errno, "make an event descriptor");
  AfPacketPrefilter prefilter(kernel_filter_options(target, wanted), privileges);
  WEIR_TRY(const Prefilter prefilter_as_set, prefilter.replace(intake.socket, wanted.prefilter));
  return std::make_unique<AfPacketSource>(AfPacketParts{.facts = target.facts,
                                                        .link_type = target.framing.link_type,
                                                        .interfaces = table,
                                                        .interface = id,
                                                        .socket = std::move(intake.socket),
                                                        .prefilter = std::move(prefilter),
                                                        .prefilter_as_set = prefilter_as_set,
                                                        .ring = std::move(intake.ring),
                                                        .barrier = std::move(barrier),
                                                        .wake_fd = std::move(wake_fd)},
                                          clock);
}

Result<void> open_target(const Target& target, const InterfaceTable& table, InterfaceId id,
                         security::PrivilegedOperations& privileges, const Clock& clock,
                         AfPacketSources& opened) {
  const AfPacketCapture& wanted = *target.wanted;
  WEIR_TRY(const RingGeometry geometry, geometry_of(wanted));
  WEIR_TRY(Group group, open_group(target, geometry, wanted, privileges));
  for (std::uint32_t queue = 0; queue < group.intakes.size(); ++queue) {
    Intake& intake = group.intakes[queue];
    opened.queues.push_back({.interface = id, .queue = queue, .ring_bytes = intake.ring.bytes()});
    WEIR_TRY(auto source,
             start_source(std::move(intake), target, wanted, table, id, privileges, clock));
    opened.sources.push_back(std::move(source));
  }
  opened.interfaces.push_back({.name = target.facts.name,
                               .index = target.facts.index,
                               .steering = group.steered.steering,
                               .why_kernel_hash = std::move(group.steered.why_kernel_hash),
                               .timestamps = target.timestamps});
  return ok();
}

}  // namespace

Result<AfPacketSources> open_af_packet_sources(const AfPacketCapture& wanted,
                                               security::PrivilegedOperations& privileges,
                                               const Clock& clock) {
  return open_af_packet_sources(std::span(&wanted, 1), privileges, clock);
}

Result<AfPacketSources> open_af_packet_sources(std::span<const AfPacketCapture> captures,
                                               security::PrivilegedOperations& privileges,
                                               const Clock& clock) {
  const auto on = [](const std::string& name, Error error) {
    return std::move(error).with_context("capture on " + name);
  };
  WEIR_CHECK(check_counts(captures));

  std::vector<Target> targets;
  InterfaceTable table;
  for (const AfPacketCapture& wanted : captures) {
    for (const std::string& name : wanted.interfaces) {
      auto target = find_target(name, wanted);
      if (!target) return on(name, std::move(target).error());
      table.add(describe(target->facts, target->framing.link_type, wanted.snaplen));
      targets.push_back(std::move(target).value());
    }
  }

  AfPacketSources opened;
  for (std::uint32_t index = 0; index < targets.size(); ++index) {
    const Target& target = targets[index];
    if (auto added = open_target(target, table, {index}, privileges, clock, opened); !added) {
      return on(target.facts.name, std::move(added).error());
    }
  }
  return opened;
}

Result<std::unique_ptr<AfPacketSource>> AfPacketSource::open(
    const AfPacketOptions& options, security::PrivilegedOperations& privileges,
    const Clock& clock) {
  WEIR_TRY(AfPacketSources opened, open_af_packet_sources({.interfaces = {options.interface},
                                                           .snaplen = options.snaplen,
                                                           .ring_bytes = options.ring_bytes,
                                                           .block_bytes = options.block_bytes,
                                                           .block_timeout = options.block_timeout,
                                                           .promiscuous = options.promiscuous,
                                                           .direction = options.direction,
                                                           .prefilter = options.prefilter},
                                                          privileges, clock));
  return std::move(opened.sources.front());
}

}  // namespace weir::interface
