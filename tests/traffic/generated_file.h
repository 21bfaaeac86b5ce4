// A generated capture in a directory of the test's own, with its summary.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "run.h"
#include "support/temp_dir.h"

namespace weir::traffic {

inline std::string read_whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class GeneratedFile {
 public:
  // Words of the command line besides the outputs.
  explicit GeneratedFile(std::vector<std::string> words) {
    words.insert(words.end(), {"-w", path(), "--summary", directory_.file("summary.json")});
    std::vector<const char*> arguments;
    for (const std::string& word : words) arguments.push_back(word.c_str());
    const auto options = parse_options(arguments);
    EXPECT_TRUE(options.ok()) << (options.ok() ? "" : options.error().context);
    if (!options) return;
    const auto line = run(*options);
    EXPECT_TRUE(line.ok()) << (line.ok() ? "" : line.error().context);
    summary_ = read_whole(directory_.file("summary.json"));
  }

  [[nodiscard]] std::string path() const { return directory_.file("traffic.pcap"); }
  [[nodiscard]] std::string bytes() const { return read_whole(path()); }
  // The integer behind the first `"key": ` of the summary.
  [[nodiscard]] std::uint64_t number(std::string_view key) const { return find(key, 0); }
  // The count of packets that match; names of encapsulations stand before, under the same keys.
  [[nodiscard]] std::uint64_t expression(std::string_view text) const {
    return find(text, summary_.find("\"expressions\""));
  }

 private:
  [[nodiscard]] std::uint64_t find(std::string_view key, std::size_t from) const {
    const std::string text = '"' + std::string(key) + "\": ";
    const std::size_t found = summary_.find(text, from);
    EXPECT_NE(found, std::string::npos) << key << " is not in the summary";
    if (found == std::string::npos) return 0;
    std::uint64_t value = 0;
    std::from_chars(summary_.data() + found + text.size(), summary_.data() + summary_.size(),
                    value);
    return value;
  }

  test::TempDir directory_;
  std::string summary_;
};

}  // namespace weir::traffic
