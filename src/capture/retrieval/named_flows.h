// The flows that a uid names, chunk by chunk: from the uid column of the index pages of a segment.
// docs/segment-format.md, "Identities".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "capture/retrieval/index_expression.h"
#include "storage/segment/index_page.h"

namespace weir::capture::retrieval {

// A uid as the logs have it as a question to the index. Nothing: it is none.
std::optional<KeyQuestion> uid_question(std::string_view text);

// Of one segment, filled page by page. One thread fills it; any number read it then.
class NamedFlows {
 public:
  using ChunkMask = storage::segment::ChunkMask;

  // Of a segment. What a page has beyond is not taken: no flow of whole packets has so many, only
  // one whose datagrams are all in fragments.
  static constexpr std::size_t kMost = std::size_t{256} * 1024;

  // A page: the identities that its column has for the question (uid_question()).
  struct Page {
    std::vector<std::pair<std::uint64_t, ChunkMask>> identities;  // ascending, kMost + 1 at most
    ChunkMask chunks = 0;                                         // that have one of them
    ChunkMask shared = 0;  // ... which another uid has there too
  };
  // Nothing: the column is damaged.
  static std::optional<Page> read(const storage::segment::KeyColumn& column,
                                  const KeyQuestion& question);
  // Pages come by their first chunk, ascending. False: there was no room for it.
  bool add(std::uint32_t first_chunk, ChunkMask wanted, const Page& page);

  // Writes those of a chunk, ascending.
  void of_chunk(std::uint32_t number, std::vector<std::uint64_t>& to) const;

 private:
  struct Entry {
    std::uint32_t first_chunk = 0;
    std::uint64_t identity = 0;
    ChunkMask chunks = 0;
  };
  std::vector<Entry> entries_;  // by page, then identity
};

}  // namespace weir::capture::retrieval
