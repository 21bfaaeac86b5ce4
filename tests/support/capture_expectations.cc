#include "support/capture_expectations.h"

#include <fstream>
#include <limits>

#include <nlohmann/json.hpp>

#include "support/data_set.h"

namespace weir::test {
namespace {

nlohmann::json load(const char* name) {
  std::ifstream in(data_set_dir() / name);
  return nlohmann::json::parse(in);
}

// "1439902891.705224", exactly. Nothing where capinfos gave up on the time: absurd fractions come
// out of it as "1418145370.1000000" or "0.-2078753", and times before 1970 as seconds that no
// nanosecond count reaches.
std::optional<std::int64_t> nanoseconds(const nlohmann::json& row, const char* key) {
  constexpr std::int64_t kSecondsMax = std::numeric_limits<std::int64_t>::max() / 1'000'000'000 - 1;
  if (!row.contains(key) || !row[key].is_string()) return std::nullopt;
  const auto text = row[key].get<std::string>();
  const std::size_t dot = text.find('.');
  if (dot == std::string::npos || text.find_first_not_of("0123456789.") != std::string::npos)
    return std::nullopt;
  std::string fraction = text.substr(dot + 1);
  if (fraction.size() != 6 && fraction.size() != 9) return std::nullopt;
  fraction.resize(9, '0');
  const std::int64_t seconds = std::stoll(text.substr(0, dot));
  if (seconds > kSecondsMax) return std::nullopt;
  return seconds * 1'000'000'000 + std::stoll(fraction);
}

// capinfos does not know every link type; for us they are all the same.
bool complains_of_link_type(const nlohmann::json& row) {
  return row["error"].get<std::string>().find("network type") != std::string::npos;
}

}  // namespace

std::vector<CaptureExpectation> load_capture_expectations() {
  const auto capinfos = load("expected/capinfos.json")["files"];
  const auto counts = load("expected/filters.json")["counts"];
  const auto truth = load("derived/truth.json");
  std::vector<CaptureExpectation> expectations;
  const auto files = load("manifest.json")["files"];
  for (const auto& entry : files) {
    CaptureExpectation expected;
    expected.file = entry["file"];
    expected.damaged = entry.contains("damaged_at");
    if (capinfos.contains(expected.file)) {
      const auto& row = capinfos[expected.file];
      expected.damaged =
          expected.damaged || (row.contains("error") && !complains_of_link_type(row));
      if (row.contains("packets")) {
        expected.packets = row["packets"].get<std::uint64_t>();
        expected.packet_bytes = row["packet_bytes"].get<std::uint64_t>();
      }
      expected.first_ns = nanoseconds(row, "first");
      expected.last_ns = nanoseconds(row, "last");
    }
    if (!expected.packets && counts.contains(expected.file) &&
        counts[expected.file][0].is_number()) {
      expected.packets = counts[expected.file][0].get<std::uint64_t>();
    }
    if (truth.contains(expected.file))
      expected.may_fail = truth[expected.file]["packets"].is_null();
    expectations.push_back(std::move(expected));
  }
  return expectations;
}

}  // namespace weir::test
