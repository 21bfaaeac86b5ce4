// What a stream holds, decompressed when its first bytes say gzip (RFC 1952) or Zstandard (RFC
// 8878), else as it is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "interface/byte_stream.h"

namespace weir::interface {

// One compressed format, member after member (frame after frame). Bounded memory: 32 KiB of history
// for gzip, at most 128 MiB for Zstandard, and only as much as the data's own window.
class Decompressor {
 public:
  struct Progress {
    std::size_t consumed = 0;
    std::size_t produced = 0;
    const char* damage =
        nullptr;  // what is wrong with the data; a string that lives as long as the decompressor
  };

  virtual ~Decompressor() = default;
  Decompressor() = default;
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  virtual Progress decompress(std::span<const std::uint8_t> from, std::span<std::uint8_t> into) = 0;
  // The input may end here: no member has been begun and not finished.
  [[nodiscard]] virtual bool may_end() const noexcept = 0;
  [[nodiscard]] virtual std::string_view format() const noexcept = 0;
};

std::unique_ptr<Decompressor> make_gzip_decompressor();
std::unique_ptr<Decompressor> make_zstd_decompressor();

class DecompressingStream final : public ByteStream {
 public:
  explicit DecompressingStream(std::unique_ptr<ByteStream> raw) noexcept : raw_(std::move(raw)) {}

  ReadResult read(std::span<std::uint8_t> into, Duration wait) override;
  [[nodiscard]] std::uint64_t raw_bytes() const noexcept override { return raw_->raw_bytes(); }
  [[nodiscard]] bool is_raw() const noexcept override { return decompressor_ == nullptr; }
  [[nodiscard]] const std::optional<Error>& error() const noexcept override { return error_; }

 private:
  static constexpr std::size_t kMagicBytes = 4;

  // Collects the first bytes and looks at them.
  ReadStatus recognise(Duration wait);
  ReadResult pass_on(std::span<std::uint8_t> into, Duration wait);
  ReadResult decompress(std::span<std::uint8_t> into, Duration wait);
  ReadResult fail(ErrorCode code, std::string_view what, std::string_view hint);
  ReadResult failed_below();

  std::unique_ptr<ByteStream> raw_;
  std::unique_ptr<Decompressor> decompressor_;  // null: plain
  bool recognised_ = false;
  std::array<std::uint8_t, kMagicBytes> magic_{};
  std::size_t magic_held_ = 0;       // bytes of `magic_` that have been read
  std::size_t magic_given_ = 0;      // ... and passed on
  std::vector<std::uint8_t> input_;  // compressed bytes; allocated when the data is compressed
  std::size_t input_at_ = 0;
  std::size_t input_end_ = 0;
  std::optional<Error> error_;
};

}  // namespace weir::interface
