// HTTP/1.1 on a Unix socket and, for metrics, on a loopback port.
//
// One thread waits for all connections: it accepts, reads, and writes what a client takes slowly,
// so that a slow client holds no thread. A request goes to one of a few workers once it is whole. A
// stream has a thread of its own, of which there are so many and no more. Everything has a bound:
// HttpLimits.
//
// (httplib's server reads from the thread that answers, so that as many slow clients as it has
// threads block all others; it is not used.)
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "control/http_message.h"
#include "control/peer.h"

namespace weir::control {

struct HttpLimits {
  std::size_t connections_max = 64;  // beside streams; one more is answered 503 and closed
  std::size_t head_bytes_max = 16 * 1024;
  std::size_t fields_max = 100;  // header lines
  std::size_t body_bytes_max = 1024 * 1024;
  std::size_t workers = 8;
  std::size_t streams_max = 32;
  Duration request_deadline = std::chrono::seconds(10);   // from its first byte to its last
  Duration idle_max = std::chrono::seconds(30);           // between requests
  Duration response_deadline = std::chrono::seconds(10);  // until the client has taken it
  Duration stream_stall_max = std::chrono::seconds(30);   // while a stream's client takes nothing
};

struct HttpCounts {
  std::uint64_t connections = 0;  // now, without streams
  std::uint64_t streams = 0;      // now
  std::uint64_t accepted = 0;
  std::uint64_t refused_connections = 0;  // there were too many
  std::uint64_t refused_streams = 0;      // there were too many
  std::uint64_t bad_requests = 0;         // refused before a handler saw them
  std::uint64_t late_requests = 0;        // not whole by their deadline
  std::uint64_t late_responses = 0;       // not taken by their deadline
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // From a worker's thread; several at a time.
  virtual HttpResponse handle(const HttpRequest& request, const Principal& principal) = 0;
  // Once per request after its answer has begun to go out; also for requests that never reached
  // handle(), whose tag is 0.
  virtual void answered(std::size_t tag, int status, Duration took) noexcept = 0;
};

struct HttpServerOptions {
  std::string socket;                           // path of the Unix socket; empty: none
  std::string socket_group;                     // whose members may connect; empty: the owner only
  uid_t socket_owner = static_cast<uid_t>(-1);  // -1: this process's user
  std::string loopback;  // "127.0.0.1:9478", "[::1]:9478"; empty: none. Port 0: any free one
  HttpLimits limits;
};

class HttpServer {
 public:
  // Binds and listens; nobody is answered before start(). Errors: Exists for a socket on which
  // another process listens (which names it) or a file that is no socket, NotFound for its folder,
  // Usage for an address that is not of the loopback, or a group that is not there. `handler` and
  // `clock` outlive the server.
  static Result<std::unique_ptr<HttpServer>> open(const HttpServerOptions& options,
                                                  HttpHandler& handler, const Clock& clock);
  virtual ~HttpServer() = default;

  virtual Result<void> start() = 0;
  // Closes everything, waits for the requests that workers have in hand, and removes the socket's
  // file. Also by the destructor.
  virtual void stop() noexcept = 0;

  [[nodiscard]] virtual std::uint16_t loopback_port() const noexcept = 0;  // 0: none
  [[nodiscard]] virtual HttpCounts counts() const noexcept = 0;            // any thread
  virtual Result<void> set_socket_group(const std::string& group) = 0;     // any thread
};

}  // namespace weir::control
