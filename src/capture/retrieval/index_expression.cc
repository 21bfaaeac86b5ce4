#include "capture/retrieval/index_expression.h"

#include <algorithm>
#include <utility>

namespace weir::capture::retrieval {

IndexExpression::IndexExpression() : nodes_{{.kind = Kind::Everything}} {}

void IndexExpression::require(KeyQuestion question) {
  const auto whole = static_cast<std::uint32_t>(nodes_.size() - 1);
  questions_.push_back(std::move(question));
  nodes_.push_back({.kind = Kind::Keys, .left = static_cast<std::uint32_t>(questions_.size() - 1)});
  nodes_.push_back({.kind = Kind::And, .left = whole + 1, .right = whole});
}

// More keys never leave out more chunks: those without any tell.
bool IndexExpression::narrows() const {
  SkippedBy skipped{};
  return possible(
             1, [](const KeyQuestion&) { return ChunkMask{0}; }, skipped) == 0;
}

IndexExpression::Masks IndexExpression::combine(const Node& node, const std::vector<Masks>& masks,
                                                ChunkMask chunks) noexcept {
  const auto left = [&] { return masks[node.left]; };
  const auto right = [&] { return masks[node.right]; };
  switch (node.kind) {
    case Kind::Everything:
      return {.possible = chunks, .certain = chunks};
    case Kind::And:
      return {.possible = left().possible & right().possible,
              .certain = left().certain & right().certain};
    case Kind::Or:
      return {.possible = left().possible | right().possible,
              .certain = left().certain | right().certain};
    case Kind::Not:
      return {.possible = chunks & ~left().certain, .certain = chunks & ~left().possible};
    case Kind::Unknown:
    case Kind::Keys:
      break;
  }
  return {.possible = chunks, .certain = 0};
}

void IndexExpression::attribute(std::size_t node, ChunkMask chunks, const std::vector<Masks>& masks,
                                SkippedBy& skipped, bool certainly) const {
  if (chunks == 0) return;
  const Node& at = nodes_[node];
  // Of And one side suffices for "none", of Or for "all"; else both sides say it.
  const auto split = [&](bool one_suffices) {
    ChunkMask by_left = chunks;
    if (one_suffices) by_left &= certainly ? masks[at.left].certain : ~masks[at.left].possible;
    attribute(at.left, by_left, masks, skipped, certainly);
    attribute(at.right, chunks & ~by_left, masks, skipped, certainly);
  };
  switch (at.kind) {
    case Kind::Keys:
      skipped[static_cast<std::size_t>(questions_[at.left].column)] +=
          static_cast<std::uint64_t>(std::popcount(chunks));
      break;
    case Kind::And:
      split(!certainly);
      break;
    case Kind::Or:
      split(certainly);
      break;
    case Kind::Not:
      attribute(at.left, chunks, masks, skipped, !certainly);
      break;
    case Kind::Everything:
    case Kind::Unknown:
      break;
  }
}

}  // namespace weir::capture::retrieval
