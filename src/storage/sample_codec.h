// How samples become bytes: the columns of a window of time, in blocks of some series, compressed.
//
// A window has one column of times for all its series. A column of values is written as whatever is
// exact: one value for all; differences of integers, or of decimal fractions as integers, packed
// in as many bits as a group of them needs; else each value's bits that differ from the one before.
// What is decoded is what was encoded, bit by bit. A decoder takes any bytes, and says when they
// are none of ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace weir::storage {

inline constexpr std::size_t kColumnSamplesMax = 4096;          // of a window
inline constexpr std::size_t kSeriesInBlockMax = 32;            // for reading one of them
inline constexpr std::size_t kBlockBytesMax = 4 * 1024 * 1024;  // before compression
inline constexpr std::size_t kBatchSamplesMax = 1'000'000;

using ByteVector = std::vector<std::uint8_t>;

// The samples of one series in one window.
struct SampleColumn {
  std::uint32_t series = 0;
  std::vector<std::uint16_t> at;  // which times of the window; ascending
  std::vector<double> values;     // as many
};

// One sample of a batch: samples of one time.
struct BatchSample {
  std::uint32_t series = 0;
  double value = 0;
};

// Parts, as they stand in the formats below. The decoders leave the reader behind what they took.
void encode_values(std::span<const double> values, ByteVector& out);  // 1 to kColumnSamplesMax
[[nodiscard]] bool decode_values(ByteReader& reader, std::size_t count,
                                 std::vector<double>& values);

// The times of a window, in the order of the calls that brought them; a clock may be set back.
[[nodiscard]] ByteVector encode_times(std::span<const Timestamp> times);
[[nodiscard]] std::optional<std::vector<Timestamp>> decode_times(Bytes bytes);

// At most kSeriesInBlockMax columns by ascending series, none empty.
[[nodiscard]] ByteVector encode_columns(std::span<const SampleColumn* const> columns);
// The columns of the series that are wanted (ascending; empty: all).
[[nodiscard]] std::optional<std::vector<SampleColumn>> decode_columns(
    Bytes bytes, std::span<const std::uint32_t> wanted);

[[nodiscard]] ByteVector encode_batch(std::span<const BatchSample> samples);
[[nodiscard]] std::optional<std::vector<BatchSample>> decode_batch(Bytes bytes);

}  // namespace weir::storage
