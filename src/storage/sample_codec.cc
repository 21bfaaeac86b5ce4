#include "storage/sample_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "base/assert.h"

namespace weir::storage {
namespace {

// How a column of values is written.
enum class Kind : std::uint8_t {
  SameInteger,
  SameBits,
  Xor,
  Integers,  // and one more for each further scale
};
// A value is an integer divided by one of these.
constexpr std::array<double, 4> kScales = {1, 1e3, 1e6, 1e9};
constexpr double kIntegerMax = 9'007'199'254'740'992;  // 2^53: exact up to here
constexpr std::size_t kGroup = 60;  // deltas that share a width; a third of a usual window

std::uint64_t bits_of(double value) noexcept { return std::bit_cast<std::uint64_t>(value); }

constexpr std::uint64_t zigzag(std::int64_t v) noexcept {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}
constexpr std::uint64_t unzigzag(std::uint64_t v) noexcept { return (v >> 1) ^ (~(v & 1) + 1); }

void put_varint(ByteVector& out, std::uint64_t v) {
  while (v >= 0x80) {
    out.push_back(static_cast<std::uint8_t>(v | 0x80));
    v >>= 7;
  }
  out.push_back(static_cast<std::uint8_t>(v));
}

bool get_varint(ByteReader& reader, std::uint64_t& v) noexcept {
  v = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint8_t byte = reader.u8();
    v |= std::uint64_t{byte & 0x7fU} << shift;
    if ((byte & 0x80) == 0) return !reader.failed();
  }
  return false;
}

void put_bits64(ByteVector& out, std::uint64_t v) {
  std::array<std::uint8_t, 8> bytes;
  store_le(bytes.data(), v);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

std::uint64_t get_bits64(ByteReader& reader) noexcept { return byte_swap(reader.u64()); }

// The integer that `value` is when multiplied by the scale, if it is exactly one.
std::optional<std::int64_t> scaled(double value, double scale) noexcept {
  const double product = value * scale;
  if (!(std::abs(product) <= kIntegerMax)) return std::nullopt;  // NaN too
  const auto integer = static_cast<std::int64_t>(std::llround(product));
  if (bits_of(static_cast<double>(integer) / scale) != bits_of(value)) return std::nullopt;
  return integer;
}

// All of them at the first scale that fits all; its index, or kScales.size().
std::size_t scale_all(std::span<const double> values, std::vector<std::int64_t>& integers) {
  integers.resize(values.size());
  for (std::size_t scale = 0; scale < kScales.size(); ++scale) {
    bool all = true;
    for (std::size_t i = 0; all && i < values.size(); ++i) {
      const auto integer = scaled(values[i], kScales[scale]);
      all = integer.has_value();
      if (all) integers[i] = *integer;
    }
    if (all) return scale;
  }
  return kScales.size();
}

// Bits one after the other, the lowest first.
void put_packed(ByteVector& out, std::span<const std::uint64_t> values, unsigned width) {
  unsigned used = 8;  // of the last byte
  for (std::uint64_t v : values) {
    for (unsigned left = width; left > 0;) {
      if (used == 8) {
        out.push_back(0);
        used = 0;
      }
      const unsigned take = std::min(left, 8 - used);
      const std::uint64_t part = v & ((1U << take) - 1);
      out.back() = static_cast<std::uint8_t>(out.back() | (part << used));
      v >>= take;
      used += take;
      left -= take;
    }
  }
}

std::uint64_t get_packed(Bytes bytes, std::size_t bit, unsigned width) noexcept {
  std::uint64_t v = 0;
  for (unsigned have = 0; have < width;) {
    const unsigned offset = bit % 8;
    const unsigned take = std::min(width - have, 8 - offset);
    const std::uint64_t part = (std::uint64_t{bytes[bit / 8]} >> offset) & ((1U << take) - 1);
    v |= part << have;
    have += take;
    bit += take;
  }
  return v;
}

void put_integers(ByteVector& out, std::span<const std::int64_t> integers) {
  put_varint(out, zigzag(integers.front()));
  std::array<std::uint64_t, kGroup> offsets;
  for (std::size_t begin = 1; begin < integers.size(); begin += kGroup) {
    const std::size_t count = std::min(kGroup, integers.size() - begin);
    std::int64_t least = integers[begin] - integers[begin - 1];
    for (std::size_t i = begin; i < begin + count; ++i) {
      least = std::min(least, integers[i] - integers[i - 1]);
    }
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t delta = integers[begin + i] - integers[begin + i - 1];
      offsets[i] = static_cast<std::uint64_t>(delta - least);
      all |= offsets[i];
    }
    const auto width = static_cast<unsigned>(std::bit_width(all));
    put_varint(out, zigzag(least));
    out.push_back(static_cast<std::uint8_t>(width));
    put_packed(out, {offsets.data(), count}, width);
  }
}

// Sums wrap: bytes that are none of ours may ask for anything.
bool get_integers(ByteReader& reader, std::size_t count, double scale,
                  std::vector<double>& values) {
  std::uint64_t v = 0;
  if (!get_varint(reader, v)) return false;
  std::uint64_t current = unzigzag(v);
  const auto value = [&] {
    return static_cast<double>(static_cast<std::int64_t>(current)) / scale;
  };
  values.push_back(value());
  for (std::size_t left = count - 1; left > 0;) {
    const std::size_t group = std::min(kGroup, left);
    if (!get_varint(reader, v)) return false;
    const std::uint64_t least = unzigzag(v);
    const unsigned width = reader.u8();
    if (width > 64) return false;
    const Bytes packed = reader.bytes((group * width + 7) / 8);
    if (reader.failed()) return false;
    for (std::size_t i = 0; i < group; ++i) {
      current += least + get_packed(packed, i * width, width);
      values.push_back(value());
    }
    left -= group;
  }
  return true;
}

// Each: a byte with how many zero bytes the difference has at its low end, and how many bytes
// follow; then these.
void put_xor(ByteVector& out, std::span<const double> values) {
  std::uint64_t before = 0;
  for (const double value : values) {
    std::uint64_t difference = bits_of(value) ^ before;
    before = bits_of(value);
    const unsigned zeros =
        difference == 0 ? 0 : static_cast<unsigned>(std::countr_zero(difference)) / 8;
    difference >>= zeros * 8;
    const unsigned bytes = (static_cast<unsigned>(std::bit_width(difference)) + 7) / 8;
    out.push_back(static_cast<std::uint8_t>(zeros << 4 | bytes));
    for (unsigned i = 0; i < bytes; ++i) {
      out.push_back(static_cast<std::uint8_t>(difference >> (i * 8)));
    }
  }
}

bool get_xor(ByteReader& reader, std::size_t count, std::vector<double>& values) {
  std::uint64_t current = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t head = reader.u8();
    const unsigned zeros = head >> 4;
    const unsigned bytes = head & 0x0f;
    if (zeros + bytes > 8) return false;
    std::uint64_t difference = 0;
    for (unsigned k = 0; k < bytes; ++k) {
      difference |= std::uint64_t{reader.u8()} << ((zeros + k) * 8);
    }
    if (reader.failed()) return false;
    current ^= difference;
    values.push_back(std::bit_cast<double>(current));
  }
  return true;
}

