// Reads one HTTP/1.1 request from bytes that come in pieces (RFC 9112), strictly: what two readers
// might understand in two ways is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "control/http_message.h"

namespace weir::control {

struct HttpParserLimits {
  std::size_t head_bytes_max = 16 * 1024;  // request line, headers and trailers together
  std::size_t fields_max = 100;
  std::size_t body_bytes_max = 1024 * 1024;
};

// Why a request is refused; afterwards nobody knows where the next one would begin.
struct HttpFault {
  int status = 0;  // 0: none
  std::string_view why;
};

// One thread, one request; another one takes a new parser.
class HttpParser {
 public:
  explicit HttpParser(HttpParserLimits limits) noexcept : limits_(limits) {}

  enum class State : std::uint8_t { NeedsMore, Complete, Bad };
  // Takes from the front of `bytes` what belongs to this request, and says how much that was in
  // `taken`. Not called again once it is Complete or Bad.
  State feed(std::string_view bytes, std::size_t& taken);

  // Something of the request has come.
  [[nodiscard]] bool begun() const noexcept { return begun_; }
  // The client waits for "100 Continue" before it sends the body; true once.
  [[nodiscard]] bool take_expectation() noexcept;
  [[nodiscard]] const HttpFault& fault() const noexcept { return fault_; }
  // Of a complete request; of a bad one, as far as it was understood.
  [[nodiscard]] HttpRequest& request() noexcept { return request_; }

 private:
  enum class Part : std::uint8_t { Line, Fields, Body, ChunkSize, Chunk, ChunkEnd, Trailers, End };

  bool step(std::string_view& bytes);  // false: waits for more, or has ended
  bool take_line(std::string_view& bytes, std::string& line);
  void request_line(std::string_view line);
  void target(std::string_view text);
  void path(std::string_view text);
  void query(std::string_view text);
  void field(std::string_view line);
  void end_of_fields();
  void body_length();
  void connection();
  void take_body(std::string_view& bytes, Part next);
  void chunk_size(std::string_view line);
  void refuse(int status, std::string_view why) noexcept;

  HttpParserLimits limits_;
  HttpRequest request_;
  HttpFault fault_;
  Part part_ = Part::Line;
  std::string line_;            // as far as it has come
  std::size_t head_bytes_ = 0;  // so far
  std::size_t body_left_ = 0;   // of the body, or of its chunk
  bool begun_ = false;
  bool expects_ = false;
};

}  // namespace weir::control
