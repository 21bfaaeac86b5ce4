#include "protocol/deep/defragmenter.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace weir::protocol {
namespace {

constexpr std::uint32_t kPageBytes = FragmentPage::kBytes;
constexpr std::uint32_t kPayloadPosition = PartialDatagram::kPayloadPosition;

std::uint32_t datagram_count(const DefragmenterOptions& options) noexcept {
  return std::clamp(options.datagrams_max, 1u, DefragmenterOptions::kDatagramsLimit);
}

std::uint32_t page_count(const DefragmenterOptions& options) noexcept {
  constexpr std::uint64_t kEach = sizeof(FragmentPage) + sizeof(std::uint32_t);  // and its place
  constexpr std::uint64_t kMost = FragmentPagePool::kNone - 1;
  const std::uint64_t fixed =
      datagram_count(options) * DatagramTable::bytes_per_datagram() + whole_packet_bytes_max(6);
  const std::uint64_t left = options.bytes_max > fixed ? options.bytes_max - fixed : 0;
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(left / kEach, PartialDatagram::kPagesMax, kMost));
}

// Unsigned, because a file's times may be further apart than a Duration can say.
bool has_passed(Duration timeout, Timestamp since, Timestamp now) noexcept {
  if (now < since || timeout.count() < 0) return false;
  return static_cast<std::uint64_t>(now.ns) - static_cast<std::uint64_t>(since.ns) >=
         static_cast<std::uint64_t>(timeout.count());
}

FragmentKey key_of(const FragmentHeader& fragment, const TenantIdentity& tenant) noexcept {
  return {.source = fragment.source,
          .destination = fragment.destination,
          .tenant = tenant,
          .id = fragment.id,
          .ip_version = fragment.ip_version};
}

// What one fragment shows alone.
WeirdSet own_weirds(const FragmentHeader& fragment) noexcept {
  constexpr std::uint32_t kSmallBytes = 64;   // with its headers; Zeek's MIN_ACCEPTABLE_FRAG_SIZE
  constexpr std::uint32_t kLargeEnd = 64000;  // Zeek's MAX_ACCEPTABLE_FRAG_SIZE
  WeirdSet weirds;
  if (fragment.dont_fragment) weirds.add(Weird::FragmentWithDf);
  if (fragment.more_fragments && fragment.declared_bytes < kSmallBytes) {
    weirds.add(Weird::ExcessivelySmallFragment);
  }
  if (fragment.end() > kLargeEnd) weirds.add(Weird::ExcessivelyLargeFragment);
  return weirds;
}

// Whether the whole would be longer than its length field can say, by the longest header so far:
// the one that counts, of the fragment at offset 0, may come last.
bool too_long_for(const PartialDatagram* datagram, const FragmentHeader& fragment) noexcept {
  auto header_bytes = static_cast<std::uint32_t>(fragment.header.size());
  std::uint32_t end = fragment.end();
  if (datagram != nullptr) {
    header_bytes = std::max<std::uint32_t>(header_bytes, datagram->header_bytes);
    end = std::max(end, datagram->end);
  }
  return header_bytes + end > whole_packet_bytes_max(fragment.ip_version);
}

// The size that last fragments tell, made larger by whatever reaches beyond it.
void learn_size(PartialDatagram& datagram, const FragmentHeader& fragment,
                WeirdSet& weirds) noexcept {
  const std::uint32_t end = fragment.end();
  if (datagram.size == 0) {
    if (!fragment.more_fragments) datagram.size = end;
    return;
  }
  if (end > datagram.size || (!fragment.more_fragments && end != datagram.size)) {
    weirds.add(Weird::FragmentSizeInconsistency);
    datagram.size = std::max(datagram.size, end);
  }
}

// Whether all is there; then `size` is what it is, whoever said otherwise. Fragments that reach
// beyond a size which became known after them make it larger if there is no gap, and are left
// behind if there is one: two datagrams with one id may have met.
bool settle_size(PartialDatagram& datagram, WeirdSet& weirds) noexcept {
  if (datagram.size == 0 || datagram.contiguous == 0 || datagram.contiguous < datagram.size) {
    return false;
  }
  if (datagram.end > datagram.size) {
    weirds.add(Weird::FragmentSizeInconsistency);
    datagram.size = datagram.contiguous;
  }
  return true;
}