// Which times: runs, each as how many are left out before it and how many it has.
void put_positions(ByteVector& out, std::span<const std::uint16_t> at) {
  put_varint(out, at.size());
  std::size_t next = 0;
  for (std::size_t i = 0; i < at.size();) {
    std::size_t end = i + 1;
    while (end < at.size() && at[end] == at[end - 1] + 1) ++end;
    put_varint(out, at[i] - next);
    put_varint(out, end - i);
    next = at[end - 1] + std::size_t{1};
    i = end;
  }
}

bool get_positions(ByteReader& reader, std::vector<std::uint16_t>& at) {
  std::uint64_t count = 0;
  if (!get_varint(reader, count) || count == 0 || count > kColumnSamplesMax) return false;
  std::uint64_t next = 0;
  while (at.size() < count) {
    std::uint64_t gap = 0;
    std::uint64_t run = 0;
    if (!get_varint(reader, gap) || !get_varint(reader, run)) return false;
    if (gap >= kColumnSamplesMax || run == 0 || run > count - at.size()) return false;
    next += gap;
    if (next + run > kColumnSamplesMax) return false;
    for (std::uint64_t i = 0; i < run; ++i) at.push_back(static_cast<std::uint16_t>(next++));
  }
  return true;
}

}  // namespace

void encode_values(std::span<const double> values, ByteVector& out) {
  WEIR_ASSERT(!values.empty() && values.size() <= kColumnSamplesMax);
  std::vector<std::int64_t> integers;
  const std::size_t scale = scale_all(values, integers);
  const bool same = std::all_of(values.begin(), values.end(), [&](double value) {
    return bits_of(value) == bits_of(values.front());
  });
  if (same && scale == 0) {
    out.push_back(static_cast<std::uint8_t>(Kind::SameInteger));
    put_varint(out, zigzag(integers.front()));
  } else if (same) {
    out.push_back(static_cast<std::uint8_t>(Kind::SameBits));
    put_bits64(out, bits_of(values.front()));
  } else if (scale < kScales.size()) {
    out.push_back(static_cast<std::uint8_t>(static_cast<std::size_t>(Kind::Integers) + scale));
    put_integers(out, integers);
  } else {
    out.push_back(static_cast<std::uint8_t>(Kind::Xor));
    put_xor(out, values);
  }
}

