#include <algorithm>

#include <zstd.h>

#include "interface/decompressing_stream.h"

namespace weir::interface {
namespace {

constexpr int kWindowLogMax =
    27;  // 128 MiB; `zstd --long=31` asks every reader for 2 GiB, we don't give it

class ZstdDecompressor final : public Decompressor {
 public:
  ZstdDecompressor() noexcept : context_(::ZSTD_createDCtx()) {
    if (context_ != nullptr) ::ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kWindowLogMax);
  }
  ~ZstdDecompressor() override { ::ZSTD_freeDCtx(context_); }

  Progress decompress(std::span<const std::uint8_t> from, std::span<std::uint8_t> into) override {
    if (context_ == nullptr) return {.damage = "libzstd has no memory"};
    ZSTD_outBuffer output{into.data(), into.size(), 0};
    std::size_t consumed = 0;
    // libzstd forgets what a failing call has put out. It therefore gets one block at a time, and
    // without the header of the next block, which it asks for in advance.
    while (damage_ == nullptr && output.pos < output.size) {
      const std::size_t needed =
          wanted_ > kBlockHeaderBytes ? wanted_ - kBlockHeaderBytes : wanted_;
      const std::size_t portion = std::min(needed, from.size() - consumed);
      ZSTD_inBuffer input{from.data() + consumed, portion, 0};
      const std::size_t before = output.pos;
      const std::size_t status = ::ZSTD_decompressStream(context_, &output, &input);
      if (::ZSTD_isError(status) != 0) {
        damage_ = ::ZSTD_getErrorName(status);
        break;
      }
      consumed += input.pos;
      if (input.pos == 0 && output.pos == before) break;
      between_frames_ = status == 0;
      wanted_ = between_frames_ ? kFrameHeaderBytes : status;
    }
    return {consumed, output.pos, damage_};
  }

  [[nodiscard]] bool may_end() const noexcept override { return between_frames_; }
  [[nodiscard]] std::string_view format() const noexcept override { return "zstd"; }

 private:
  static constexpr std::size_t kFrameHeaderBytes = 5;  // magic and descriptor
  static constexpr std::size_t kBlockHeaderBytes = 3;

  ZSTD_DCtx* context_;
  std::size_t wanted_ = kFrameHeaderBytes;  // what libzstd asks for next
  const char* damage_ = nullptr;
  bool between_frames_ = false;
};

}  // namespace

std::unique_ptr<Decompressor> make_zstd_decompressor() {
  return std::make_unique<ZstdDecompressor>();
}

}  // namespace weir::interface
