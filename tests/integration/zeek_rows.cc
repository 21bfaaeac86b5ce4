#include "integration/zeek_rows.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "support/data_set.h"

namespace weir::test {
namespace {

using nlohmann::json;

// What needs analyzers of applications, or link-layer addresses, or names the moment or the writer.
bool is_compared(const std::string& field) {
  static const std::set<std::string> kOthers = {
      "ts",  "service",  "speculative_service", "orig_l2_addr", "resp_l2_addr",
      "uid", "duration", "tunnel_parents"};
  return !kOthers.contains(field) && !field.starts_with('_');
}

// Some of Zeek's tests write fields under other names.
std::string usual_name(const std::string& field) {
  static const std::map<std::string, std::string> kNames = {
      {"id_orig_h", "id.orig_h"}, {"id_orig_p", "id.orig_p"}, {"id_resp_h", "id.resp_h"},
      {"id_resp_p", "id.resp_p"}, {"src", "id.orig_h"},       {"src_port", "id.orig_p"},
      {"dst", "id.resp_h"},       {"dst_port", "id.resp_p"}};
  const auto found = kNames.find(field);
  return found == kNames.end() ? field : found->second;
}

std::string joined(const std::map<std::string, std::string>& fields) {
  std::string out;
  for (const auto& [name, value] : fields) out += name + '=' + value + ' ';
  return out;
}

std::string text_of(const json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "T" : "F";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::int64_t microseconds(double seconds) { return std::llround(seconds * 1e6); }

std::set<std::string> elements_of(const std::string& set) {
  std::set<std::string> elements;
  std::istringstream in(set);
  for (std::string element; std::getline(in, element, ',');) elements.insert(element);
  return elements;
}

FlowRow row_of_zeek(const json& names, const json& cells) {
  FlowRow row;
  std::map<std::string, std::string> fields;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string name = usual_name(names[i]);
    const auto value = cells[i].get<std::string>();
    if (value == "-") continue;
    if (name == "uid") row.uid = value;
    if (name == "duration") row.duration_us = microseconds(std::stod(value));
    if (name == "tunnel_parents" && value != "(empty)") row.parents = elements_of(value);
    if (is_compared(name)) fields[name] = value;
  }
  row.fields = joined(fields) + "parents=" + std::to_string(row.parents.size());
  return row;
}

// A run of Zeek that does not count packets leaves their fields out of all rows.
void leave_out_counts_nobody_made(std::set<std::string>& compared, const json& object) {
  static const std::set<std::string> kCounts = {"orig_pkts", "orig_ip_bytes", "resp_pkts",
                                                "resp_ip_bytes"};
  const json& fields = object["fields"];
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const bool unset =
        std::ranges::all_of(object["rows"], [i](const json& row) { return row[i] == "-"; });
    if (unset && kCounts.contains(fields[i])) compared.erase(fields[i]);
  }
}

// What stands in quotes behind `option`.
std::string quoted_after(const std::string& command, const std::string& option) {
  const std::size_t at = command.find(option);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + option.size();
  const std::size_t end = command.find(command[begin], begin + 1);
  return command.substr(begin + 1, end - begin - 1);
}

std::string described(const FlowRow& row) {
  return row.fields +
         (row.duration_us ? " duration_us=" + std::to_string(*row.duration_us) : std::string());
}

bool same_duration(const FlowRow& a, const FlowRow& b) {
  if (a.duration_us.has_value() != b.duration_us.has_value()) return false;
  return !a.duration_us || std::abs(*a.duration_us - *b.duration_us) <= 1;
}

std::map<std::string, std::vector<const FlowRow*>> by_fields(const std::vector<FlowRow>& rows) {
  std::map<std::string, std::vector<const FlowRow*>> groups;
  for (const FlowRow& row : rows) groups[row.fields].push_back(&row);
  for (auto& [fields, group] : groups) {
    std::ranges::sort(group, {}, [](const FlowRow* row) { return row->duration_us; });
  }
  return groups;
}

// Both sorted by duration: what goes together goes in order.
void match(const std::vector<const FlowRow*>& zeek, const std::vector<const FlowRow*>& weir,
           RowDifference& out) {
  if (zeek.size() == 1 && weir.size() == 1 && same_duration(*zeek[0], *weir[0])) {
    out.pairs.emplace_back(zeek[0], weir[0]);
    return;
  }
  std::size_t z = 0;
  std::size_t w = 0;
  while (z < zeek.size() || w < weir.size()) {
    if (z < zeek.size() && w < weir.size() && same_duration(*zeek[z], *weir[w])) {
      ++z;
      ++w;
    } else if (w == weir.size() ||
               (z < zeek.size() && zeek[z]->duration_us < weir[w]->duration_us)) {
      out.missing.push_back(described(*zeek[z++]));
    } else {
      out.extra.push_back(described(*weir[w++]));
    }
  }
}

}  // namespace

