// Rows of Zeek's conn.log and tunnel.log and of weir's, in one form, and how they differ.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace weir::test {

// One row, as far as the flow layer can know it.
struct FlowRow {
  // All fields as "name=value" in the order of their names, but for those below.
  std::string fields;
  // Compared with a tolerance: Zeek computes times as doubles.
  std::optional<std::int64_t> duration_us;
  std::string uid;
  std::set<std::string> parents;  // uids; `fields` has their number
};

// What one of Zeek's own tests expects of a capture.
struct ZeekBaseline {
  std::string file, test, name, log, command;
  bool custom_script = false;
  std::set<std::string> compared;  // weir's names of the fields that the rows have
  std::vector<FlowRow> rows;

  // "core.erspan tunnel.log"
  [[nodiscard]] std::string title() const { return test + ' ' + name; }
  // `--checksums`, and the filter, empty for none, that the command asks for.
  [[nodiscard]] std::string checksums() const;
  [[nodiscard]] std::string filter() const;
};

// Those of conn.log and tunnel.log in the data set.
std::vector<ZeekBaseline> load_zeek_baselines();

// A line of weir's log as the baseline has it: only the fields that it compares.
FlowRow row_of_weir(const nlohmann::json& line, const ZeekBaseline& baseline);

struct RowDifference {
  std::vector<std::string> missing;  // Zeek's rows that weir has not
  std::vector<std::string> extra;
  // Rows that are the same and the only ones of their kind: Zeek's and weir's.
  std::vector<std::pair<const FlowRow*, const FlowRow*>> pairs;
};
RowDifference compare(const std::vector<FlowRow>& zeek, const std::vector<FlowRow>& weir);

// Uids are other words in each program, but name the same flows.
class UidPairs {
 public:
  // False: one of the two goes with another already.
  [[nodiscard]] bool add(const std::string& zeek, const std::string& weir);
  [[nodiscard]] bool add(const FlowRow& zeek, const FlowRow& weir);
  [[nodiscard]] std::size_t count() const { return to_weir_.size(); }

 private:
  std::map<std::string, std::string> to_weir_;
  std::map<std::string, std::string> to_zeek_;
};

}  // namespace weir::test
