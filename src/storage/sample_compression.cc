#include "storage/sample_compression.h"

#include <zstd.h>

namespace weir::storage {

SampleCompressor::SampleCompressor() : context_(ZSTD_createCCtx()) {}
SampleCompressor::~SampleCompressor() { ZSTD_freeCCtx(context_); }

ByteVector SampleCompressor::compress(Bytes bytes, int level) {
  if (context_ == nullptr) return {};
  ByteVector out(ZSTD_compressBound(bytes.size()));
  const std::size_t size =
      ZSTD_compressCCtx(context_, out.data(), out.size(), bytes.data(), bytes.size(), level);
  if (ZSTD_isError(size) != 0) return {};
  out.resize(size);
  return out;
}

SampleDecompressor::SampleDecompressor() : context_(ZSTD_createDCtx()) {}
SampleDecompressor::~SampleDecompressor() { ZSTD_freeDCtx(context_); }

std::optional<ByteVector> SampleDecompressor::decompress(Bytes bytes, std::size_t bytes_max) {
  if (context_ == nullptr) return std::nullopt;
  const unsigned long long size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > bytes_max) {
    return std::nullopt;
  }
  ByteVector out(size);
  const std::size_t got =
      ZSTD_decompressDCtx(context_, out.data(), out.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(got) != 0 || got != size) return std::nullopt;
  return out;
}

}  // namespace weir::storage
