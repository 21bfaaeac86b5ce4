// Answers that have no end of their own: events, packets.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/time.h"

namespace weir::control {

// How a stream reaches its client. Only the stream's own thread uses it, inside run().
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;
  // Returns once the system has taken all of it. False: the client is gone, has read nothing for
  // too long, or the server stops; then run() returns.
  [[nodiscard]] virtual bool write(std::string_view bytes) = 0;

  enum class Wake : std::uint8_t { Readable, TimedOut, Gone };
  // Until the descriptor is readable or closed by its writer, the time is over, or there is nobody
  // to write to.
  [[nodiscard]] virtual Wake wait(int fd, Duration timeout) = 0;
};

class HttpStream {
 public:
  virtual ~HttpStream() = default;
  // How the answer ends when run() returns. Cut: without the end of a whole one, by which its
  // client (of HTTP/1.1) knows that something is missing.
  enum class Ending : std::uint8_t { Whole, Cut };
  // On a thread of its own.
  virtual Ending run(StreamWriter& out) = 0;
  // Readable once the stream is to end although its client is there: the writer says then that
  // there is nobody. Negative: it never is.
  [[nodiscard]] virtual int end_fd() const noexcept { return -1; }
};

}  // namespace weir::control
