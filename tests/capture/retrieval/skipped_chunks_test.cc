// No chunk is left out that has a packet which matches: the index of random frames, asked for
// random expressions, against libpcap's verdict on each frame.
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "capture/retrieval/expression_model.h"
#include "capture/retrieval/index_expression.h"
#include "output/index_facts.h"
#include "storage/segment/index_builder.h"
#include "storage/segment/index_page.h"
#include "support/headers_of.h"
#include "support/random_flows.h"
#include "support/typical_filters.h"

namespace weir::capture::retrieval {
namespace {

namespace segment = storage::segment;
using test::PcapProgram;
using Frame = std::vector<std::uint8_t>;

Frame random_frame(Prng& random) {
  Frame frame = random.chance(2, 3) ? test::typical_frame(random) : test::random_flow(random).there;
  // A tag that is none to filters: what stands behind it is found by those who look four bytes on.
  if (random.chance(1, 8) && frame.size() > 14) {
    frame[12] = 0x88;
    frame[13] = 0xb5;
  }
  // As networks damage them, and as a snaplen cuts them.
  if (random.chance(1, 6)) {
    for (std::uint64_t i = 1 + random.below(4); i > 0; --i) {
      frame[random.below(std::min<std::size_t>(frame.size(), 80))] =
          static_cast<std::uint8_t>(random.next());
    }
  }
  if (random.chance(1, 10)) frame.resize(1 + random.below(frame.size()));
  return frame;
}

// A page in which each chunk has a few frames.
class IndexedFrames {
 public:
  static constexpr std::size_t kChunks = 16;

  IndexedFrames(Prng& random, LinkType link_type) : chunks_(kChunks) {
    const output::IndexFacts facts(random.next());
    static segment::IndexBuilder builder(segment::UidColumn::No);
    for (std::vector<Frame>& chunk : chunks_) {
      for (std::uint64_t i = 1 + random.below(3); i > 0; --i) {
        Frame frame = random_frame(random);
        if (link_type == LinkType::Raw && frame.size() > 14)
          frame.erase(frame.begin(), frame.begin() + 14);
        chunk.push_back(std::move(frame));
      }
      std::vector<Packet> packets;
      for (const Frame& frame : chunk) {
        packets.push_back({.data = frame.data(),
                           .captured_bytes = static_cast<std::uint32_t>(frame.size()),
                           .wire_bytes = static_cast<std::uint32_t>(frame.size()),
                           .link_type = link_type});
      }
      const auto parsed = test::parse_all(packets);
      builder.begin_chunk();
      for (std::size_t i = 0; i < packets.size(); ++i) {
        const std::uint64_t hash = facts.hash(packets[i], parsed[i].headers, parsed[i].keys);
        facts.note(hash, packets[i], parsed[i].headers, parsed[i].keys, builder);
      }
      builder.end_chunk({});
    }
    unit_.resize(segment::kUnitBytesMax);
    unit_.resize(builder.encode({}, unit_, segment::ColumnFilters{}));
  }

  [[nodiscard]] segment::ChunkMask possible(const IndexExpression& expression) const {
    const auto page = segment::IndexPage::parse(unit_).value();
    SkippedBy skipped{};
    const auto has = [&](const KeyQuestion& question) {
      segment::ChunkMask found = page.opaque_chunks();
      const auto column = page.column(question.column).value();
      for (const KeyRange& range : question.ranges) {
        found |= column.range(range.low, range.high).value();
      }
      return found;
    };
    return expression.possible(page.all_chunks(), has, skipped);
  }
  [[nodiscard]] const std::vector<Frame>& chunk(std::size_t i) const { return chunks_[i]; }

 private:
  std::vector<std::vector<Frame>> chunks_;
  std::vector<std::uint8_t> unit_;
};

struct Tally {
  std::uint64_t expressions = 0;
  std::uint64_t skipped = 0;
  std::uint64_t matched = 0;
};

void ask(const IndexedFrames& frames, const std::string& text, const PcapProgram& program,
         Tally& tally) {
  const segment::ChunkMask possible = frames.possible(IndexExpression::parse(text));
  ++tally.expressions;
  for (std::size_t i = 0; i < IndexedFrames::kChunks; ++i) {
    const bool skipped = (possible >> i & 1) == 0;
    if (skipped) ++tally.skipped;
    for (const Frame& frame : frames.chunk(i)) {
      if (!program.matches(frame)) continue;
      ++tally.matched;
      ASSERT_FALSE(skipped) << "'" << text << "' matches a frame of chunk " << i << " of "
                            << frame.size() << " bytes: " << testing::PrintToString(frame);
    }
  }
}

Tally try_many(LinkType link_type, std::uint64_t first_seed, int rounds) {
  Tally tally;
  for (std::uint64_t seed = first_seed; seed < first_seed + static_cast<std::uint64_t>(rounds);
       ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng random(seed);
    const IndexedFrames frames(random, link_type);
    for (int i = 0; i < 40; ++i) {
      const std::string text = test::random_expression(random);
      const auto program = PcapProgram::compile(text, link_type);
      if (program) ask(frames, text, *program, tally);
      if (testing::Test::HasFatalFailure()) return tally;
    }
  }
  return tally;
}

TEST(SkippedChunks, HaveNoFrameThatLibpcapMatches) {
  const Tally tally = try_many(LinkType::Ethernet, 1, 150);
  EXPECT_GT(tally.expressions, 2000u);
  EXPECT_GT(tally.skipped, 5000u) << "or the index is of no use";
  EXPECT_GT(tally.matched, 5000u);
}

TEST(SkippedChunks, NorOfPacketsWithoutALinkLayer) {
  const Tally tally = try_many(LinkType::Raw, 100'000, 50);
  EXPECT_GT(tally.skipped, 300u);
  EXPECT_GT(tally.matched, 500u);
}

}  // namespace
}  // namespace weir::capture::retrieval
