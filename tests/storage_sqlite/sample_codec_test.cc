// Samples as bytes and back: bit by bit, and few of them.
#include "storage/sample_codec.h"

#include <bit>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "storage/sample_compression.h"

namespace weir::storage {
namespace {

std::vector<std::uint64_t> bits(const std::vector<double>& values) {
  std::vector<std::uint64_t> out;
  for (const double value : values) out.push_back(std::bit_cast<std::uint64_t>(value));
  return out;
}

std::size_t expect_round_trip(const std::vector<double>& values) {
  ByteVector bytes;
  encode_values(values, bytes);
  ByteReader reader(bytes);
  std::vector<double> decoded;
  EXPECT_TRUE(decode_values(reader, values.size(), decoded));
  EXPECT_EQ(reader.remaining(), 0U);
  EXPECT_EQ(bits(decoded), bits(values));
  // Whatever is missing at the end is noticed.
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    ByteReader shorter(Bytes(bytes).first(length));
    EXPECT_FALSE(decode_values(shorter, values.size(), decoded)) << length;
  }
  return bytes.size();
}

std::vector<double> counter(Prng& random, std::size_t count, std::uint64_t step_max) {
  std::vector<double> values;
  std::uint64_t value = random.below(1'000'000'000);
  for (std::size_t i = 0; i < count; ++i) {
    value += random.below(step_max);
    values.push_back(static_cast<double>(value));
  }
  return values;
}

TEST(SampleCodec, ACounterThatStandsStillTakesAFewBytes) {
  EXPECT_EQ(expect_round_trip(std::vector<double>(180, 0.0)), 2U);
  EXPECT_LE(expect_round_trip(std::vector<double>(180, 123'456'789.0)), 6U);
  EXPECT_EQ(expect_round_trip(std::vector<double>(180, 0.1234567890123)), 9U);
}

TEST(SampleCodec, ACounterTakesTheBitsOfItsSteps) {
  Prng random(1);
  // 10 bits are 225 bytes for 180 samples; the rest is the first value and three groups' heads.
  EXPECT_LE(expect_round_trip(counter(random, 180, 1024)), 225U + 25U);
}

TEST(SampleCodec, DecimalFractionsAreIntegersToo) {
  Prng random(2);
  std::vector<double> values;
  std::uint64_t nanoseconds = 0;
  for (int i = 0; i < 180; ++i) {
    nanoseconds += random.below(1'000'000);
    values.push_back(static_cast<double>(nanoseconds) / 1e9);
  }
  EXPECT_LE(expect_round_trip(values), 180U * 20 / 8 + 25U);
}

TEST(SampleCodec, EveryDoubleComesBackBitByBit) {
  const double infinity = std::numeric_limits<double>::infinity();
  expect_round_trip({0.0, -0.0, 1.0});
  expect_round_trip({-0.0});
  expect_round_trip({infinity, -infinity, std::numeric_limits<double>::quiet_NaN()});
  expect_round_trip({9'007'199'254'740'992.0, -9'007'199'254'740'992.0, 9'007'199'254'740'993.0});
  expect_round_trip({1e300, 1e-300, std::numeric_limits<double>::denorm_min()});
  expect_round_trip({std::bit_cast<double>(0x7ff8000000000123ULL), 1.5});
  expect_round_trip({0.1, 0.2, 0.30000000000000004});
}

TEST(SampleCodec, RandomColumnsComeBackBitByBit) {
  Prng random(20'261'121);
  for (int round = 0; round < 300; ++round) {
    std::vector<double> values(1 + random.below(200));
    const std::uint64_t style = random.below(5);
    for (double& value : values) {
      if (style == 0) value = std::bit_cast<double>(random.next());
      if (style == 1) value = static_cast<double>(random.below(100));
      if (style == 2) value = static_cast<double>(random.below(1'000'000)) / 1e6;
      if (style == 3) value = static_cast<double>(random.next() >> random.below(64));
      if (style == 4) value = random.chance(1, 50) ? std::bit_cast<double>(random.next()) : 7.0;
    }
    expect_round_trip(values);
  }
}

TEST(SampleCodec, TimesComeBackAlsoWhenAClockWasSetBack) {
  const std::vector<Timestamp> times = {{1'700'000'000'000'000'000},
                                        {1'700'000'010'000'000'000},
                                        {1'700'000'020'001'000'000},
                                        {1'600'000'000'000'000'000},
                                        {std::numeric_limits<std::int64_t>::min()},
                                        {std::numeric_limits<std::int64_t>::max()}};
  const ByteVector bytes = encode_times(times);
  EXPECT_EQ(decode_times(bytes), times);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode_times(Bytes(bytes).first(length)));
  }
}

TEST(SampleCodec, SteadyTimesTakeAByteEach) {
  std::vector<Timestamp> times;
  for (int i = 0; i < 180; ++i) times.push_back({1'700'000'000'000'000'000 + i * 10'000'000'000});
  EXPECT_LE(encode_times(times).size(), 180U + 18U);
}

TEST(SampleCodec, ColumnsWithHolesComeBackAndAreFoundBySeries) {
  const SampleColumn all{.series = 5, .at = {0, 1, 2, 3}, .values = {1, 2, 3, 4}};
  const SampleColumn some{.series = 9, .at = {1, 3}, .values = {0.5, 0.25}};
  const SampleColumn one{.series = 400'000, .at = {4095}, .values = {-1}};
  const std::vector<const SampleColumn*> columns = {&all, &some, &one};
  const ByteVector bytes = encode_columns(columns);
  const auto decoded = decode_columns(bytes, {});
  ASSERT_TRUE(decoded);
  ASSERT_EQ(decoded->size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ((*decoded)[i].series, columns[i]->series);
    EXPECT_EQ((*decoded)[i].at, columns[i]->at);
    EXPECT_EQ((*decoded)[i].values, columns[i]->values);
  }
  const std::vector<std::uint32_t> wanted = {6, 9};
  const auto found = decode_columns(bytes, wanted);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().series, 9U);
}

TEST(SampleCodec, ABatchComesBack) {
  Prng random(3);
  std::vector<BatchSample> samples;
  for (int i = 0; i < 1000; ++i) {
    const double value = random.chance(1, 4) ? std::bit_cast<double>(random.next())
                                             : static_cast<double>(random.below(1'000'000));
    samples.push_back({.series = static_cast<std::uint32_t>(random.next()), .value = value});
  }
  const ByteVector bytes = encode_batch(samples);
  const auto decoded = decode_batch(bytes);
  ASSERT_TRUE(decoded);
  ASSERT_EQ(decoded->size(), samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ((*decoded)[i].series, samples[i].series);
    EXPECT_EQ(std::bit_cast<std::uint64_t>((*decoded)[i].value),
              std::bit_cast<std::uint64_t>(samples[i].value));
  }
  EXPECT_FALSE(decode_batch(Bytes(bytes).first(bytes.size() - 1)));
}

TEST(SampleCodec, ADecoderRefusesWhatWouldBeTooMuch) {
  // A batch of a million samples in three bytes; columns beyond the block's; positions that wrap.
  EXPECT_FALSE(decode_batch(ByteVector{0xc0, 0x84, 0x3d}));
  EXPECT_FALSE(decode_columns(ByteVector{33}, {}));
  EXPECT_FALSE(decode_columns(ByteVector{1, 0, 5, 1, 0xff, 0xff, 0x7f, 1}, {}));
  ByteReader reader(ByteVector{});
  std::vector<double> values;
  EXPECT_FALSE(decode_values(reader, 0, values));
  const ByteVector wide = {3, 0, 0, 65, 0, 0, 0, 0, 0, 0, 0, 0, 0};  // 65 bits a delta
  ByteReader wide_reader{Bytes(wide)};
  EXPECT_FALSE(decode_values(wide_reader, 2, values));
}

TEST(SampleCompression, DamageAndExcessAreRefused) {
  SampleCompressor compressor;
  SampleDecompressor decompressor;
  const ByteVector plain(10'000, 7);
  const ByteVector bytes = compressor.compress(plain, 3);
  ASSERT_FALSE(bytes.empty());
  EXPECT_LT(bytes.size(), 100U);
  EXPECT_EQ(decompressor.decompress(bytes, 10'000), plain);
  EXPECT_FALSE(decompressor.decompress(bytes, 9'999));
  EXPECT_FALSE(decompressor.decompress(Bytes(bytes).first(bytes.size() - 1), 10'000));
  EXPECT_FALSE(decompressor.decompress(ByteVector{1, 2, 3, 4, 5}, 10'000));
  EXPECT_FALSE(decompressor.decompress({}, 10'000));
}

}  // namespace
}  // namespace weir::storage
