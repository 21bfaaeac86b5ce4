#include "simulation/segment_check.h"

#include <algorithm>

#include "base/bytes.h"
#include "protocol/headers/parse_batch.h"
#include "storage/segment/key_filter.h"

namespace weir::test {

namespace segment = storage::segment;
using segment::Column;

namespace {

// One packet of so many is looked up.
constexpr std::uint64_t kSampleOf = 16;

std::string at(const segment::Unit& unit) {
  return "unit " + std::to_string(unit.header.ordinal) + ": ";
}

}  // namespace

std::string SegmentCheck::check(std::uint64_t& next) {
  // A segment goes on where it began; what was before it may be missing.
  segment::UnitWalk walk = file_.walk(segment::Depth::Bytes);
  while (const auto unit = walk.next()) {
    std::string wrong;
    if (unit->block.kind == segment::Kind::Chunk) wrong = take_chunk(*unit, next);
    if (unit->block.kind == segment::Kind::Index) wrong = check_page(unit->bytes);
    if (!wrong.empty()) return at(*unit) + wrong;
  }
  if (!walk.sealed()) return "";  // its middle was lost: who allows that has said so
  if (!expected_.empty()) return "no page tells of its last chunks";
  return check_filters();
}

std::string SegmentCheck::take_chunk(const segment::Unit& unit, std::uint64_t& next) {
  const auto facts = segment::chunk_at(unit.header_block());
  const auto records = decoder_.records(unit, records_);
  if (!facts || !records) return "a chunk that cannot be read";
  const auto& interfaces = file_.head().interfaces;
  segment::RecordCursor cursor(*records, segment::RecordCursor::interfaces_of(file_.head()));
  std::uint64_t missing = 0;
  while (const auto record = cursor.next()) {
    if (!record->is_packet) {
      if (record->type != 0xbad) return "a block that nobody offered";
      continue;
    }
    const CaptureInterface& interface = interfaces[record->interface];
    const auto number = traffic_.recognise(*record, interface);
    const std::string which = "packet " + std::to_string(packets_) + " of the segment";
    if (!number) return which + " is none that was offered";
    if (*number < next || (packets_ != 0 && *number != next)) {
      return which + " is number " + std::to_string(*number) + " where " + std::to_string(next) +
             " should be";
    }
    next = *number + std::uint64_t{1};
    found_[*number] = true;
    ++packets_;
    missing += traffic_.offered()[*number].missing;
    if (*number % kSampleOf != 0) continue;
    sample_.packets[sample_.count++] = {
        .data = record->frame.data(),
        .captured_bytes = static_cast<std::uint32_t>(record->frame.size())};
    if (sample_.count == kBatchPacketsMax) expect_keys(facts->number);
  }
  expect_keys(facts->number);
  if (cursor.fault() != segment::RecordFault::None) return "a chunk whose blocks are damaged";
  if (facts->lost != missing) {
    return "says that " + std::to_string(facts->lost) + " packets are missing, not " +
           std::to_string(missing);
  }
  return "";
}

void SegmentCheck::expect_keys(std::uint32_t chunk) {
  protocol::parse_batch(sample_, *headers_, *sample_keys_);
  const auto expect = [&](Column column, const segment::IndexKey& key) {
    expected_.push_back({.column = column, .key = key, .chunk = chunk});
  };
  for (std::uint32_t i = 0; i < sample_.count; ++i) {
    const PacketKeys& keys = (*sample_keys_)[i];
    for (const IpAddress* const address : {&keys.source, &keys.destination}) {
      if (keys.ip_version == 4) {
        expect(Column::Ipv4, {.low = load_be32(address->bytes.data() + 12)});
      } else if (keys.ip_version == 6) {
        expect(Column::Ipv6, segment::IndexKey::ipv6(address->bytes.data()));
      }
    }
    if (keys.ip_version == 0 || (*headers_)[i].transport_offset == kNoOffset) continue;
    if (keys.ip_protocol != 6 && keys.ip_protocol != 17) continue;
    const auto which =
        keys.ip_protocol == 6 ? segment::ProtocolClass::TcpPort : segment::ProtocolClass::UdpPort;
    for (const std::uint16_t port : {keys.source_port, keys.destination_port}) {
      expect(Column::Protocols, {.low = segment::protocol_key(which, port)});
    }
  }
  sample_.count = 0;
}

std::string SegmentCheck::check_page(Bytes unit) {
  const auto page = segment::IndexPage::parse(unit);
  if (!page) return "a page that is damaged";
  for (const Expected& one : expected_) {
    if (one.chunk < page->first_chunk() || one.chunk - page->first_chunk() >= page->chunk_count()) {
      return "a page that does not tell of chunk " + std::to_string(one.chunk);
    }
    ++keys_;
    const segment::ChunkMask chunk = segment::ChunkMask{1} << (one.chunk - page->first_chunk());
    if ((page->opaque_chunks() & chunk) != 0) continue;
    in_filters_.push_back(one);
    const auto column = page->column(one.column);
    if (!column) return "a page without a column that it has keys for";
    if ((column->find(one.key).value_or(0) & chunk) == 0) {
      return "a page that does not find a packet of chunk " + std::to_string(one.chunk) +
             " by a key of column " + std::to_string(static_cast<int>(one.column));
    }
  }
  expected_.clear();
  return "";
}

std::string SegmentCheck::check_filters() {
  const auto tail = file_.tail();
  if (!tail || !*tail) return "a tail that cannot be read";
  for (const Expected& one : in_filters_) {
    const segment::DirectoryFilter* const filter = (*tail)->directory.filter(one.column);
    if (filter == nullptr) continue;
    const auto view = segment::KeyFilterView::parse(filter->bytes, filter->hashes);
    if (!view || !view->contains(one.key)) return "a filter that leaves out a key";
  }
  return "";
}

}  // namespace weir::test
