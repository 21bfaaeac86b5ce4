// Writes to a descriptor that takes bytes in order, and is never caught in a write that cancel()
// could not end: standard output, a FIFO, a terminal, a socket, /dev/null. The descriptor may be
// blocking or not, and stays so: others may share it. Expects SIGPIPE to be ignored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace weir::output {

class PipeWriter {
 public:
  enum class Wait : std::uint8_t { Never, ForReader };

  // `path`: for messages. Error: Resource.
  static Result<PipeWriter> open(UniqueFd fd, const std::string& path);

  // 0, or the errno that ended it: EAGAIN when the reader would have to be waited for, ECANCELED
  // after cancel(). Adds to `sent` what the kernel took, also before an error. One thread at a
  // time.
  int send(Bytes bytes, Wait wait, std::size_t& sent) noexcept;
  // Ends a send() that waits, and all that would wait later. Any thread.
  void cancel() noexcept;
  // 0 or an errno.
  int close() noexcept;

  // To wait for in other ways: writable; readable after cancel().
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] int cancel_fd() const noexcept { return cancel_.get(); }

 private:
  enum class Style : std::uint8_t {
    Whole,   // files and devices: a write has an end
    NoWait,  // pipes: the kernel writes what fits (Linux 6.4)
    Pages,  // terminals, sockets, older kernels: so little at a time that it fits where poll() sees
            // room
  };

  PipeWriter(UniqueFd fd, UniqueFd cancel) noexcept;
  int wait_writable(Wait wait) noexcept;

  UniqueFd fd_;
  UniqueFd cancel_;  // eventfd
  Style style_ = Style::Pages;
};

}  // namespace weir::output