bool decode_values(ByteReader& reader, std::size_t count, std::vector<double>& values) {
  values.clear();
  if (count == 0 || count > kColumnSamplesMax) return false;
  const std::size_t kind = reader.u8();
  if (reader.failed()) return false;
  if (kind == static_cast<std::size_t>(Kind::SameInteger)) {
    std::uint64_t v = 0;
    if (!get_varint(reader, v)) return false;
    values.assign(count, static_cast<double>(static_cast<std::int64_t>(unzigzag(v))));
    return true;
  }
  if (kind == static_cast<std::size_t>(Kind::SameBits)) {
    values.assign(count, std::bit_cast<double>(get_bits64(reader)));
    return !reader.failed();
  }
  if (kind == static_cast<std::size_t>(Kind::Xor)) return get_xor(reader, count, values);
  const std::size_t scale = kind - static_cast<std::size_t>(Kind::Integers);
  return scale < kScales.size() && get_integers(reader, count, kScales[scale], values);
}

ByteVector encode_times(std::span<const Timestamp> times) {
  WEIR_ASSERT(times.size() <= kColumnSamplesMax);
  ByteVector out;
  put_varint(out, times.size());
  // The differences of differences, which a steady clock keeps small. They may wrap.
  std::uint64_t before = 0;
  std::uint64_t step = 0;
  for (const Timestamp time : times) {
    const auto now = static_cast<std::uint64_t>(time.ns);
    put_varint(out, zigzag(static_cast<std::int64_t>(now - before - step)));
    step = now - before;
    before = now;
  }
  return out;
}

std::optional<std::vector<Timestamp>> decode_times(Bytes bytes) {
  ByteReader reader(bytes);
  std::uint64_t count = 0;
  if (!get_varint(reader, count) || count > kColumnSamplesMax) return std::nullopt;
  std::vector<Timestamp> times;
  times.reserve(count);
  std::uint64_t current = 0;
  std::uint64_t step = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t v = 0;
    if (!get_varint(reader, v)) return std::nullopt;
    step += unzigzag(v);
    current += step;
    times.push_back({static_cast<std::int64_t>(current)});
  }
  if (reader.remaining() != 0) return std::nullopt;
  return times;
}

