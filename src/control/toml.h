// TOML text as a tree with the place of everything in it. toml.cc is the only file that knows the
// library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"

namespace weir::control {

// Counted from 1; 0: nowhere.
struct TomlPlace {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  friend auto operator<=>(const TomlPlace&, const TomlPlace&) = default;
};

enum class TomlKind : std::uint8_t { Table, Array, String, Integer, Bool, Float, Date };
std::string_view name_of(TomlKind kind) noexcept;  // "a table", "a string"

struct TomlEntry;

struct TomlNode {
  TomlKind kind = TomlKind::Table;
  TomlPlace place;
  std::string text;                // String
  std::int64_t integer = 0;        // Integer
  bool truth = false;              // Bool
  std::optional<Timestamp> time;   // Date, where it is a point in time: with an offset or Z
  std::vector<TomlEntry> entries;  // Table, in the order of the text
  std::vector<TomlNode> items;     // Array

  // Of a table: the value of `key`, or none.
  [[nodiscard]] const TomlEntry* find(std::string_view key) const noexcept;
};

struct TomlEntry {
  std::string key;
  TomlPlace place;  // of the key
  TomlNode node;
};

struct TomlError {
  TomlPlace place;
  std::string message;
};

// What is beyond these is refused before it is parsed.
struct TomlLimits {
  std::size_t text_bytes_max = 16 * 1024 * 1024;
  std::size_t values_max = 1'000'000;  // keys, values and elements together, roughly
  std::size_t depth_max = 12;          // of brackets, and of dots in one key
};

// The root table, or the first fault of the text. One thread a call; no state.
std::variant<TomlNode, TomlError> parse_toml(std::string_view text, const TomlLimits& limits = {});

// `text` as a TOML string with its quotes.
std::string toml_string(std::string_view text);

}  // namespace weir::control
