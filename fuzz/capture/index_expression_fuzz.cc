// A text becomes a question to the index, whatever it is. What the index answers stays within the
// chunks that were asked about; each chunk that is left out has a column that ruled it out; and a
// chunk that has more keys is never left out for that.
#include "capture/retrieval/index_expression.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <string_view>

namespace {

using weir::capture::retrieval::IndexExpression;
using weir::capture::retrieval::KeyQuestion;
using weir::capture::retrieval::SkippedBy;
using ChunkMask = weir::storage::segment::ChunkMask;

constexpr std::size_t kTextMax = 4096;

void require(bool holds) {
  if (!holds) std::abort();
}

// Some chunks or other, always the same for the same question.
ChunkMask chunks_of(const KeyQuestion& question, std::uint64_t salt) {
  std::uint64_t hash = salt + static_cast<std::uint64_t>(question.column);
  for (const auto& range : question.ranges) {
    require(range.low <= range.high);
    for (const std::uint64_t word :
         {range.low.high, range.low.low, range.high.high, range.high.low}) {
      hash = (hash ^ word) * 0x9e3779b97f4a7c15;
      hash ^= hash >> 29;
    }
  }
  return hash;
}

ChunkMask possible(const IndexExpression& expression, ChunkMask chunks, std::uint64_t more) {
  SkippedBy skipped{};
  const ChunkMask found = expression.possible(
      chunks,
      [&](const KeyQuestion& question) {
        return chunks_of(question, 1) | (more == 0 ? 0 : chunks_of(question, more));
      },
      skipped);
  require((found & ~chunks) == 0);
  require(std::accumulate(skipped.begin(), skipped.end(), std::uint64_t{0}) ==
          static_cast<std::uint64_t>(std::popcount(chunks & ~found)));
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes are text here.
  const std::string_view text(reinterpret_cast<const char*>(data),
                              size < kTextMax ? size : kTextMax);
  const IndexExpression expression = IndexExpression::parse(text);
  constexpr ChunkMask kChunks = 0x7fff'ffff'ffff'fff1;
  const ChunkMask some = possible(expression, kChunks, 0);
  const ChunkMask with_more = possible(expression, kChunks, 2);
  require((some & ~with_more) == 0);
  if (!expression.narrows()) require(some == kChunks);
  return 0;
}
