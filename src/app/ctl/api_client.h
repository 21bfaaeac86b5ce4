// A client of the control API: HTTP on the engine's Unix socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/time.h"

namespace weir::app {

struct ApiRequest {
  std::string method = "GET";
  std::string path;  // with its query, encoded
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct ApiAnswer {
  int status = 0;
  std::string content_type;
  std::string etag;
  std::string body;
};

// Takes an answer that has no end of its own.
class StreamReceiver {
 public:
  virtual ~StreamReceiver() = default;
  // Before begin(), where the bytes are the answer to a query: its id.
  virtual void is_query(std::uint64_t id) { (void)id; }
  // The engine has agreed and bytes will follow. False ends the stream.
  virtual bool begin() = 0;
  // False ends the stream.
  virtual bool receive(std::string_view bytes) = 0;
};

enum class StreamEnd {
  ByEngine,    // it said that this was all
  ByReceiver,  // it has had enough
  Quiet,       // nothing came for as long as it was to be waited
  Stopped,     // stop() was called
};

// One thread, but for stop(). Every request has a connection of its own.
class ApiClient {
 public:
  static constexpr std::size_t kAnswerBytesMax = std::size_t{64} * 1024 * 1024;

  // `socket` is the path. A request may take `patience` without a byte of an answer.
  ApiClient(std::string socket, Duration patience, const Clock& clock);
  ~ApiClient();
  ApiClient(const ApiClient&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;

  // Whatever the engine answered, refusals too. Errors: NotFound and Permission for the socket,
  // with what to do; TimedOut; Damaged for an answer that is not whole, or beyond kAnswerBytesMax.
  Result<ApiAnswer> ask(const ApiRequest& request);
  // The same, with an error for what the engine refuses: with its reason and its code.
  Result<ApiAnswer> call(const ApiRequest& request);
  // For an answer that goes on. Waits for bytes as long as it takes, or for `quiet` once it has
  // begun. Errors as call(), and Truncated for a stream that broke off.
  Result<StreamEnd> stream(const ApiRequest& request, StreamReceiver& receiver,
                           std::optional<Duration> quiet = std::nullopt);

  // Any thread: ends the request under way and all that follow.
  void stop() noexcept;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// "a b/c" → "a%20b%2Fc": one segment of a path, or a value of a query.
std::string url_encoded(std::string_view text);

}  // namespace weir::app
