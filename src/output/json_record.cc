#include "output/json_record.h"

#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <variant>

#include "base/assert.h"
#include "output/address_text.h"
#include "output/json_text.h"

namespace weir::output {
namespace {

constexpr std::size_t kNumberMax = 24;  // characters of a count, or of a double at its shortest

// Writes the values of one line; the end goes from one to the next.
class LineWriter {
 public:
  explicit LineWriter(char* out) noexcept : end_(out) {}

  [[nodiscard]] char* end() const noexcept { return end_; }

  void put(char character) noexcept { *end_++ = character; }
  void put(std::string_view text) noexcept {
    std::memcpy(end_, text.data(), text.size());
    end_ += text.size();
  }

  void operator()(protocol::Absent) noexcept { WEIR_DEBUG_ASSERT(false); }
  void operator()(Timestamp time) noexcept { put_seconds(time.ns); }
  void operator()(Duration interval) noexcept { put_seconds(interval.count()); }
  void operator()(std::uint64_t count) noexcept {
    end_ = std::to_chars(end_, end_ + kNumberMax, count).ptr;
  }
  void operator()(double number) noexcept {
    char* const begin = end_;
    end_ = std::to_chars(begin, begin + kNumberMax, number).ptr;
    // A reader that guesses types by the first line shall not take it for a whole number.
    const std::string_view text(begin, static_cast<std::size_t>(end_ - begin));
    if (text.find_first_of(".en") == text.npos) put(".0");
  }
  void operator()(bool yes) noexcept { put(yes ? "true" : "false"); }
  void operator()(const protocol::Address& address) noexcept {
    put('"');
    end_ = write_address(end_, address.ip, address.ip_version);
    put('"');
  }
  void operator()(std::string_view text) noexcept { end_ = write_json_string(end_, text); }
  void operator()(const protocol::Uid& uid) noexcept {
    put('"');
    put(protocol::text_of(uid).view());
    put('"');
  }
  void operator()(std::span<const protocol::Uid> uids) noexcept {
    char before = '[';
    for (const protocol::Uid& uid : uids) {
      put(before);
      (*this)(uid);
      before = ',';
    }
    put(']');
  }

 private:
  void put_digits(std::uint64_t number, std::size_t digits) noexcept {
    for (std::size_t i = digits; i > 0; --i) {
      end_[i - 1] = static_cast<char>('0' + number % 10);
      number /= 10;
    }
    end_ += digits;
  }
  void put_seconds(std::int64_t ns) noexcept {
    constexpr std::uint64_t kSecond = 1'000'000'000;
    constexpr std::uint64_t kMicrosecond = 1'000;
    // Magnitude by unsigned arithmetic: the smallest value has no positive twin.
    auto magnitude = static_cast<std::uint64_t>(ns);
    if (ns < 0) {
      put('-');
      magnitude = 0 - magnitude;
    }
    (*this)(magnitude / kSecond);
    put('.');
    const std::uint64_t below = magnitude % kSecond;
    if (below % kMicrosecond == 0) {
      put_digits(below / kMicrosecond, 6);
    } else {
      put_digits(below, 9);
    }
  }

  char* end_;
};

}  // namespace

std::size_t write_json_line(std::span<char> out, const protocol::Record& record,
                            protocol::RecordContext& context) {
  WEIR_ASSERT(out.size() >= kJsonLineMax);
  LineWriter line(out.data());
  char before = '{';
  for (const protocol::Field& field : protocol::schema_of(protocol::log_of(record)).fields) {
    const protocol::Value value = field.get(record, context);
    if (std::holds_alternative<protocol::Absent>(value)) continue;
    line.put(before);
    line.put('"');
    line.put(field.name);  // names need no escapes: record_schema_test.cc
    line.put("\":");
    std::visit(line, value);
    before = ',';
  }
  line.put("}\n");
  return static_cast<std::size_t>(line.end() - out.data());
}

}  // namespace weir::output
