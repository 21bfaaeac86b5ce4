#include "control/toml.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <utility>

// Errors are values, the parser is compiled here and nowhere else. Its assertions hold not for
// every text ("[" at the end of a line); behind them it finds the fault itself, as the fuzz target
// shows. Without this line they would abort, or be taken for granted by the optimiser.
#undef NDEBUG
// NOLINTBEGIN(readability-identifier-naming): the library's names
#define TOML_ASSERT(expr) static_assert(true)
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// NOLINTEND(readability-identifier-naming)
#include <toml++/toml.h>

namespace weir::control {
namespace {

constexpr std::array<std::string_view, 7> kKindNames = {
    "a table", "a list", "a string", "a whole number", "true or false", "a number", "a date"};

TomlPlace place_of(const toml::source_position& position) {
  return {.line = static_cast<std::uint32_t>(position.line),
          .column = static_cast<std::uint32_t>(position.column)};
}

// The library goes down into what is nested by recursion, also into dotted keys, of which it bounds
// nothing. This looks at the borders of tokens only; of a text that is no TOML it may think
// anything, up to the first fault, where the parser stops.
class Scan {
 public:
  Scan(std::string_view text, const TomlLimits& limits) : text_(text), limits_(limits) {}

  // What is beyond a limit, or nothing.
  std::optional<TomlError> run() {
    if (text_.starts_with("\xef\xbb\xbf")) i_ = 3;  // a byte order mark
    while (i_ < text_.size()) {
      if (auto error = step()) return error;
    }
    return std::nullopt;
  }

 private:
  std::optional<TomlError> step() {
    const char c = text_[i_];
    switch (c) {
      case '#':
        i_ = std::min(text_.find('\n', i_), text_.size());
        return std::nullopt;
      case '"':
      case '\'':
        return skip_string(c);
      case '\n':
        next_line();
        dots_ = 0;
        break;
      case '.':
        if (++dots_ > limits_.depth_max) return error("a key of too many parts");
        break;
      case '[':
      case '{':
        dots_ = 0;
        if (++depth_ > limits_.depth_max) return error("nested too deeply");
        break;
      case ']':
      case '}':
        dots_ = 0;
        depth_ -= depth_ > 0 ? 1 : 0;
        break;
      case '=':
      case ',':
        dots_ = 0;
        if (++values_ > limits_.values_max) return error("too many values");
        break;
      default:
        // The library's tables of letters are not to be asked about each of these.
        if (static_cast<unsigned char>(c) >= 0x80) {
          return error("a letter that must stand in quotes (only A-Z a-z 0-9 _ - need none)");
        }
        break;
    }
    ++i_;
    return std::nullopt;
  }

  // A string ends at its quote, and one of a single line at the latest with the line.
  std::optional<TomlError> skip_string(char quote) {
    const std::string triple(3, quote);
    const bool long_one = text_.substr(i_, 3) == triple;
    i_ += long_one ? 3 : 1;
    for (; i_ < text_.size(); ++i_) {
      if (text_[i_] == '\n') {
        if (!long_one) return std::nullopt;
        next_line();
      } else if (text_[i_] == '\\' && quote == '"') {
        if (auto fault = skip_escape()) return fault;
      } else if (!long_one && text_[i_] == quote) {
        ++i_;
        return std::nullopt;
      } else if (long_one && text_.substr(i_, 3) == triple) {
        i_ += 3;
        // Up to two quotes may stand before the closing ones.
        for (int more = 0; more < 2 && i_ < text_.size() && text_[i_] == quote; ++more) ++i_;
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  // Up to the last character of what a backslash escapes. An escaped end of line takes all blanks
  // after it away; the library's tables of letters are not to be asked what is one.
  std::optional<TomlError> skip_escape() {
    if (i_ + 1 == text_.size()) return std::nullopt;
    if (text_[i_ + 1] == '"' || text_[i_ + 1] == '\\') {
      ++i_;
      return std::nullopt;
    }
    const std::size_t end = text_.find_first_not_of(" \t\r\n", i_ + 1);
    if (end < text_.size() && static_cast<unsigned char>(text_[end]) >= 0x80) {
      return error("an escaped end of line before a letter that is not ASCII (join the lines)");
    }
    return std::nullopt;
  }

  // At a line feed.
  void next_line() {
    ++line_;
    line_begin_ = i_ + 1;
  }

  [[nodiscard]] TomlError error(const char* what) const {
    return {.place = {.line = line_, .column = static_cast<std::uint32_t>(i_ - line_begin_ + 1)},
            .message = what};
  }

  std::string_view text_;
  const TomlLimits& limits_;
  std::size_t i_ = 0;
  std::uint32_t line_ = 1;
  std::size_t line_begin_ = 0;
  std::size_t dots_ = 0;
  std::size_t depth_ = 0;
  std::size_t values_ = 0;
};

void convert(const toml::node& from, TomlNode& to);

void convert_table(const toml::table& from, TomlNode& to) {
  to.kind = TomlKind::Table;
  to.entries.reserve(from.size());
  for (const auto& [key, value] : from) {
    TomlEntry& entry = to.entries.emplace_back();
    entry.key = std::string(key.str());
    entry.place = place_of(key.source().begin);
    convert(value, entry.node);
  }
  // The library sorts keys by name, people by meaning.
  std::stable_sort(to.entries.begin(), to.entries.end(),
                   [](const TomlEntry& a, const TomlEntry& b) { return a.place < b.place; });
}

void convert(const toml::node& from, TomlNode& to) {
  to.place = place_of(from.source().begin);
  if (const auto* table = from.as_table()) {
    convert_table(*table, to);
  } else if (const auto* array = from.as_array()) {
    to.kind = TomlKind::Array;
    to.items.reserve(array->size());
    for (const toml::node& item : *array) convert(item, to.items.emplace_back());
  } else if (const auto* text = from.as_string()) {
    to.kind = TomlKind::String;
    to.text = text->get();
  } else if (const auto* integer = from.as_integer()) {
    to.kind = TomlKind::Integer;
    to.integer = integer->get();
  } else if (const auto* truth = from.as_boolean()) {
    to.kind = TomlKind::Bool;
    to.truth = truth->get();
  } else {
    to.kind = from.is_floating_point() ? TomlKind::Float : TomlKind::Date;
  }
}

}  // namespace

std::string_view name_of(TomlKind kind) noexcept {
  return kKindNames[static_cast<std::size_t>(kind)];
}

const TomlEntry* TomlNode::find(std::string_view key) const noexcept {
  for (const TomlEntry& entry : entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

std::variant<TomlNode, TomlError> parse_toml(std::string_view text, const TomlLimits& limits) {
  if (text.size() > limits.text_bytes_max) {
    return TomlError{.message = "longer than " + std::to_string(limits.text_bytes_max) + " bytes"};
  }
  if (auto error = Scan(text, limits).run()) return *std::move(error);
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return TomlError{.place = place_of(parsed.error().source().begin),
                     .message = std::string(parsed.error().description())};
  }
  TomlNode root;
  convert_table(parsed.table(), root);
  return root;
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          std::array<char, 8> escaped{};
          std::snprintf(escaped.data(), escaped.size(), "\\u%04X",
                        static_cast<unsigned>(static_cast<unsigned char>(c)));
          out += escaped.data();
        } else {
          out += c;
        }
    }
  }
  return out += '"';
}

}  // namespace weir::control
