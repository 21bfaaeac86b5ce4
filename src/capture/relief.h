// What a session does with less of than its operator asked for, while something is short: each
// field a mechanism of the pipeline, off by default. Whoever decides sets it in the session
// (Session::set_relief), and every worker acts by it from its next batch on. What is dropped is
// DropReason::Pressure in the session's row, and told in what it stores (output/loss.h).
//
// Files and other sources that wait get none: nothing needs to be given up where nothing is lost.
#pragma once

#include <algorithm>
#include <cstdint>

namespace weir::capture {

struct Relief {
  static constexpr std::uint32_t kAllFlows = 1u << 16;
  static constexpr std::uint32_t kWholeShare = 16;

  // Of each flow the first so many bytes behind the headers are stored, then headers
  // (flow_cutoff.h); flows that go on already are counted from now on. 0: no bound.
  std::uint32_t cutoff_bytes = 0;
  std::uint32_t keep_bytes = 0;  // of each frame, to store; 0: all
  // Flows whose place (flow_sample.h) is below this of 2^16 are kept, so smaller samples are parts
  // of larger ones. Packets of no flow are kept, but for a sample of 0.
  std::uint32_t sample = kAllFlows;
  // In 16ths, 1 to 16, of the flows that the analysis may hold. Flows beyond it end (flow_end:
  // evicted), those first that would end soonest by themselves: unanswered, closed, idle longest; a
  // bounded number a batch. Their memory is for flows to come, the system does not get it back.
  std::uint32_t flow_share = kWholeShare;
  bool shed = false;  // every packet is dropped

  [[nodiscard]] bool none() const noexcept { return *this == Relief(); }
  [[nodiscard]] bool drops() const noexcept { return shed || sample != kAllFlows; }
  friend bool operator==(const Relief&, const Relief&) = default;
};

// In one word, so that a worker sees all of it or nothing: bounds of bytes in steps of
// kReliefStep, rounded up.
inline constexpr std::uint32_t kReliefStep = 64;
inline constexpr std::uint32_t kReliefCutoffMax = ((1u << 22) - 1) * kReliefStep;  // 256 MiB
inline constexpr std::uint32_t kReliefKeepMax = ((1u << 13) - 1) * kReliefStep;    // any frame

[[nodiscard]] constexpr std::uint64_t packed(const Relief& relief) noexcept {
  const auto steps = [](std::uint32_t bytes, std::uint32_t bytes_max) {
    return std::uint64_t{(std::min(bytes, bytes_max) + kReliefStep - 1) / kReliefStep};
  };
  const std::uint64_t left_out = Relief::kAllFlows - std::min(relief.sample, Relief::kAllFlows);
  const std::uint64_t share_off =
      Relief::kWholeShare - std::clamp(relief.flow_share, 1u, Relief::kWholeShare);
  return steps(relief.cutoff_bytes, kReliefCutoffMax) |
         steps(relief.keep_bytes, kReliefKeepMax) << 22 | left_out << 35 | share_off << 52 |
         std::uint64_t{relief.shed} << 56;
}
[[nodiscard]] constexpr Relief relief_of(std::uint64_t word) noexcept {
  const auto bits = [word](unsigned from, unsigned count) {
    return static_cast<std::uint32_t>(word >> from & ((std::uint64_t{1} << count) - 1));
  };
  return {.cutoff_bytes = bits(0, 22) * kReliefStep,
          .keep_bytes = bits(22, 13) * kReliefStep,
          .sample = Relief::kAllFlows - bits(35, 17),
          .flow_share = Relief::kWholeShare - bits(52, 4),
          .shed = bits(56, 1) != 0};
}
static_assert(packed(Relief()) == 0);

// Of two bounds of which 0 is none.
[[nodiscard]] constexpr std::uint32_t smaller_bound(std::uint32_t one,
                                                    std::uint32_t other) noexcept {
  if (one == 0 || other == 0) return one + other;
  return std::min(one, other);
}

}  // namespace weir::capture
