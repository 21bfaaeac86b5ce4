// Puts IP fragments together (RFC 791, RFC 8200 section 4.5), as Zeek does: the first copy of a
// byte stays, overlaps are told, and the time to wait runs from a datagram's first fragment.
//
// One worker owns it. All memory is allocated at construction; when it is full the datagram that
// began first gives way. Where Zeek differs: the header of the whole is that of the fragment at
// offset 0 and not of the one that arrived first; bytes that no length field could count are
// refused; one fragment that overlaps several others is told once.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/packet_keys.h"
#include "base/time.h"
#include "protocol/deep/datagram_table.h"
#include "protocol/deep/fragment_header.h"
#include "protocol/deep/fragment_pages.h"
#include "protocol/deep/weird_set.h"
#include "telemetry/counter.h"

namespace weir::protocol {

struct DefragmenterOptions {
  static constexpr std::uint32_t kDatagramsLimit = 1u << 24;
  std::uint32_t datagrams_max = 4096;  // 1 to kDatagramsLimit, else the nearer of them
  // For payloads and for what is kept about them. Less than the table and one datagram of the
  // largest size need counts as that.
  std::uint64_t bytes_max = 8ull << 20;
  Duration timeout = std::chrono::minutes(5);  // Zeek's frag_timeout
  // Secret: who knows it can choose keys that collide. FlowPacketReader draws one in place of 0.
  std::uint64_t seed = 0;
};

struct IpFragment {
  Bytes captured;                // from the IP header on; link padding may follow
  std::uint32_t wire_bytes = 0;  // how long `captured` was on the wire
  TenantIdentity tenant;
  Timestamp now;  // never goes back
};

enum class FragmentFate : std::uint8_t {
  Held,        // kept; the datagram is not complete
  Complete,    // the last that was missing
  Incomplete,  // less was captured than the fragment's length: of no use
  Refused,     // malformed, or longer than an IP packet can be
};

// Laws, after each call:
//   fragments taken = held + completed + expired + evicted + refused + incomplete
//   datagrams begun = waiting + completed + expired + evicted
struct DefragmenterStatistics {
  telemetry::Counter fragments_taken;
  telemetry::Counter fragments_held;  // gauge
  telemetry::Counter fragments_completed;
  telemetry::Counter fragments_expired;
  telemetry::Counter fragments_evicted;
  telemetry::Counter fragments_refused;
  telemetry::Counter fragments_incomplete;
  telemetry::Counter datagrams_begun;
  telemetry::Counter datagrams_waiting;  // gauge
  telemetry::Counter datagrams_completed;
  telemetry::Counter datagrams_expired;
  telemetry::Counter datagrams_evicted;
  telemetry::Counter pages_used;  // gauge, of FragmentPage::kBytes each
};

class Defragmenter {
 public:
  struct Outcome {
    FragmentFate fate = FragmentFate::Held;
    WeirdSet weirds = {};
    // Complete: the whole packet from its IP header on, as if it had never been cut (IPv4: fragment
    // fields 0, checksum right; IPv6: without fragment header). Valid until the next call.
    Bytes packet = {};
  };

  explicit Defragmenter(const DefragmenterOptions& options);

  [[nodiscard]] Outcome take(const IpFragment& packet) noexcept;
  // Gives up the datagrams whose time is over; take() does it too. For times without fragments.
  void expire(Timestamp now) noexcept;

  [[nodiscard]] const DefragmenterStatistics& statistics() const noexcept { return statistics_; }

 private:
  // Where the fragments of a datagram went that is no more.
  struct Toll {
    telemetry::Counter& fragments;
    telemetry::Counter& datagrams;
  };

  [[nodiscard]] Outcome add(const FragmentHeader& fragment, const IpFragment& packet) noexcept;
  [[nodiscard]] PartialDatagram& begin(const FragmentKey& key, const FragmentHeader& fragment,
                                       Timestamp now) noexcept;
  void store(PartialDatagram& datagram, const FragmentHeader& fragment, WeirdSet& weirds) noexcept;
  void keep_header(PartialDatagram& datagram, const FragmentHeader& fragment) noexcept;
  [[nodiscard]] std::uint32_t take_page(const PartialDatagram& taker) noexcept;
  void measure_contiguous(PartialDatagram& datagram) const noexcept;
  [[nodiscard]] Bytes assemble(const PartialDatagram& datagram) noexcept;
  void evict(PartialDatagram& datagram) noexcept;
  void remove(PartialDatagram& datagram, const Toll& toll) noexcept;
  void show_gauges() noexcept;

  Duration timeout_;
  DatagramTable table_;
  FragmentPagePool pages_;
  std::unique_ptr<std::uint8_t[]> whole_;  // the packet that was completed last
  DefragmenterStatistics statistics_;
  std::uint64_t held_ = 0;
};

}  // namespace weir::protocol
