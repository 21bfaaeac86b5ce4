// One connection of the HTTP server, and how its bytes go out. Whoever has it in hand (the waiting
// thread, a worker, a stream) has it alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "control/http_message.h"
#include "control/http_parser.h"
#include "control/http_stream.h"
#include "control/peer.h"

namespace weir::control {

struct HttpConnection {
  enum class State : std::uint8_t {
    Reading,    // a request comes, or none yet
    Working,    // a worker has it
    Writing,    // the rest of an answer goes out
    Streaming,  // a stream has it
    Draining,   // answered and closed by us; what still comes is thrown away
  };

  HttpConnection(UniqueFd socket, Principal peer, HttpParserLimits limits)
      : fd(std::move(socket)), principal(std::move(peer)), parser(limits) {}

  UniqueFd fd;
  Principal principal;
  State state = State::Reading;
  HttpParser parser;
  std::string in;  // came, and is not parsed yet
  std::string out;
  std::size_t out_sent = 0;
  bool close_after = false;  // the answer
  bool counted = false;      // among the connections that have a limit
  bool chunked = true;       // how a stream goes out
  MonotonicTime deadline{};  // of the state
  MonotonicTime whole{};     // when the request was
  std::unique_ptr<HttpStream> stream;
  std::thread stream_thread;

  enum class Sent : std::uint8_t { All, Part, Failed };
  // As much of `out` as the system takes without waiting.
  Sent send_some() noexcept;
};

// Writes a stream's answer to its client.
class ConnectionWriter final : public StreamWriter {
 public:
  // `stop_fd` becomes readable when the server stops; `end_fd` is that of the stream.
  ConnectionWriter(HttpConnection& connection, int stop_fd, int end_fd, Duration stall_max,
                   const Clock& clock, bool chunked) noexcept
      : connection_(connection),
        stop_fd_(stop_fd),
        end_fd_(end_fd),
        stall_max_(stall_max),
        clock_(clock),
        chunked_(chunked) {}

  [[nodiscard]] bool write(std::string_view bytes) override;
  [[nodiscard]] Wake wait(int fd, Duration timeout) override;
  // Tells the client that the answer is whole; waits for it as write() does, but not where that has
  // said that there is nobody.
  void finish() noexcept;

 private:
  bool flush();
  bool wait_writable(MonotonicTime until) const noexcept;

  HttpConnection& connection_;
  int stop_fd_;
  int end_fd_;
  Duration stall_max_;
  const Clock& clock_;
  bool chunked_;
  bool gone_ = false;
};

}  // namespace weir::control
