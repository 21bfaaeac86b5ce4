#include "interface/decompressing_stream.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/bytes.h"

namespace weir::interface {
namespace {

constexpr std::size_t kInputBytes = 128 * 1024;
// Data that decompresses to nothing (empty members) must not keep a caller for ever.
constexpr int kReadsWithoutOutput = 64;

// RFC 8878, 3.1.1 and 3.1.2: a frame, or one of sixteen kinds of skippable frame.
constexpr std::uint32_t kZstdMagic = 0xfd2fb528;
constexpr std::uint32_t kZstdSkippable = 0x184d2a50;
// RFC 1952, 2.3.1.
constexpr std::uint16_t kGzipMagic = 0x8b1f;

}  // namespace

ReadResult DecompressingStream::read(std::span<std::uint8_t> into, Duration wait) {
  if (error_) return {ReadStatus::Failed, 0};
  if (!recognised_) {
    if (const ReadStatus status = recognise(wait); status == ReadStatus::Failed)
      return failed_below();
    if (!recognised_) return {ReadStatus::Idle, 0};
  }
  return decompressor_ ? decompress(into, wait) : pass_on(into, wait);
}

ReadStatus DecompressingStream::recognise(Duration wait) {
  const ReadResult got = raw_->read(std::span(magic_).subspan(magic_held_), wait);
  magic_held_ += got.bytes;
  if (got.status == ReadStatus::Failed || got.status == ReadStatus::Idle) return got.status;
  if (magic_held_ < kMagicBytes && got.status != ReadStatus::End) return ReadStatus::Idle;

  recognised_ = true;
  if (magic_held_ >= 2 && load_le16(magic_.data()) == kGzipMagic) {
    decompressor_ = make_gzip_decompressor();
  } else if (magic_held_ == kMagicBytes &&
             (load_le32(magic_.data()) == kZstdMagic ||
              (load_le32(magic_.data()) & 0xfffffff0) == kZstdSkippable)) {
    decompressor_ = make_zstd_decompressor();
  }
  if (decompressor_) {
    input_.resize(kInputBytes);
    std::copy_n(magic_.begin(), magic_held_, input_.begin());
    input_end_ = magic_held_;
  }
  return ReadStatus::Data;
}

ReadResult DecompressingStream::pass_on(std::span<std::uint8_t> into, Duration wait) {
  if (magic_given_ < magic_held_) {
    const std::size_t given = std::min(magic_held_ - magic_given_, into.size());
    std::memcpy(into.data(), magic_.data() + magic_given_, given);
    magic_given_ += given;
    return {ReadStatus::Data, given};
  }
  const ReadResult got = raw_->read(into, wait);
  return got.status == ReadStatus::Failed ? failed_below() : got;
}

ReadResult DecompressingStream::decompress(std::span<std::uint8_t> into, Duration wait) {
  for (int reads = 0; reads < kReadsWithoutOutput;) {
    const auto input =
        std::span<const std::uint8_t>(input_).subspan(input_at_, input_end_ - input_at_);
    const Decompressor::Progress step = decompressor_->decompress(input, into);
    input_at_ += step.consumed;
    if (step.damage != nullptr && step.produced == 0) {
      return fail(ErrorCode::Damaged, step.damage, "the packets before it are good");
    }
    if (step.produced > 0) return {ReadStatus::Data, step.produced};
    if (step.consumed > 0 && input_at_ < input_end_) continue;

    const std::size_t kept = input_end_ - input_at_;
    std::memmove(input_.data(), input_.data() + input_at_, kept);
    input_at_ = 0;
    input_end_ = kept;
    const ReadResult got = raw_->read(std::span(input_).subspan(kept), wait);
    if (got.status == ReadStatus::Failed) return failed_below();
    if (got.status == ReadStatus::End) {
      if (decompressor_->may_end() && kept == 0) return got;
      return fail(ErrorCode::Truncated, "it ends in the middle of its data",
                  "the file was cut short; the packets before it are good");
    }
    if (got.status == ReadStatus::Idle) return got;
    input_end_ += got.bytes;
    ++reads;
  }
  return {ReadStatus::Idle, 0};
}

ReadResult DecompressingStream::fail(ErrorCode code, std::string_view what, std::string_view hint) {
  const std::uint64_t offset = raw_->raw_bytes() - (input_end_ - input_at_);
  std::string text = "offset " + std::to_string(offset) +
                     " of the compressed file: " + std::string(decompressor_->format()) +
                     " data: " + std::string(what) + " (" + std::string(hint) + ")";
  error_ = Error{code, 0, std::move(text)};
  return {ReadStatus::Failed, 0};
}

ReadResult DecompressingStream::failed_below() {
  error_ = raw_->error();
  return {ReadStatus::Failed, 0};
}

}  // namespace weir::interface
