// What a session does with less of than its operator asked for, while something is short: each
// field a mechanism of the pipeline, off by default. Whoever decides sets it in the session
// (Session::set_relief), and every worker acts by it from its next batch on.
#pragma once

#include <algorithm>
#include <cstdint>

namespace weir::capture {

struct Relief {
  static constexpr std::uint32_t kAllFlows = 1u << 16;

  std::uint32_t cutoff_bytes = 0;  // of each flow the first so many, then headers; 0: no bound
  std::uint32_t keep_bytes = 0;    // of each frame; 0: all
  // Flows whose hash is below this of 2^16 are kept, so smaller samples are parts of larger ones.
  std::uint32_t sample = kAllFlows;
  bool shed = false;     // every packet is dropped
  bool shallow = false;  // long flows are not analysed beyond their headers

  [[nodiscard]] bool none() const noexcept { return *this == Relief(); }
  friend bool operator==(const Relief&, const Relief&) = default;
};

// In one word, so that a worker sees all of it or nothing: bounds of bytes in steps of
// kReliefStep, rounded up.
inline constexpr std::uint32_t kReliefStep = 64;
inline constexpr std::uint32_t kReliefBytesMax = ((1u << 22) - 1) * kReliefStep;  // 256 MiB

[[nodiscard]] constexpr std::uint64_t packed(const Relief& relief) noexcept {
  const auto steps = [](std::uint32_t bytes) {
    return std::uint64_t{(std::min(bytes, kReliefBytesMax) + kReliefStep - 1) / kReliefStep};
  };
  const std::uint64_t left_out = Relief::kAllFlows - std::min(relief.sample, Relief::kAllFlows);
  return steps(relief.cutoff_bytes) | steps(relief.keep_bytes) << 22 | left_out << 44 |
         std::uint64_t{relief.shed} << 61 | std::uint64_t{relief.shallow} << 62;
}
[[nodiscard]] constexpr Relief relief_of(std::uint64_t word) noexcept {
  constexpr std::uint64_t kBytes = (1u << 22) - 1;
  constexpr std::uint64_t kSample = (1u << 17) - 1;
  return {.cutoff_bytes = static_cast<std::uint32_t>(word & kBytes) * kReliefStep,
          .keep_bytes = static_cast<std::uint32_t>(word >> 22 & kBytes) * kReliefStep,
          .sample = Relief::kAllFlows - static_cast<std::uint32_t>(word >> 44 & kSample),
          .shed = (word >> 61 & 1) != 0,
          .shallow = (word >> 62 & 1) != 0};
}
static_assert(packed(Relief()) == 0);

}  // namespace weir::capture