// RFC 791: the sum of the header with a checksum of 0.
std::uint16_t ipv4_checksum(const std::uint8_t* header, std::size_t bytes) noexcept {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes; i += 2) sum += load_be16(header + i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void make_whole_ipv4(std::uint8_t* packet, std::size_t header_bytes, std::size_t bytes) noexcept {
  store_be(packet + 2, static_cast<std::uint16_t>(bytes));
  store_be(packet + 6, std::uint16_t{0});
  store_be(packet + 10, std::uint16_t{0});
  store_be(packet + 10, ipv4_checksum(packet, header_bytes));
}

void make_whole_ipv6(std::uint8_t* packet, const PartialDatagram& datagram,
                     std::size_t bytes) noexcept {
  constexpr std::size_t kFixedBytes = 40;
  store_be(packet + 4, static_cast<std::uint16_t>(bytes - kFixedBytes));
  packet[datagram.next_header_at] = datagram.protocol;
}

// Calls use(page number, position in the page, bytes) for each piece of [position, position +
// bytes) that lies in one page.
template <typename Use>
void for_each_piece(std::uint32_t position, std::uint32_t bytes, Use use) noexcept {
  while (bytes > 0) {
    const std::uint32_t at = position % kPageBytes;
    const std::uint32_t piece = std::min(bytes, kPageBytes - at);
    use(position / kPageBytes, at, piece);
    position += piece;
    bytes -= piece;
  }
}

}  // namespace

Defragmenter::Defragmenter(const DefragmenterOptions& options)
    : timeout_(options.timeout),
      table_(datagram_count(options), options.seed),
      pages_(page_count(options)),
      whole_(std::make_unique_for_overwrite<std::uint8_t[]>(whole_packet_bytes_max(6))) {}

Defragmenter::Outcome Defragmenter::take(const IpFragment& packet) noexcept {
  expire(packet.now);
  statistics_.fragments_taken.add(1);
  FragmentHeader fragment;
  Outcome outcome;
  switch (read_fragment(packet.captured, packet.wire_bytes, fragment)) {
    case FragmentReading::Sound:
      outcome = add(fragment, packet);
      break;
    case FragmentReading::Cut:
      outcome.fate = FragmentFate::Incomplete;
      outcome.weirds.add(Weird::IncompletelyCapturedFragment);
      break;
    case FragmentReading::LengthBelowHeader:
      outcome.fate = FragmentFate::Refused;
      outcome.weirds.add(Weird::FragmentProtocolInconsistency);
      break;
    case FragmentReading::Malformed:
      outcome.fate = FragmentFate::Refused;
      break;
  }
  if (outcome.fate == FragmentFate::Incomplete) statistics_.fragments_incomplete.add(1);
  if (outcome.fate == FragmentFate::Refused) statistics_.fragments_refused.add(1);
  show_gauges();
  return outcome;
}

void Defragmenter::expire(Timestamp now) noexcept {
  PartialDatagram* oldest = table_.oldest();
  if (oldest == nullptr || !has_passed(timeout_, oldest->began, now)) return;
  do {
    remove(*oldest, {statistics_.fragments_expired, statistics_.datagrams_expired});
    oldest = table_.oldest();
  } while (oldest != nullptr && has_passed(timeout_, oldest->began, now));
  show_gauges();
}

Defragmenter::Outcome Defragmenter::add(const FragmentHeader& fragment,
                                        const IpFragment& packet) noexcept {
  Outcome outcome{.weirds = own_weirds(fragment)};
  const FragmentKey key = key_of(fragment, packet.tenant);
  PartialDatagram* found = table_.find(key);
  if (too_long_for(found, fragment)) {
    outcome.fate = FragmentFate::Refused;
    return outcome;
  }
  PartialDatagram& datagram = found != nullptr ? *found : begin(key, fragment, packet.now);
  ++datagram.fragments;
  ++held_;
  if (fragment.protocol != datagram.expected_protocol ||
      fragment.header.size() != datagram.expected_header_bytes) {
    outcome.weirds.add(Weird::FragmentProtocolInconsistency);
  }
  learn_size(datagram, fragment, outcome.weirds);
  // As in Zeek, no datagram becomes complete by a fragment without a byte.
  if (fragment.payload.empty()) return outcome;

  store(datagram, fragment, outcome.weirds);
  measure_contiguous(datagram);
  if (!settle_size(datagram, outcome.weirds)) return outcome;
  outcome.fate = FragmentFate::Complete;
  outcome.packet = assemble(datagram);
  remove(datagram, {statistics_.fragments_completed, statistics_.datagrams_completed});
  return outcome;
}

PartialDatagram& Defragmenter::begin(const FragmentKey& key, const FragmentHeader& fragment,
                                     Timestamp now) noexcept {
  while (PartialDatagram* other = table_.in_the_way_of(key)) evict(*other);
  PartialDatagram& datagram = table_.insert(key, now);
  datagram.expected_header_bytes = static_cast<std::uint16_t>(fragment.header.size());
  datagram.expected_protocol = fragment.protocol;
  statistics_.datagrams_begun.add(1);
  return datagram;
}

