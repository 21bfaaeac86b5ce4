#include "control/http_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace weir::control {
namespace {

constexpr std::size_t kMethodBytesMax = 32;
constexpr std::size_t kTargetBytesMax = 8000;
constexpr std::size_t kChunkLineBytesMax = 256;
constexpr std::size_t kEmptyLinesMax = 4;  // before a request line
constexpr std::size_t kSegmentsMax = 32;
constexpr std::size_t kParametersMax = 64;

constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr bool is_token_char(char c) {
  return is_alpha(c) || is_digit(c) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_char);
}

// Text, blanks and tabs: no control characters.
bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), to_lower);
  return result;
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<int> hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// Percent-decoded; empty: not well formed, or a control character came out.
std::optional<std::string> decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const auto high = hex_digit(text[i + 1]);
      const auto low = hex_digit(text[i + 2]);
      if (!high || !low) return std::nullopt;
      c = static_cast<char>(*high * 16 + *low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    out += c;
  }
  return out;
}

// The text up to the first `separator`, which is taken away with it.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view front = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return front;
}

enum class Seen : std::uint8_t { Never, Once, Differing };

// One value, however often it is repeated.
Seen single_value(const HttpFields& fields, std::string_view name, std::string_view& value) {
  Seen seen = Seen::Never;
  for (const auto& [key, text] : fields) {
    if (key != name) continue;
    if (seen == Seen::Once && text != value) return Seen::Differing;
    value = text;
    seen = Seen::Once;
  }
  return seen;
}

}  // namespace

void HttpParser::refuse(int status, std::string_view why) noexcept {
  fault_ = {.status = status, .why = why};
}

bool HttpParser::take_expectation() noexcept { return std::exchange(expects_, false); }

HttpParser::State HttpParser::feed(std::string_view bytes, std::size_t& taken) {
  const std::size_t given = bytes.size();
  while (step(bytes)) {
  }
  taken = given - bytes.size();
  if (fault_.status != 0) return State::Bad;
  return part_ == Part::End ? State::Complete : State::NeedsMore;
}

bool HttpParser::step(std::string_view& bytes) {
  if (fault_.status != 0 || part_ == Part::End) return false;
  if (part_ == Part::Body || part_ == Part::Chunk) {
    if (bytes.empty()) return false;
    take_body(bytes, part_ == Part::Body ? Part::End : Part::ChunkEnd);
    return true;
  }
  std::string line;
  if (!take_line(bytes, line)) return false;
  switch (part_) {
    case Part::Line:
      // A few empty lines before a request are a habit of old clients.
      if (!line.empty()) {
        request_line(line);
        part_ = Part::Fields;
      } else if (head_bytes_ > 2 * kEmptyLinesMax) {
        refuse(400, "there are empty lines where a request line should be");
      }
      return true;
    case Part::Fields:
      line.empty() ? end_of_fields() : field(line);
      return true;
    case Part::ChunkSize:
      chunk_size(line);
      return true;
    case Part::ChunkEnd:
      if (!line.empty()) refuse(400, "a chunk is longer than it says");
      part_ = Part::ChunkSize;
      return true;
    case Part::Trailers:
      if (line.empty()) part_ = Part::End;
      return true;
    default:
      return false;
  }
}

// A line ends in CR LF, and has neither inside.
bool HttpParser::take_line(std::string_view& bytes, std::string& line) {
  if (bytes.empty()) return false;
  begun_ = true;
  const std::size_t end = bytes.find('\n');
  const std::size_t length = end == std::string_view::npos ? bytes.size() : end + 1;
  const bool of_chunk = part_ == Part::ChunkSize || part_ == Part::ChunkEnd;
  if (of_chunk) {
    if (line_.size() + length > kChunkLineBytesMax) {
      refuse(400, "the line of a chunk's size is too long");
      return false;
    }
  } else {
    head_bytes_ += length;
    if (head_bytes_ > limits_.head_bytes_max) {
      part_ == Part::Line ? refuse(414, "the request line is too long")
                          : refuse(431, "the headers are too long");
      return false;
    }
  }
  line_ += bytes.substr(0, length);
  bytes.remove_prefix(length);
  if (end == std::string_view::npos) return false;
  if (line_.size() < 2 || line_[line_.size() - 2] != '\r') {
    refuse(400, "a line ends without a carriage return");
    return false;
  }
  line_.resize(line_.size() - 2);
  if (line_.find('\r') != std::string::npos || line_.find('\0') != std::string::npos) {
    refuse(400, "a line has a control character in it");
    return false;
  }
  line = std::exchange(line_, {});
  return true;
}

void HttpParser::request_line(std::string_view line) {
  const std::string_view method = take_until(line, ' ');
  const std::string_view wanted = take_until(line, ' ');
  if (!is_token(method) || method.size() > kMethodBytesMax) {
    return refuse(400, "the method is no word");
  }
  request_.method = method;
  if (line != "HTTP/1.1" && line != "HTTP/1.0") {
    return line.starts_with("HTTP/") ? refuse(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
                                     : refuse(400, "the request line is not METHOD PATH HTTP/1.1");
  }
  request_.minor_version = line == "HTTP/1.1" ? 1 : 0;
  target(wanted);
}

void HttpParser::target(std::string_view text) {
  if (text.size() > kTargetBytesMax) return refuse(414, "the path is too long");
  const bool printable = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!printable) return refuse(400, "the path has a character that must be percent-encoded");
  // A proxy's form: the authority does not matter here.
  if (lower(text.substr(0, 7)) == "http://") {
    text.remove_prefix(7);
    const std::size_t slash = text.find('/');
    text = slash == std::string_view::npos ? "/" : text.substr(slash);
  }
  if (!text.starts_with('/')) return refuse(400, "the path does not begin with a slash");
  if (text.find('#') != std::string_view::npos) return refuse(400, "the path has a fragment");
  path(take_until(text, '?'));
  if (fault_.status == 0) query(text);
}

