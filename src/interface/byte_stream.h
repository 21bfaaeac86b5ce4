// A stream of bytes that a capture file is read from: a file, a pipe, the decompressed content of
// either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"

namespace weir::interface {

enum class ReadStatus : std::uint8_t {
  Data,    // at least one byte
  Idle,    // nothing came in time, or a Waker rang; reading goes on with the next call
  End,     // no byte will come any more
  Failed,  // likewise, and error() says why
};

struct ReadResult {
  ReadStatus status = ReadStatus::End;
  std::size_t bytes = 0;
};

// One reader, one thread. One virtual call for each buffer that is filled, never one for a packet.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  // Fills the front of `into` (not empty) with what is there, and waits at most `wait` when that is
  // nothing.
  virtual ReadResult read(std::span<std::uint8_t> into, Duration wait) = 0;
  // Bytes taken so far from the file or pipe itself, before decompression.
  [[nodiscard]] virtual std::uint64_t raw_bytes() const noexcept = 0;
  // Offsets in what read() returns are offsets in the file.
  [[nodiscard]] virtual bool is_raw() const noexcept = 0;
  // Why read() returned Failed; names the offset, not the file.
  [[nodiscard]] virtual const std::optional<Error>& error() const noexcept = 0;
};

// Ends the wait of a reader from another thread.
class Waker {
 public:
  static Result<Waker> create();
  void ring() noexcept;
  // For the reader.
  [[nodiscard]] int fd() const noexcept { return event_.get(); }
  void reset() noexcept;

 private:
  explicit Waker(UniqueFd event) noexcept : event_(std::move(event)) {}
  UniqueFd event_;
};

// Opens a path for reading, "-" for standard input. `waker` outlives the stream.
Result<std::unique_ptr<ByteStream>> open_byte_stream(const std::string& path, Waker& waker);

}  // namespace weir::interface
