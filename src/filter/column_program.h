// A program over many frames at once: test by test, each over all frames, without a branch that
// depends on a frame. For programs that are a few tests of bytes at constant places, which most are
// when the shape of the frame is known (session_filters.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "filter/operation.h"
#include "filter/program.h"

namespace weir::filter {

// Immutable: any number of threads may run it at once.
class ColumnProgram {
 public:
  static constexpr std::size_t kFramesMax = 64;
  static constexpr std::size_t kTestsMax = 24;  // longer ones are faster frame by frame

  // For frames of at least `frame_bytes`. Nothing: the program does something else than such tests,
  // looks further, or compares with long lists.
  static std::optional<ColumnProgram> make(const Program& program, std::uint32_t frame_bytes);

  // Bit i: it accepts frame i. At most kFramesMax frames.
  [[nodiscard]] std::uint64_t run(std::span<const std::uint8_t* const> frames) const noexcept;

 private:
  // What is loaded: big-endian bytes at a constant place.
  struct Place {
    std::uint32_t offset = 0;
    std::uint32_t mask = 0;
    Load load = Load::Byte;  // Byte, Half, Word
    friend bool operator==(const Place&, const Place&) = default;
  };
  using Constants = std::array<std::uint32_t, 4>;
  struct PlaceTest {
    Place place;
    Test test = Test::Equal;
    bool any = false;  // equal to one of `k`; else it is with k[0]
    Constants k{};
    // The next test, or kReject, kAccept.
    std::uint8_t yes = 0;
    std::uint8_t no = 0;
  };
  static constexpr std::uint8_t kReject = kTestsMax;
  static constexpr std::uint8_t kAccept = kTestsMax + 1;
  class Maker;

  template <typename T>
  [[nodiscard]] static std::uint64_t holds(const PlaceTest& test,
                                           std::span<const std::uint8_t* const> frames) noexcept;
  [[nodiscard]] static std::uint64_t holds(const PlaceTest& test,
                                           std::span<const std::uint8_t* const> frames) noexcept;

  std::vector<PlaceTest> tests_;  // successors come later
  std::uint8_t first_ = kReject;
};

}  // namespace weir::filter
