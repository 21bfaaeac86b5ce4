// Writes JSON text, token by token, in the order in which it is told: for answers, events, logs and
// reports. (Reading JSON is control/json_reader.h.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace weir {

// The length of the UTF-8 sequence (RFC 3629) at the front of `text`, which is not empty; 0 when
// there is none.
std::size_t utf8_length(std::string_view text) noexcept;

// Appends `text` as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

// One thread. The caller keeps to the grammar: keys inside objects, values inside arrays.
//
//   JsonWriter json;
//   json.begin_object().field("name", "all").field("packets", 7u).end_object();
//   use(json.text());
class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool truth);
  JsonWriter& value(std::uint64_t number);
  JsonWriter& value(std::int64_t number);
  JsonWriter& value(std::uint32_t number) { return value(std::uint64_t{number}); }
  JsonWriter& value(std::int32_t number) { return value(std::int64_t{number}); }
  JsonWriter& value(double number);  // shortest form that reads back as itself; not finite: null
  JsonWriter& null();
  // JSON that somebody else has written.
  JsonWriter& raw(std::string_view json);

  template <typename T>
  JsonWriter& field(std::string_view name, const T& content) {
    return key(name).value(content);
  }

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  std::string take() { return std::move(text_); }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();

  std::string text_;
  bool first_ = true;       // of what is open
  bool after_key_ = false;  // the value of this key comes next
};

}  // namespace weir