ByteVector encode_columns(std::span<const SampleColumn* const> columns) {
  WEIR_ASSERT(!columns.empty() && columns.size() <= kSeriesInBlockMax);
  ByteVector out;
  ByteVector column_bytes;
  put_varint(out, columns.size());
  std::uint32_t before = 0;
  for (const SampleColumn* column : columns) {
    WEIR_ASSERT(column->at.size() == column->values.size());
    WEIR_ASSERT(column->series >= before);
    put_varint(out, column->series - before);
    before = column->series;
    column_bytes.clear();
    put_positions(column_bytes, column->at);
    encode_values(column->values, column_bytes);
    put_varint(out, column_bytes.size());
    out.insert(out.end(), column_bytes.begin(), column_bytes.end());
  }
  return out;
}

std::optional<std::vector<SampleColumn>> decode_columns(Bytes bytes,
                                                        std::span<const std::uint32_t> wanted) {
  ByteReader reader(bytes);
  std::uint64_t count = 0;
  if (!get_varint(reader, count) || count > kSeriesInBlockMax) return std::nullopt;
  std::vector<SampleColumn> columns;
  std::uint64_t series = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t step = 0;
    std::uint64_t length = 0;
    if (!get_varint(reader, step) || !get_varint(reader, length)) return std::nullopt;
    if (step > UINT32_MAX - series || length > reader.remaining()) return std::nullopt;
    series += step;
    ByteReader column_reader(reader.bytes(length));
    const auto id = static_cast<std::uint32_t>(series);
    if (!wanted.empty() && !std::binary_search(wanted.begin(), wanted.end(), id)) continue;
    SampleColumn column{.series = id, .at = {}, .values = {}};
    if (!get_positions(column_reader, column.at)) return std::nullopt;
    if (!decode_values(column_reader, column.at.size(), column.values)) return std::nullopt;
    if (column_reader.remaining() != 0) return std::nullopt;
    columns.push_back(std::move(column));
  }
  if (reader.remaining() != 0) return std::nullopt;
  return columns;
}

ByteVector encode_batch(std::span<const BatchSample> samples) {
  WEIR_ASSERT(samples.size() <= kBatchSamplesMax);
  ByteVector out;
  out.reserve(samples.size() * 6 + 16);
  put_varint(out, samples.size());
  std::int64_t before = 0;
  for (const BatchSample& sample : samples) {
    put_varint(out, zigzag(std::int64_t{sample.series} - before));
    before = sample.series;
  }
  // An even number is an integer, 1 is followed by the bits.
  for (const BatchSample& sample : samples) {
    if (const auto integer = scaled(sample.value, 1)) {
      put_varint(out, zigzag(*integer) << 1);
    } else {
      put_varint(out, 1);
      put_bits64(out, bits_of(sample.value));
    }
  }
  return out;
}

std::optional<std::vector<BatchSample>> decode_batch(Bytes bytes) {
  ByteReader reader(bytes);
  std::uint64_t count = 0;
  // Two bytes a sample at least: no more memory than the bytes account for.
  if (!get_varint(reader, count) || count > kBatchSamplesMax || count * 2 > reader.remaining()) {
    return std::nullopt;
  }
  std::vector<BatchSample> samples(count);
  std::uint64_t series = 0;
  for (BatchSample& sample : samples) {
    std::uint64_t v = 0;
    if (!get_varint(reader, v)) return std::nullopt;
    series += unzigzag(v);
    if (series > UINT32_MAX) return std::nullopt;
    sample.series = static_cast<std::uint32_t>(series);
  }
  for (BatchSample& sample : samples) {
    std::uint64_t v = 0;
    if (!get_varint(reader, v)) return std::nullopt;
    if ((v & 1) == 0) {
      sample.value = static_cast<double>(static_cast<std::int64_t>(unzigzag(v >> 1)));
    } else if (v == 1) {
      sample.value = std::bit_cast<double>(get_bits64(reader));
      if (reader.failed()) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  if (reader.remaining() != 0) return std::nullopt;
  return samples;
}

}  // namespace weir::storage
