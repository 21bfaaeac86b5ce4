// What the index of a segment can tell of a pcap-filter expression: for each chunk whether none of
// its packets match, all do, or some may. So chunks can be left out; which packets match is decided
// for each of them by libpcap's own program (filter/).
//
// The reader of the language here is a small one. What it does not understand for certain (names of
// hosts, arithmetic, link-layer addresses, what stands behind a keyword that moves the offsets of
// all that follows) may match anywhere; an expression that it cannot read at all may match
// everywhere. It is only asked about expressions that libpcap has compiled.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "storage/segment/format.h"
#include "storage/segment/index_key.h"
#include "storage/segment/index_page.h"

namespace weir::capture::retrieval {

struct KeyRange {
  storage::segment::IndexKey low;
  storage::segment::IndexKey high;  // included
  friend bool operator==(const KeyRange&, const KeyRange&) = default;
};

// Only chunks that have any of these keys have packets that it matches, but for opaque chunks.
struct KeyQuestion {
  storage::segment::Column column{};
  std::vector<KeyRange> ranges;
  friend bool operator==(const KeyQuestion&, const KeyQuestion&) = default;
};

// How many chunks each column ruled out; by the number of the column.
using SkippedBy = std::array<std::uint64_t, storage::segment::kColumnsMax + 1>;

// Immutable; any thread.
class IndexExpression {
 public:
  using ChunkMask = storage::segment::ChunkMask;

  // Every packet matches.
  IndexExpression();
  // An empty text: every packet matches. Names of ports go to getservbyname(), which is not
  // reentrant: for the thread that does set-up. Bounded work: quadratic in the text at worst, and
  // texts that nest deeper than 64, or have more than 4096 parts, may match everywhere.
  static IndexExpression parse(std::string_view text);

  // Packets that match must have one of these keys as well.
  void require(KeyQuestion question);

  // Those of `chunks` that can have a packet that matches. `has(const KeyQuestion&)`: the chunks
  // that have one of its keys, or of which that is not known. Adds the others to `skipped`.
  template <typename Has>
  ChunkMask possible(ChunkMask chunks, Has&& has, SkippedBy& skipped) const {
    std::vector<Masks> masks(nodes_.size());
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const Node& node = nodes_[i];
      masks[i] = node.kind == Kind::Keys ? Masks{has(questions_[node.left]) & chunks, 0}
                                         : combine(node, masks, chunks);
    }
    const ChunkMask possible = masks.back().possible & chunks;
    attribute(nodes_.size() - 1, chunks & ~possible, masks, skipped);
    return possible;
  }

  // False: no chunk can be left out, whatever its keys are.
  [[nodiscard]] bool narrows() const;
  [[nodiscard]] const std::vector<KeyQuestion>& questions() const noexcept { return questions_; }

 private:
  friend class IndexExpressionParser;
  enum class Kind : std::uint8_t { Everything, Unknown, Keys, And, Or, Not };
  // Operands stand before what they are operands of; the last is the whole.
  struct Node {
    Kind kind{};
    std::uint32_t left = 0;  // Keys: the question
    std::uint32_t right = 0;
  };
  struct Masks {
    ChunkMask possible = 0;  // some packet may match
    ChunkMask certain = 0;   // every packet matches
  };
  static Masks combine(const Node& node, const std::vector<Masks>& masks,
                       ChunkMask chunks) noexcept;
  // Which columns say that nothing (`certainly`: everything) in `chunks` matches.
  void attribute(std::size_t node, ChunkMask chunks, const std::vector<Masks>& masks,
                 SkippedBy& skipped, bool certainly = false) const;

  std::vector<Node> nodes_;
  std::vector<KeyQuestion> questions_;
};

}  // namespace weir::capture::retrieval
