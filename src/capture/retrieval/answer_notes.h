// What is missing in the answer to a query, said in the answer itself: comments of its pcapng
// section and its statistics, which every reader shows or passes over.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "base/packet_batch.h"
#include "capture/retrieval/query_counts.h"

namespace weir::capture::retrieval {

// Sentences without a full stop, none where nothing is missing. `gaps_max`: so many of the gaps
// that the capture left are told one by one, where they are several.
[[nodiscard]] std::vector<std::string> missing_sentences(const QueryCounts& counts,
                                                         const TimeWindow& window,
                                                         std::size_t gaps_max);

// One thread. What it gives is lent until release().
class AnswerNotes {
 public:
  explicit AnswerNotes(const TimeWindow& window) : window_(window) {}

  // For the beginning of the answer: a Section Header that tells what is known by then.
  std::span<const SideBlock> opening(const QueryCounts& counts);
  // For its end: statistics of its first interface, and all that is missing. `cut_short`: it was
  // ended before all was found. Nothing where nothing is missing, or there are no interfaces.
  struct End {
    std::uint32_t interfaces = 0;
    Timestamp last;  // of the packets that were given
    bool cut_short = false;
  };
  std::span<const SideBlock> closing(const QueryCounts& counts, const End& end);

  // The next packet from this time on tells of it in a comment.
  void tell_damage(Timestamp from, const std::string& what, std::uint64_t packets);
  [[nodiscard]] bool due(Timestamp time) const noexcept {
    return std::ranges::any_of(damage_, [time](const Damage& one) { return one.from <= time; });
  }
  // The packet, with a comment for all that is due at its time. told() when it has been given.
  Packet with_comment(const Packet& packet, Timestamp time);
  void told(Timestamp time);

  void release() noexcept { options_.clear(); }

 private:
  struct Damage {
    Timestamp from;
    std::string text;
  };
  std::span<const SideBlock> block(SideBlock side_block);

  TimeWindow window_;
  std::deque<Damage> damage_;
  std::vector<std::uint8_t> body_;
  std::vector<SideBlock> blocks_;
  std::deque<std::vector<std::uint8_t>> options_;  // of packets that are lent
};

}  // namespace weir::capture::retrieval
