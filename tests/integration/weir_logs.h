// What `weir read --logs` wrote, line by line.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "integration/pcap_bytes.h"
#include "integration/weir_command.h"

namespace weir::test {

using Rows = std::vector<nlohmann::json>;

// The lines of one log, those of conn_long.log apart; none when there is no such file. A line that
// is not JSON is a row of its own kind: `is_discarded()`.
inline Rows log_rows(const std::filesystem::path& directory, const std::string& log) {
  Rows rows;
  std::ifstream in(directory / (log + ".log"));
  for (std::string line; std::getline(in, line);) {
    rows.push_back(nlohmann::json::parse(line, nullptr, false));
  }
  return rows;
}

// All logs of a directory as they lie there, by file name.
inline std::map<std::string, std::string> log_files(const std::filesystem::path& directory) {
  std::map<std::string, std::string> files;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    files[entry.path().filename().string()] = read_file(entry.path().string());
  }
  return files;
}

// The text of logs without what a store that was written beside them adds: `store_ref`.
inline std::map<std::string, std::string> without_refs(std::map<std::string, std::string> logs) {
  for (auto& [file, text] : logs) {
    const std::string name = ",\"store_ref\":\"";
    for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
      text.erase(at, text.find('"', at + name.size()) + 1 - at);
    }
  }
  return logs;
}

}  // namespace weir::test