void Defragmenter::store(PartialDatagram& datagram, const FragmentHeader& fragment,
                         WeirdSet& weirds) noexcept {
  FragmentOverlap overlap;
  for_each_piece(kPayloadPosition + fragment.offset,
                 static_cast<std::uint32_t>(fragment.payload.size()),
                 [&, rest = fragment.payload](std::uint32_t number, std::uint32_t at,
                                              std::uint32_t bytes) mutable {
                   std::uint32_t& index = datagram.pages[number];
                   if (index == FragmentPagePool::kNone) index = take_page(datagram);
                   pages_[index].store(at, rest.first(bytes), overlap);
                   rest = rest.subspan(bytes);
                 });
  if (overlap.different) {
    weirds.add(Weird::FragmentInconsistency);
  } else if (overlap.same) {
    weirds.add(Weird::FragmentOverlap);
  }
  datagram.end = std::max(datagram.end, fragment.end());
  if (fragment.offset == 0 && datagram.header_bytes == 0) keep_header(datagram, fragment);
}

// The page is there: the fragment's first byte lies in it too.
void Defragmenter::keep_header(PartialDatagram& datagram, const FragmentHeader& fragment) noexcept {
  static_assert(kPayloadPosition < kPageBytes);
  const std::size_t bytes = fragment.header.size();
  WEIR_DEBUG_ASSERT(bytes <= kPayloadPosition);
  std::memcpy(pages_[datagram.pages[0]].data() + kPayloadPosition - bytes, fragment.header.data(),
              bytes);
  datagram.header_bytes = static_cast<std::uint16_t>(bytes);
  datagram.next_header_at = fragment.next_header_at;
  datagram.protocol = fragment.protocol;
  // In IPv6 only this fragment's next header counts; others may differ (RFC 8200 section 4.5).
  if (fragment.ip_version == 6) datagram.expected_protocol = fragment.protocol;
}

// Never in vain: the pool has room for the largest datagram when it is alone.
std::uint32_t Defragmenter::take_page(const PartialDatagram& taker) noexcept {
  std::uint32_t index = pages_.take();
  while (index == FragmentPagePool::kNone) {
    PartialDatagram* oldest = table_.oldest();
    if (oldest == &taker) oldest = table_.after(taker);
    WEIR_ASSERT(oldest != nullptr);
    evict(*oldest);
    index = pages_.take();
  }
  return index;
}

// Continues where it stopped: over the life of a datagram each byte is looked at once.
void Defragmenter::measure_contiguous(PartialDatagram& datagram) const noexcept {
  std::uint32_t position = kPayloadPosition + datagram.contiguous;
  for (;;) {
    const std::uint32_t number = position / kPageBytes;
    if (number == PartialDatagram::kPagesMax) break;
    const std::uint32_t index = datagram.pages[number];
    if (index == FragmentPagePool::kNone) break;
    position += pages_[index].run_from(position % kPageBytes);
    if (position / kPageBytes == number) break;
  }
  datagram.contiguous = position - kPayloadPosition;
}

Bytes Defragmenter::assemble(const PartialDatagram& datagram) noexcept {
  const std::uint32_t bytes = datagram.header_bytes + datagram.size;
  WEIR_ASSERT(datagram.header_bytes > 0 &&
              bytes <= whole_packet_bytes_max(datagram.key.ip_version));
  for_each_piece(
      kPayloadPosition - datagram.header_bytes, bytes,
      [&, to = whole_.get()](std::uint32_t number, std::uint32_t at, std::uint32_t count) mutable {
        std::memcpy(to, pages_[datagram.pages[number]].data() + at, count);
        to += count;
      });
  if (datagram.key.ip_version == 4) {
    make_whole_ipv4(whole_.get(), datagram.header_bytes, bytes);
  } else {
    make_whole_ipv6(whole_.get(), datagram, bytes);
  }
  return {whole_.get(), bytes};
}

void Defragmenter::evict(PartialDatagram& datagram) noexcept {
  remove(datagram, {statistics_.fragments_evicted, statistics_.datagrams_evicted});
}

void Defragmenter::remove(PartialDatagram& datagram, const Toll& toll) noexcept {
  for (const std::uint32_t index : datagram.pages) {
    if (index != FragmentPagePool::kNone) pages_.give_back(index);
  }
  held_ -= datagram.fragments;
  toll.fragments.add(datagram.fragments);
  toll.datagrams.add(1);
  table_.erase(datagram);
}

void Defragmenter::show_gauges() noexcept {
  statistics_.fragments_held.set(held_);
  statistics_.datagrams_waiting.set(table_.count());
  statistics_.pages_used.set(pages_.in_use());
}

}  // namespace weir::protocol
