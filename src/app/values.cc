#include "app/values.h"

#include <algorithm>
#include <array>
#include <filesystem>

namespace weir::app {
namespace {

constexpr std::array<std::string_view, 6> kCaptureSuffixes = {".pcap", ".pcapng", ".cap",
                                                              ".dmp",  ".gz",     ".zst"};

bool names_a_file(const std::string& word) {
  if (word == "-" || word.find('/') != std::string::npos) {
    // "net 10.0.0.0/8" is an expression; its address is no existing path.
    if (word == "-" || word.front() == '/' || word.front() == '.') return true;
  }
  if (std::any_of(kCaptureSuffixes.begin(), kCaptureSuffixes.end(),
                  [&](std::string_view suffix) { return word.ends_with(suffix); })) {
    return true;
  }
  std::error_code ignored;
  return std::filesystem::exists(word, ignored);
}

}  // namespace

FilesAndExpression split_files(const std::vector<std::string>& words) {
  FilesAndExpression out;
  std::size_t i = 0;
  for (; i < words.size() && (i == 0 || names_a_file(words[i])); ++i) out.files.push_back(words[i]);
  for (; i < words.size(); ++i) {
    if (!out.expression.empty()) out.expression += ' ';
    out.expression += words[i];
  }
  return out;
}

}  // namespace weir::app