void HttpParser::path(std::string_view text) {
  text.remove_prefix(1);
  while (!text.empty()) {
    const std::string_view raw = take_until(text, '/');
    auto segment = decode(raw);
    if (!segment || segment->find('/') != std::string::npos) {
      return refuse(400, "the path is not well encoded");
    }
    if (segment->empty() || *segment == "." || *segment == "..") {
      return refuse(400, "the path has an empty segment, or one of dots");
    }
    if (request_.path.size() == kSegmentsMax) return refuse(414, "the path has too many segments");
    request_.path.push_back(std::move(*segment));
  }
}

void HttpParser::query(std::string_view text) {
  while (!text.empty()) {
    std::string_view value = take_until(text, '&');
    if (value.empty()) continue;
    auto name = decode(take_until(value, '='));
    auto content = decode(value);
    if (!name || !content) return refuse(400, "a parameter is not well encoded");
    const bool repeated = std::ranges::any_of(
        request_.query, [&](const auto& parameter) { return parameter.first == *name; });
    if (repeated) return refuse(400, "a parameter is given twice");
    if (request_.query.size() == kParametersMax)
      return refuse(414, "there are too many parameters");
    request_.query.emplace_back(std::move(*name), std::move(*content));
  }
}

void HttpParser::field(std::string_view line) {
  if (request_.headers.size() == limits_.fields_max) {
    return refuse(431, "there are too many headers");
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return refuse(400, "a header has no colon");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_token(name)) return refuse(400, "the name of a header is no word");
  if (!is_field_value(value)) return refuse(400, "a header has a control character in it");
  request_.headers.emplace_back(lower(name), value);
}

void HttpParser::end_of_fields() {
  const auto hosts = std::ranges::count_if(request_.headers,
                                           [](const auto& field) { return field.first == "host"; });
  if (hosts > 1) return refuse(400, "there is more than one Host header");
  if (hosts == 0 && request_.minor_version == 1) return refuse(400, "the Host header is missing");
  connection();
  body_length();
  if (fault_.status != 0 || part_ == Part::End) return;
  const std::string* expectation = request_.header("expect");
  if (expectation == nullptr || request_.minor_version == 0) return;
  if (lower(*expectation) != "100-continue") {
    return refuse(417, "the only expectation that is known is 100-continue");
  }
  expects_ = true;
}

void HttpParser::connection() {
  request_.keep_alive = request_.minor_version == 1;
  for (const auto& [name, value] : request_.headers) {
    if (name != "connection") continue;
    for (std::string_view rest = value; !rest.empty();) {
      const std::string option = lower(trim(take_until(rest, ',')));
      if (option == "close") {
        request_.keep_alive = false;
        return;
      }
      if (option == "keep-alive") request_.keep_alive = true;
    }
  }
}

void HttpParser::body_length() {
  std::string_view coding;
  const Seen coded = single_value(request_.headers, "transfer-encoding", coding);
  std::string_view length;
  const Seen sized = single_value(request_.headers, "content-length", length);
  if (coded != Seen::Never) {
    if (sized != Seen::Never || request_.minor_version == 0) {
      return refuse(400, "the length of the body is said in two ways");
    }
    if (coded == Seen::Differing || lower(coding) != "chunked") {
      return refuse(501, "the only transfer coding that is known is chunked");
    }
    part_ = Part::ChunkSize;
    return;
  }
  part_ = Part::End;
  if (sized == Seen::Never) return;
  if (sized == Seen::Differing || length.empty() || !std::ranges::all_of(length, is_digit)) {
    return refuse(400, "Content-Length is no number");
  }
  const auto [end, error] =
      std::from_chars(length.data(), length.data() + length.size(), body_left_);
  if (error != std::errc() || body_left_ > limits_.body_bytes_max) {
    return refuse(413, "the body is too long");
  }
  if (body_left_ > 0) part_ = Part::Body;
}

void HttpParser::take_body(std::string_view& bytes, Part next) {
  const std::size_t length = std::min(bytes.size(), body_left_);
  request_.body += bytes.substr(0, length);
  bytes.remove_prefix(length);
  body_left_ -= length;
  if (body_left_ == 0) part_ = next;
}

void HttpParser::chunk_size(std::string_view line) {
  const std::string_view digits = trim(line.substr(0, line.find(';')));
  const char* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, body_left_, 16);
  if (error == std::errc::result_out_of_range) return refuse(413, "the body is too long");
  if (error != std::errc() || end != last) return refuse(400, "the size of a chunk is no number");
  if (body_left_ > limits_.body_bytes_max - request_.body.size()) {
    return refuse(413, "the body is too long");
  }
  part_ = body_left_ == 0 ? Part::Trailers : Part::Chunk;
}

}  // namespace weir::control
