// A live capture of one or more interfaces by AF_PACKET, each shared between one or more workers:
// one source for every worker of every interface.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/capture_interface.h"
#include "base/clock.h"
#include "base/result.h"
#include "interface/af_packet_source.h"
#include "interface/direction.h"
#include "interface/timestamping.h"
#include "security/privileged_operations.h"

namespace weir::interface {

// As many workers as flow shards (shard_of() in steering.h): each must own one.
inline constexpr std::uint32_t kWorkersPerInterfaceMax = 64;

struct AfPacketCapture {
  std::vector<std::string> interfaces;      // in the order of their InterfaceIds; none twice
  std::uint32_t workers_per_interface = 1;  // 1 to kWorkersPerInterfaceMax
  std::uint32_t snaplen = kPacketBytesMax;  // AfPacketOptions::snaplen
  // For each worker; rounded down to whole blocks, at least two. Where the kernel has not so much
  // memory, the half, and so on: AfPacketQueue says what it became.
  std::uint64_t ring_bytes = 64 * 1024 * 1024;
  // A power of two of pages that holds a packet as it is delivered.
  std::uint32_t block_bytes = 1024 * 1024;
  // A quiet link's packets reach the reader after this time at the latest. Whole milliseconds, at
  // least one.
  Duration block_timeout = std::chrono::milliseconds(20);
  Promiscuous promiscuous = Promiscuous::Yes;
  Direction direction = Direction::InOut;
  std::string prefilter;  // Source::set_prefilter(), in place before the first packet
};

// How the packets of an interface are shared between its workers.
enum class Steering : std::uint8_t {
  None,        // there is one
  InnerFlow,   // both directions of a flow to one worker, in tunnels the innermost flow: steering.h
  KernelHash,  // by the outermost flow, as the kernel sees it
};

// The source of the same index.
struct AfPacketQueue {
  InterfaceId interface;
  std::uint32_t queue = 0;  // of this interface's workers, from 0
  std::uint64_t ring_bytes = 0;
};

// By InterfaceId.
struct AfPacketInterface {
  std::string name;
  int index = 0;  // ifindex
  Steering steering = Steering::None;
  std::string why_kernel_hash;  // why it is not our own program that steers
  TimestampSource timestamps = TimestampSource::Kernel;
};

struct AfPacketSources {
  std::vector<std::unique_ptr<AfPacketSource>> sources;  // by interface, then by queue
  std::vector<AfPacketQueue> queues;
  std::vector<AfPacketInterface> interfaces;
};

// When it returns, every packet from now on is seen, by exactly one source of its interface. All
// sources have the same InterfaceTable. Errors as AfPacketSource::open, and Usage for an interface
// that is named twice.
Result<AfPacketSources> open_af_packet_sources(const AfPacketCapture& wanted,
                                               security::PrivilegedOperations& privileges,
                                               const Clock& clock);
// Interfaces that are captured in different ways, as one capture.
Result<AfPacketSources> open_af_packet_sources(std::span<const AfPacketCapture> captures,
                                               security::PrivilegedOperations& privileges,
                                               const Clock& clock);

}  // namespace weir::interface
