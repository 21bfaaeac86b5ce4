// docs/errors.md has one row for every error code and every reason, with the class of the code, and
// no other row.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/reasons.h"

namespace weir {
namespace {

using Cells = std::vector<std::string>;

// The cells of one table row, trimmed.
Cells split(std::string_view line) {
  Cells cells;
  for (std::size_t at = 1; at < line.size();) {
    const std::size_t end = std::min(line.find('|', at), line.size());
    std::string_view cell = line.substr(at, end - at);
    while (cell.starts_with(' ')) cell.remove_prefix(1);
    while (cell.ends_with(' ')) cell.remove_suffix(1);
    cells.emplace_back(cell);
    at = end + 1;
  }
  return cells;
}

// The rows under "## HEADING": those whose first cell is a name in backticks, without these.
std::vector<Cells> rows_under(std::string_view heading) {
  const char* root = std::getenv("WEIR_SOURCE_DIR");
  EXPECT_NE(root, nullptr) << "run by ctest, or set WEIR_SOURCE_DIR";
  std::vector<Cells> rows;
  std::ifstream file(std::string(root != nullptr ? root : ".") + "/docs/errors.md");
  std::string line;
  bool inside = false;
  while (std::getline(file, line)) {
    if (line.starts_with("## ")) inside = line.substr(3) == heading;
    if (!inside || !line.starts_with("| `")) continue;
    Cells cells = split(line);
    cells[0] = cells[0].substr(1, cells[0].size() - 2);
    rows.push_back(std::move(cells));
  }
  return rows;
}

std::vector<std::string> names_of(const std::vector<Cells>& rows) {
  std::vector<std::string> names;
  for (const Cells& row : rows) names.push_back(row[0]);
  return names;
}

template <typename Reason>
std::vector<std::string> reasons_from(std::size_t first) {
  std::vector<std::string> names;
  for (std::size_t i = first; i < kReasonCount<Reason>; ++i) {
    names.emplace_back(name_of(static_cast<Reason>(i)));
  }
  return names;
}

std::string_view word_of(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::Usage:
      return "usage";
    case ErrorClass::Permission:
      return "permission";
    case ErrorClass::Input:
      return "input";
    case ErrorClass::Environment:
      return "environment";
    case ErrorClass::Bug:
      return "bug";
  }
  return "";
}

TEST(ErrorsDocument, HasEveryErrorCodeWithItsClassInTheOrderOfTheEnum) {
  const std::vector<Cells> rows = rows_under("Error codes");
  std::vector<std::string> codes;
  for (const ErrorInfo& info : error_table()) codes.emplace_back(info.name);
  ASSERT_EQ(names_of(rows), codes);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(rows[i].size(), 4u) << rows[i][0];
    EXPECT_EQ(rows[i][1], word_of(error_table()[i].error_class)) << rows[i][0];
  }
}

TEST(ErrorsDocument, HasEveryReasonInTheOrderOfItsEnum) {
  EXPECT_EQ(names_of(rows_under("Reject reasons")), reasons_from<RejectReason>(0));
  EXPECT_EQ(names_of(rows_under("Drop reasons")), reasons_from<DropReason>(0));
  EXPECT_EQ(names_of(rows_under("Malformed reasons")), reasons_from<MalformedReason>(1))
      << "None is no reason";
  EXPECT_EQ(names_of(rows_under("Lost reasons")), reasons_from<LostReason>(0));
}

TEST(ErrorsDocument, SaysWhatEachReasonMeansAndWhoMustAct) {
  for (const char* heading :
       {"Reject reasons", "Drop reasons", "Malformed reasons", "Lost reasons"}) {
    for (const Cells& row : rows_under(heading)) {
      ASSERT_EQ(row.size(), 3u) << row[0];
      EXPECT_FALSE(row[1].empty() || row[2].empty()) << row[0];
    }
  }
}

}  // namespace
}  // namespace weir
