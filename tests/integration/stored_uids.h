// What the index of a packet store says of the uids of flows, held against the logs that were
// written with it.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "integration/weir_logs.h"

namespace weir::test {

// A chunk of a store, as the index page has it.
struct IndexedChunk {
  struct Packet {
    std::string community_id;  // of the innermost flow
    std::int64_t time = 0;
  };
  std::uint64_t segment = 0;
  std::uint32_t number = 0;  // in the segment
  bool has_uids = false;     // its page has the column
  bool opaque = false;
  std::set<std::uint64_t> uids;  // the upper 48 bits of each
  // Those of IP that say whose they are: whole headers, no fragments.
  std::vector<Packet> packets;
};
// Of all segments, which have to be sealed.
std::vector<IndexedChunk> indexed_chunks(const std::string& store);

// What the index has of a uid as docs/segment-format.md describes it, from its text.
std::uint64_t uid_key(const std::string& uid);

// conn.log and tunnel.log of these flows are found in the chunks: each uid somewhere, each packet
// within the time of a flow in a chunk that its uid names, and no uid that no log has. Answers
// with how many packets were looked for.
std::uint64_t expect_uids_found(const std::vector<IndexedChunk>& chunks, const Rows& connections,
                                const Rows& tunnels);

}  // namespace weir::test
