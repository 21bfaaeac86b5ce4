// Capture files in gzip and zstd, recognised by what they are.
#include <string>

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "interface/file_reading.h"

namespace weir::test {
namespace {

ByteVector gzip(const ByteVector& plain) {
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  ByteVector out(::deflateBound(&stream, plain.size()));
  stream.next_in = const_cast<Bytef*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

ByteVector zstd(const ByteVector& plain, int window_log = 0) {
  ZSTD_CCtx* const context = ::ZSTD_createCCtx();
  ::ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  if (window_log != 0) {
    ::ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    ::ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  }
  ByteVector out(::ZSTD_compressBound(plain.size()));
  ZSTD_inBuffer from{plain.data(), plain.size(), 0};
  ZSTD_outBuffer into{out.data(), out.size(), 0};
  // In two steps, so that the size is not known in advance and the window stays as asked.
  ::ZSTD_compressStream2(context, &into, &from, ZSTD_e_continue);
  EXPECT_EQ(::ZSTD_compressStream2(context, &into, &from, ZSTD_e_end), 0u);
  ::ZSTD_freeCCtx(context);
  out.resize(into.pos);
  return out;
}

constexpr std::size_t kPackets = 3000;

// Large enough for many buffers, compressible.
ByteVector capture() {
  CaptureBytes file;
  file.pcap_header();
  for (std::uint32_t i = 0; i < kPackets; ++i)
    file.record(i, 0, frame_of(300, static_cast<std::uint8_t>(i)));
  return file.bytes();
}

ByteVector operator+(ByteVector a, const ByteVector& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

void expect_all_packets(const Drained& got) {
  EXPECT_EQ(got.error, "");
  ASSERT_EQ(got.packets.size(), kPackets);
  for (std::uint32_t i = 0; i < kPackets; ++i) {
    ASSERT_EQ(got.packets[i].frame, frame_of(300, static_cast<std::uint8_t>(i)));
  }
}

struct Codec {
  const char* name;
  ByteVector (*compress)(const ByteVector&);
};
class CompressedFile : public testing::TestWithParam<Codec> {};
INSTANTIATE_TEST_SUITE_P(Codecs, CompressedFile,
                         testing::Values(Codec{"gzip", &gzip}, Codec{"zstd",
                                                                     [](const ByteVector& plain) {
                                                                       return zstd(plain);
                                                                     }}),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST_P(CompressedFile, GivesThePacketsInside) {
  const ByteVector file = GetParam().compress(capture());
  ASSERT_LT(file.size(), capture().size() / 2);
  for (const std::size_t portion : {std::size_t{1}, std::size_t{1000}, SIZE_MAX}) {
    expect_all_packets(read_bytes(file, portion));
  }
}

TEST_P(CompressedFile, MayConsistOfSeveralMembers) {
  const ByteVector plain = capture();
  ByteVector file;
  constexpr std::size_t kPartBytes = 77'777;
  for (std::size_t at = 0; at < plain.size(); at += kPartBytes) {
    const auto part = plain.begin() + static_cast<std::ptrdiff_t>(at);
    file = file + GetParam().compress({part, part + static_cast<std::ptrdiff_t>(
                                                        std::min(kPartBytes, plain.size() - at))});
    file = file + GetParam().compress({});
  }
  for (const std::size_t portion : {std::size_t{1}, std::size_t{999}, SIZE_MAX}) {
    expect_all_packets(read_bytes(file, portion));
  }
}

TEST_P(CompressedFile, CutShortGivesWhatIsThereThenTheOffset) {
  ByteVector file = GetParam().compress(capture());
  file.resize(file.size() - 2);  // inside the checksum
  const Drained got = read_bytes(file);
  EXPECT_EQ(got.packets.size(), kPackets);
  EXPECT_EQ(got.code, ErrorCode::Truncated);
  EXPECT_EQ(got.error, "f0: offset " + std::to_string(file.size()) +
                           " of the compressed file: " + GetParam().name +
                           " data: it ends in the middle of its data (the file was cut short; the "
                           "packets before it are "
                           "good)");
}

TEST_P(CompressedFile, DamageInTheMiddleGivesTheGoodPacketsBeforeIt) {
  ByteVector noise(600'000);
  std::uint32_t state = 1;
  for (std::uint8_t& byte : noise)
    byte = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  CaptureBytes plain;
  plain.pcap_header();
  for (std::size_t at = 0; at < noise.size(); at += 1000) {
    const auto begin = noise.begin() + static_cast<std::ptrdiff_t>(at);
    plain.record(1, 1, {begin, begin + 1000});
  }
  const ByteVector first = GetParam().compress(plain.bytes());
  ByteVector file = first + GetParam().compress(plain.bytes());
  file.resize(first.size() + 3);
  file = file + ByteVector(500, 0xee);
  const Drained got = read_bytes(file);
  EXPECT_EQ(got.packets.size(), 600u);
  EXPECT_EQ(got.code, ErrorCode::Damaged);
  EXPECT_NE(got.error.find(std::string(" of the compressed file: ") + GetParam().name + " data: "),
            std::string::npos)
      << got.error;
}

TEST_P(CompressedFile, OffsetsInsideAreOfTheDecompressedData) {
  const ByteVector plain = CaptureBytes().pcap_header().record_header(1, 1, 0x7fffffff, 60).bytes();
  const Drained got = read_bytes(GetParam().compress(plain));
  EXPECT_EQ(got.error.substr(0, 42), "f0: offset 24 of the decompressed data: a ");
}

TEST(CompressedFiles, ZerosMayFollowGzipAndNothingElse) {
  expect_all_packets(read_bytes(gzip(capture()) + ByteVector(10'000, 0), 100));
  for (const ByteVector& rest : {bytes_of("garbage"), ByteVector(5, 0) + gzip(capture())}) {
    for (const std::size_t portion : {std::size_t{1}, SIZE_MAX}) {
      const Drained got = read_bytes(gzip(capture()) + rest, portion);
      EXPECT_EQ(got.packets.size(), kPackets);
      EXPECT_NE(got.error.find("gzip data: other bytes follow it"), std::string::npos) << got.error;
    }
  }
}

TEST(CompressedFiles, ZstdSkippableFramesAreSkipped) {
  const ByteVector skippable = CaptureBytes().u32(0x184d2a5f).u32(3).raw(bytes_of("abc")).bytes();
  for (const std::size_t portion : {std::size_t{1}, SIZE_MAX}) {
    expect_all_packets(read_bytes(skippable + zstd(capture()) + skippable, portion));
  }
}

TEST(CompressedFiles, ZstdWindowsBeyondOurMemoryAreRefused) {
  const Drained got = read_bytes(zstd(capture(), 28));
  EXPECT_EQ(got.packets.size(), 0u);
  EXPECT_NE(got.error.find("zstd data: Frame requires too much memory"), std::string::npos)
      << got.error;
}

TEST(CompressedFiles, CompressionInsideCompressionIsNoCaptureFile) {
  const Drained got = read_bytes(gzip(gzip(capture())));
  EXPECT_EQ(got.code, ErrorCode::UnknownFormat);
}

}  // namespace
}  // namespace weir::test
