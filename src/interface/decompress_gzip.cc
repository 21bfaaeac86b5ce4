#include <algorithm>
#include <limits>

#include <zlib.h>

#include "interface/decompressing_stream.h"

namespace weir::interface {
namespace {

constexpr int kGzipOnly = 16 + MAX_WBITS;  // zlib: 16 asks for the gzip wrapper

class GzipDecompressor final : public Decompressor {
 public:
  GzipDecompressor() noexcept { ready_ = ::inflateInit2(&stream_, kGzipOnly) == Z_OK; }
  ~GzipDecompressor() override { ::inflateEnd(&stream_); }

  Progress decompress(std::span<const std::uint8_t> from, std::span<std::uint8_t> into) override {
    if (!ready_) return {.damage = "zlib has no memory"};
    Progress progress;
    if (state_ == State::BetweenMembers && !from.empty()) begin_next(from[0]);
    if (state_ == State::Padding) take_padding(from, progress);
    if (state_ != State::InMember) return progress;

    stream_.next_in = const_cast<Bytef*>(from.data() + progress.consumed);  // zlib only reads it
    stream_.avail_in = clamp(from.size() - progress.consumed);
    stream_.next_out = into.data();
    stream_.avail_out = clamp(into.size());
    const auto in_before = stream_.avail_in;
    const auto out_before = stream_.avail_out;
    const int status = ::inflate(&stream_, Z_NO_FLUSH);
    progress.consumed += in_before - stream_.avail_in;
    progress.produced = out_before - stream_.avail_out;
    if (status == Z_STREAM_END) {
      state_ = State::BetweenMembers;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      progress.damage = stream_.msg != nullptr ? stream_.msg : "damaged";
    }
    return progress;
  }

  [[nodiscard]] bool may_end() const noexcept override { return state_ != State::InMember; }
  [[nodiscard]] std::string_view format() const noexcept override { return "gzip"; }

 private:
  enum class State : std::uint8_t {
    InMember,
    BetweenMembers,
    Padding,  // zeros up to the end, as tapes and block devices leave them
  };

  static uInt clamp(std::size_t bytes) noexcept {
    return static_cast<uInt>(std::min<std::size_t>(bytes, std::numeric_limits<uInt>::max()));
  }

  void begin_next(std::uint8_t first_byte) noexcept {
    constexpr std::uint8_t kFirstMagicByte = 0x1f;
    if (first_byte != kFirstMagicByte) {
      state_ = State::Padding;
      return;
    }
    ready_ = ::inflateReset(&stream_) == Z_OK;
    state_ = State::InMember;
  }

  static void take_padding(std::span<const std::uint8_t> from, Progress& progress) noexcept {
    const auto end =
        std::find_if(from.begin(), from.end(), [](std::uint8_t byte) { return byte != 0; });
    progress.consumed = static_cast<std::size_t>(end - from.begin());
    if (end != from.end()) progress.damage = "other bytes follow it";
  }

  z_stream stream_{};
  State state_ = State::InMember;
  bool ready_ = false;
};

}  // namespace

std::unique_ptr<Decompressor> make_gzip_decompressor() {
  return std::make_unique<GzipDecompressor>();
}

}  // namespace weir::interface