std::string ZeekBaseline::checksums() const {
  const bool ignored =
      command.find(" -C ") != std::string::npos || command.find(" -Cr ") != std::string::npos;
  return ignored ? "ignore" : "verify";
}

std::string ZeekBaseline::filter() const {
  const std::string filter = quoted_after(command, " -f ");
  return filter.empty() ? quoted_after(command, "PacketFilter::restricted_filter=") : filter;
}

std::vector<ZeekBaseline> load_zeek_baselines() {
  std::vector<ZeekBaseline> baselines;
  std::ifstream in(data_set_dir() / "zeek/baseline.jsonl");
  for (std::string line; std::getline(in, line);) {
    const json object = json::parse(line);
    const std::string log = object["log"];
    if (log != "conn" && log != "tunnel") continue;
    ZeekBaseline baseline{.file = object["file"],
                          .test = object["test"],
                          .name = object["baseline"],
                          .log = log,
                          .command = object["command"],
                          .custom_script = object["custom_script"],
                          .compared = {},
                          .rows = {}};
    for (const json& field : object["fields"]) baseline.compared.insert(usual_name(field));
    leave_out_counts_nobody_made(baseline.compared, object);
    for (const json& row : object["rows"]) {
      baseline.rows.push_back(row_of_zeek(object["fields"], row));
    }
    baselines.push_back(std::move(baseline));
  }
  return baselines;
}

FlowRow row_of_weir(const json& line, const ZeekBaseline& baseline) {
  FlowRow row;
  std::map<std::string, std::string> fields;
  for (const auto& [name, value] : line.items()) {
    if (!baseline.compared.contains(name)) continue;
    if (name == "uid") row.uid = value;
    if (name == "duration") row.duration_us = microseconds(value);
    if (name == "tunnel_parents") row.parents = value.get<std::set<std::string>>();
    if (is_compared(name)) fields[name] = text_of(value);
  }
  row.fields = joined(fields) + "parents=" + std::to_string(row.parents.size());
  return row;
}

RowDifference compare(const std::vector<FlowRow>& zeek, const std::vector<FlowRow>& weir) {
  const auto of_zeek = by_fields(zeek);
  const auto of_weir = by_fields(weir);
  RowDifference difference;
  for (const auto& [fields, group] : of_zeek) {
    const auto found = of_weir.find(fields);
    match(group, found == of_weir.end() ? std::vector<const FlowRow*>{} : found->second,
          difference);
  }
  for (const auto& [fields, group] : of_weir) {
    if (!of_zeek.contains(fields)) match({}, group, difference);
  }
  return difference;
}

bool UidPairs::add(const std::string& zeek, const std::string& weir) {
  const auto [to_weir, new_zeek] = to_weir_.emplace(zeek, weir);
  const auto [to_zeek, new_weir] = to_zeek_.emplace(weir, zeek);
  return to_weir->second == weir && to_zeek->second == zeek;
}

bool UidPairs::add(const FlowRow& zeek, const FlowRow& weir) {
  if (!add(zeek.uid, weir.uid)) return false;
  if (zeek.parents.size() == 1) return add(*zeek.parents.begin(), *weir.parents.begin());
  // Of several, those that are known must be there.
  return std::ranges::all_of(zeek.parents, [&](const std::string& parent) {
    const auto known = to_weir_.find(parent);
    return known == to_weir_.end() || weir.parents.contains(known->second);
  });
}

}  // namespace weir::test
