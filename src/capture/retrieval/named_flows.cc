#include "capture/retrieval/named_flows.h"

#include <algorithm>
#include <utility>

#include "protocol/deep/uid_text.h"

namespace weir::capture::retrieval {

namespace segment = storage::segment;

std::optional<KeyQuestion> uid_question(std::string_view text) {
  const auto uid = protocol::parse_uid(text);
  if (!uid) return std::nullopt;
  const std::uint64_t start = protocol::start_of(*uid);
  const segment::IndexKey first = segment::uid_key(start, 0);
  const segment::IndexKey last =
      segment::uid_key(start, (std::uint64_t{1} << segment::kUidKeyBits) - 1);
  return KeyQuestion{.column = segment::Column::Uid, .ranges = {{first, last}}};
}

std::optional<NamedFlows::Page> NamedFlows::read(const segment::KeyColumn& column,
                                                 const KeyQuestion& question) {
  Page page;
  const KeyRange& asked = question.ranges.front();
  const auto asked_for = [&](const segment::IndexKey& key) {
    return key >= asked.low && key <= asked.high;
  };
  const auto there = column.range(asked.low, asked.high);
  if (!there) return std::nullopt;
  if (*there == 0) return page;
  bool sound = column.for_each([&](const segment::IndexKey& key, ChunkMask chunks) {
    if (!asked_for(key) || page.identities.size() > kMost) return;
    page.identities.emplace_back(segment::identity_of(key), chunks);
    page.chunks |= chunks;
  });
  sound = sound && column.for_each([&](const segment::IndexKey& key, ChunkMask chunks) {
    if (asked_for(key)) return;
    const auto same = std::ranges::lower_bound(page.identities, segment::identity_of(key), {},
                                               &std::pair<std::uint64_t, ChunkMask>::first);
    if (same == page.identities.end() || same->first != segment::identity_of(key)) return;
    page.shared |= same->second & chunks;
  });
  if (!sound) return std::nullopt;
  return page;
}

bool NamedFlows::add(std::uint32_t first_chunk, ChunkMask wanted, const Page& page) {
  if (page.identities.size() > kMost - entries_.size()) return false;
  for (const auto& [identity, chunks] : page.identities) {
    if ((chunks & wanted) == 0) continue;
    entries_.push_back({.first_chunk = first_chunk, .identity = identity, .chunks = chunks});
  }
  return true;
}

void NamedFlows::of_chunk(std::uint32_t number, std::vector<std::uint64_t>& to) const {
  to.clear();
  // Of the last page that begins with it or before it.
  const auto behind = std::ranges::upper_bound(entries_, number, {}, &Entry::first_chunk);
  if (behind == entries_.begin()) return;
  const std::uint32_t first_chunk = std::prev(behind)->first_chunk;
  if (number - first_chunk >= segment::kPageChunksMax) return;
  const auto begin = std::ranges::lower_bound(entries_, first_chunk, {}, &Entry::first_chunk);
  for (auto entry = begin; entry != behind; ++entry) {
    if ((entry->chunks >> (number - first_chunk) & 1) != 0) to.push_back(entry->identity);
  }
}

}  // namespace weir::capture::retrieval
