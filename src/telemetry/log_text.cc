#include "telemetry/log_text.h"

#include <algorithm>
#include <array>

#include "base/json_writer.h"
#include "telemetry/text.h"

namespace weir::telemetry {
namespace {

constexpr std::array<std::string_view, 4> kLevels = {"ERROR", "WARNING", "INFO", "DEBUG"};

// What need not be quoted in a line of text: it has no space, sign or quote that a reader could
// stumble over.
bool is_bare(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '=';
  });
}

// The value as text: cut, clean, not quoted.
std::string plain_value(const LogValue& value) {
  std::string out;
  struct Append {
    std::string& out;
    void operator()(std::string_view text) const { append_clean(out, text, kLogValueMax); }
    void operator()(std::uint64_t number) const { append_number(out, number); }
    void operator()(std::int64_t number) const { append_number(out, number); }
    void operator()(double number) const { append_number(out, number); }
    void operator()(bool truth) const { out += truth ? "true" : "false"; }
  };
  std::visit(Append{out}, value.get());
  return out;
}

std::string text_line(const LogLine& line) {
  std::string out = rfc3339(line.time);
  out.append(" ").append(kLevels[static_cast<std::size_t>(line.level)]).append(" ");
  out.append(line.module).append(": ").append(line.message);
  for (const LogField& field : line.fields) {
    out.append(" ").append(field.key.get()).append("=");
    const std::string value = plain_value(field.value);
    if (is_bare(value))
      out += value;
    else
      append_quoted(out, value);
  }
  if (line.suppressed > 0) {
    out += " suppressed=";
    append_number(out, line.suppressed);
  }
  out += '\n';
  return out;
}

void write_json(JsonWriter& json, const LogValue& value) {
  if (std::holds_alternative<std::string_view>(value.get())) {
    std::string quoted;
    append_quoted(quoted, plain_value(value));
    json.raw(quoted);
    return;
  }
  struct Write {
    JsonWriter& json;
    void operator()(std::string_view text) const { json.value(text); }
    void operator()(std::uint64_t number) const { json.value(number); }
    void operator()(std::int64_t number) const { json.value(number); }
    void operator()(double number) const { json.value(number); }
    void operator()(bool truth) const { json.value(truth); }
  };
  std::visit(Write{json}, value.get());
}

std::string json_line(const LogLine& line) {
  JsonWriter json;
  json.begin_object();
  json.field("ts", std::string_view(rfc3339(line.time)));
  json.field("level", name_of(line.level));
  json.field("module", line.module);
  json.field("msg", line.message);
  for (const LogField& field : line.fields) {
    json.key(field.key.get());
    write_json(json, field.value);
  }
  if (line.suppressed > 0) json.field("suppressed", line.suppressed);
  json.end_object();
  return json.take() + '\n';
}

}  // namespace

std::string log_line(LogFormat format, const LogLine& line) {
  return format == LogFormat::Text ? text_line(line) : json_line(line);
}

}  // namespace weir::telemetry
