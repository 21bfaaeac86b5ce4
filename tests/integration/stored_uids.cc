#include "integration/stored_uids.h"

#include <cmath>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "protocol/deep/community_id.h"
#include "storage/segment/index_page.h"
#include "storage/segment/records.h"
#include "storage/segment/segment_file.h"
#include "storage/segment/store_directory.h"
#include "support/headers_of.h"

namespace weir::test {
namespace {

namespace segment = storage::segment;

std::string community_id_of(const PacketKeys& keys) {
  const auto text = protocol::CommunityIdHasher().text({.originator = keys.source,
                                                        .responder = keys.destination,
                                                        .originator_port = keys.source_port,
                                                        .responder_port = keys.destination_port,
                                                        .ip_protocol = keys.ip_protocol,
                                                        .ip_version = keys.ip_version});
  return std::string(text.view());
}

IndexedChunk read_chunk(Bytes records, const segment::SegmentHead& head) {
  IndexedChunk chunk;
  segment::RecordCursor cursor(records, segment::RecordCursor::interfaces_of(head));
  while (const auto record = cursor.next()) {
    if (!record->is_packet) continue;
    const Parsed parsed = parse({.data = record->frame.data(),
                                 .captured_bytes = static_cast<std::uint32_t>(record->frame.size()),
                                 .wire_bytes = record->wire_bytes,
                                 .link_type = head.interfaces.at(record->interface).link_type});
    const bool plain = parsed.headers.malformed == MalformedReason::None &&
                       !parsed.headers.fragment && parsed.headers.transport_offset != kNoOffset;
    if (parsed.keys.ip_version == 0 || !plain) continue;
    chunk.packets.push_back(
        {.community_id = community_id_of(parsed.keys), .time = record->time.ns});
  }
  EXPECT_EQ(cursor.fault(), segment::RecordFault::None);
  return chunk;
}

// What the page says of its chunks.
void read_page(const segment::IndexPage& page, std::span<IndexedChunk> chunks) {
  const auto column = page.column(segment::Column::Uid);
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    chunks[i].opaque = (page.opaque_chunks() >> i & 1) != 0;
    chunks[i].has_uids = column.has_value();
  }
  if (!column) return;
  EXPECT_TRUE(column->for_each([&](const segment::IndexKey& key, segment::ChunkMask mask) {
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      if ((mask >> i & 1) != 0) chunks[i].uids.insert(segment::uid_start_of(key));
    }
  }));
}

void read_segment_into(const std::string& path, std::vector<IndexedChunk>& all) {
  SCOPED_TRACE(path);
  auto file = segment::SegmentFile::open(path);
  ASSERT_TRUE(file.ok()) << file.error().context;
  const std::size_t first = all.size();
  segment::ChunkDecoder decoder;
  std::vector<std::uint8_t> buffer;
  auto walk = file->walk(segment::Depth::Bytes);
  while (const auto unit = walk.next()) {
    if (unit->block.kind == segment::Kind::Chunk) {
      const auto records = decoder.records(*unit, buffer);
      ASSERT_TRUE(records.ok()) << records.error().context;
      all.push_back(read_chunk(*records, file->head()));
      all.back().segment = file->head().facts.sequence;
      all.back().number = static_cast<std::uint32_t>(all.size() - 1 - first);
    } else if (unit->block.kind == segment::Kind::Index) {
      const auto page = segment::IndexPage::parse(unit->bytes);
      ASSERT_TRUE(page.has_value());
      ASSERT_LE(first + page->first_chunk() + page->chunk_count(), all.size());
      read_page(*page, std::span(all).subspan(first + page->first_chunk(), page->chunk_count()));
    }
  }
  EXPECT_TRUE(walk.sealed());
}

// One flow of conn.log.
struct LoggedFlow {
  std::string uid;
  std::int64_t first = 0;  // in µs, as the log has it
  std::int64_t last = 0;
};

// Of the times in a log, in µs.
constexpr std::int64_t kRounding = 1;

std::int64_t in_us(double seconds) { return std::llround(seconds * 1e6); }

// By Community ID. Where one has two flows at a time (of two tenants), a packet does not tell which
// is its: those are left out.
std::map<std::string, std::vector<LoggedFlow>> flows_of(const Rows& connections) {
  std::map<std::string, std::vector<LoggedFlow>> flows;
  for (const auto& row : connections) {
    const std::int64_t first = in_us(row.at("ts").get<double>());
    const double duration = row.contains("duration") ? row["duration"].get<double>() : 0;
    flows[row.at("community_id")].push_back(
        {.uid = row.at("uid"), .first = first, .last = first + in_us(duration)});
  }
  for (auto& [id, list] : flows) {
    std::sort(list.begin(), list.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t i = 1; i < list.size(); ++i) {
      if (list[i].first > list[i - 1].last + 2 * kRounding) continue;
      list.clear();
    }
  }
  return flows;
}

}  // namespace

std::vector<IndexedChunk> indexed_chunks(const std::string& store) {
  std::vector<IndexedChunk> all;
  auto listing = segment::list_store(store);
  EXPECT_TRUE(listing.ok()) << listing.error().context;
  if (!listing) return all;
  for (const auto& one : listing->segments) read_segment_into(store + "/" + one.file, all);
  return all;
}

std::uint64_t uid_key(const std::string& uid) {
  const std::string digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  EXPECT_EQ(uid.size(), 18u) << uid;
  EXPECT_EQ(uid.front(), 'C');
  Uint128 number = 0;
  for (const char digit : uid.substr(1)) number = number * 62 + digits.find(digit);
  return static_cast<std::uint64_t>(number >> 48);
}

std::uint64_t expect_uids_found(const std::vector<IndexedChunk>& chunks, const Rows& connections,
                                const Rows& tunnels) {
  std::set<std::uint64_t> logged;
  for (const Rows* rows : {&connections, &tunnels}) {
    for (const auto& row : *rows) logged.insert(uid_key(row.at("uid")));
  }
  std::set<std::uint64_t> indexed;
  bool opaque = false;
  for (const IndexedChunk& chunk : chunks) {
    EXPECT_TRUE(chunk.has_uids);
    opaque = opaque || chunk.opaque;
    indexed.insert(chunk.uids.begin(), chunk.uids.end());
  }
  for (const std::uint64_t key : logged) EXPECT_TRUE(opaque || indexed.contains(key)) << key;
  for (const std::uint64_t key : indexed) EXPECT_TRUE(logged.contains(key)) << key;

  const auto flows = flows_of(connections);
  std::uint64_t looked_for = 0;
  for (const IndexedChunk& chunk : chunks) {
    for (const IndexedChunk::Packet& packet : chunk.packets) {
      const auto found = flows.find(packet.community_id);
      if (found == flows.end()) continue;
      for (const LoggedFlow& flow : found->second) {
        const std::int64_t us = packet.time / 1000;
        if (us < flow.first - kRounding || us > flow.last + kRounding) continue;
        ++looked_for;
        EXPECT_TRUE(chunk.opaque || chunk.uids.contains(uid_key(flow.uid)))
            << flow.uid << " at " << packet.time;
      }
    }
  }
  return looked_for;
}

}  // namespace weir::test
