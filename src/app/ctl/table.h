// Text for a terminal: aligned columns, and bytes of others made harmless.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace weir::app {

// Control characters, which could move the cursor or fake lines, become '?'; so does what is no
// UTF-8.
std::string printable(std::string_view text);

// Columns are as wide as their widest cell, with two blanks between; the last is not filled up.
class Table {
 public:
  enum class Align : std::uint8_t { Left, Right };
  struct Column {
    std::string title;
    Align align = Align::Left;
  };

  Table(std::initializer_list<Column> columns) : columns_(columns) {}

  // As many cells as columns. An empty cell is shown as "-".
  void add(std::vector<std::string> cells);
  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  // With its line of titles.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace weir::app
