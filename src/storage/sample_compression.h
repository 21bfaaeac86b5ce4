// zstd around the pieces that samples are stored in.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "storage/sample_codec.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace weir::storage {

// One thread at a time.
class SampleCompressor {
 public:
  SampleCompressor();
  ~SampleCompressor();
  SampleCompressor(const SampleCompressor&) = delete;
  SampleCompressor& operator=(const SampleCompressor&) = delete;

  // Level 1 is for what is soon written anew, 3 for what stays. Empty: no memory.
  [[nodiscard]] ByteVector compress(Bytes bytes, int level);

 private:
  ZSTD_CCtx_s* context_;
};

class SampleDecompressor {
 public:
  SampleDecompressor();
  ~SampleDecompressor();
  SampleDecompressor(const SampleDecompressor&) = delete;
  SampleDecompressor& operator=(const SampleDecompressor&) = delete;

  // Nothing when the bytes are no frame of ours, or would become more than `bytes_max`.
  [[nodiscard]] std::optional<ByteVector> decompress(Bytes bytes, std::size_t bytes_max);

 private:
  ZSTD_DCtx_s* context_;
};

}  // namespace weir::storage
