// conn.log and tunnel.log against what Zeek's own tests expect of the same captures. Every row that
// differs is in zeek_differences.tsv, with a reason that docs/zeek-differences.md explains to
// users.
#include <iostream>
#include <sstream>

#include <gtest/gtest.h>

#include "integration/weir_logs.h"
#include "integration/zeek_rows.h"
#include "support/data_set.h"
#include "support/temp_dir.h"

namespace weir::test {
namespace {

// One row of the list: how many rows of which baseline differ, and why.
struct KnownDifference {
  std::string log, file, title;
  std::size_t missing = 0;
  std::size_t extra = 0;
  std::string reasons;  // separated by commas
};

std::filesystem::path source_dir() { return std::getenv("WEIR_SOURCE_DIR"); }

std::vector<KnownDifference> load_known_differences() {
  std::vector<KnownDifference> known;
  std::ifstream in(source_dir() / "tests/integration/zeek_differences.tsv");
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    std::vector<std::string> cells;
    std::istringstream cells_in(line);
    for (std::string cell; std::getline(cells_in, cell, '\t');) cells.push_back(cell);
    if (cells.size() != 6) {
      ADD_FAILURE() << "not six cells: " << line;
      continue;
    }
    known.push_back(
        {cells[0], cells[1], cells[2], std::stoul(cells[3]), std::stoul(cells[4]), cells[5]});
  }
  return known;
}

std::vector<std::string> reasons_of(const KnownDifference& difference) {
  std::vector<std::string> reasons;
  std::istringstream in(difference.reasons);
  for (std::string reason; std::getline(in, reason, ',');) reasons.push_back(reason);
  return reasons;
}

// Runs weir as the baseline's command ran Zeek, once for all that run it in the same way.
class Runs {
 public:
  std::vector<FlowRow> rows(const ZeekBaseline& baseline) {
    const std::string key = baseline.file + baseline.checksums() + baseline.filter();
    const auto [run, fresh] = runs_.try_emplace(key, dir_.file(std::to_string(runs_.size())));
    if (fresh) {
      std::vector<std::string> words = {"read",        (data_set_dir() / baseline.file).string(),
                                        "--logs",      run->second,
                                        "--checksums", baseline.checksums()};
      if (!baseline.filter().empty()) words.insert(words.end(), {"-f", baseline.filter()});
      const CommandResult result = run_weir(words);
      EXPECT_EQ(result.status, 0) << baseline.file << ": " << result.err;
    }
    std::vector<FlowRow> rows;
    for (const nlohmann::json& line : log_rows(run->second, baseline.log)) {
      rows.push_back(row_of_weir(line, baseline));
    }
    return rows;
  }

 private:
  TempDir dir_;
  std::map<std::string, std::string> runs_;  // to the directory of the logs
};

std::string all_of(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += "  " + line + '\n';
  return out;
}

// Also: uids are other words in each program, but they name the same flows and tunnels.
TEST(ZeekBaseline, EveryRowIsZeeksOrAKnownDifference) {
  WEIR_SKIP_WITHOUT_DATA();
  std::map<std::string, KnownDifference> known;
  for (const KnownDifference& row : load_known_differences()) known[row.file + row.title] = row;
  std::set<std::string> seen;
  // Zeek makes the same uids again in each run; conn.log and tunnel.log of a run share them.
  std::map<std::string, UidPairs> uids_by_run;
  Runs runs;
  std::size_t compared = 0;
  std::size_t equal = 0;
  for (const ZeekBaseline& baseline : load_zeek_baselines()) {
    const std::vector<FlowRow> weir = runs.rows(baseline);
    const RowDifference difference = compare(baseline.rows, weir);
    compared += baseline.rows.size();
    equal += baseline.rows.size() - difference.missing.size();
    UidPairs& uids = uids_by_run[baseline.file + baseline.test + baseline.command];
    for (const auto& [zeek, ours] : difference.pairs) {
      EXPECT_TRUE(uids.add(*zeek, *ours))
          << baseline.file << ' ' << baseline.title() << ": " << zeek->fields;
    }
    const std::string key = baseline.file + baseline.title();
    seen.insert(key);
    const KnownDifference& expected = known[key];
    EXPECT_TRUE(difference.missing.size() == expected.missing &&
                difference.extra.size() == expected.extra)
        << baseline.log << '\t' << baseline.file << '\t' << baseline.title() << '\t'
        << difference.missing.size() << '\t' << difference.extra.size() << "\nlisted "
        << expected.missing << ' ' << expected.extra << ' ' << expected.reasons << "\nZeek only:\n"
        << all_of(difference.missing) << "weir only:\n"
        << all_of(difference.extra);
  }
  for (const auto& [key, row] : known) {
    EXPECT_TRUE(seen.contains(key)) << "the data set has no " << row.file << ' ' << row.title;
    EXPECT_TRUE(row.reasons.empty() || row.missing + row.extra > 0) << row.file << ' ' << row.title;
  }
  std::size_t uids = 0;
  for (const auto& [run, pairs] : uids_by_run) uids += pairs.count();
  std::cout << equal << " of " << compared << " rows are Zeek's, " << uids << " uids go together\n";
  EXPECT_GE(compared, 1920u);
  EXPECT_GE(equal, 1889u);
  EXPECT_GE(uids, 490u);
}

// What stands in backquotes at the beginning of a row of the table below `heading`.
std::set<std::pair<std::string, std::string>> documented(const std::string& heading) {
  std::set<std::pair<std::string, std::string>> rows;
  std::ifstream in(source_dir() / "docs/zeek-differences.md");
  bool here = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("#")) here = line == heading;
    if (!here || !line.starts_with("| `")) continue;
    const std::size_t end = line.find('`', 3);
    const std::string reason = line.substr(3, end - 3);
    for (std::size_t at = line.find("`zeek/", end); at != std::string::npos;
         at = line.find("`zeek/", at + 1)) {
      rows.emplace(reason, line.substr(at + 1, line.find('`', at + 1) - at - 1));
    }
  }
  return rows;
}

TEST(ZeekBaseline, TheDocumentExplainsWhatIsListed) {
  std::set<std::pair<std::string, std::string>> listed;
  for (const KnownDifference& row : load_known_differences()) {
    for (const std::string& reason : reasons_of(row)) listed.emplace(reason, row.file);
  }
  EXPECT_FALSE(listed.empty());
  EXPECT_EQ(documented("## Seen in the rows of Zeek's tests"), listed);
}

}  // namespace
}  // namespace weir::test
