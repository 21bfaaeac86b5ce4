// The command line of `weir extcap`: Wireshark's, which newer versions add to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/extcap/options.h"

namespace CLI {  // NOLINT(readability-identifier-naming)
class App;
}

namespace weir::app {

// What the words of the command line said, as they stand there.
struct ExtcapWords {
  bool chosen = false;  // the command was given
  bool interfaces = false;
  bool link_types = false;
  bool arguments = false;
  bool capture = false;
  std::string version;        // of Wireshark
  std::string reload_option;  // whose values it wants anew
  std::string since;
  std::string until;
  std::string count;
  bool inner = false;
  std::vector<std::string> unknown;  // words that no option takes
  ExtcapOptions options;             // the others
};

// Must outlive the parsing of the command line that it was added to.
class ExtcapFlags {
 public:
  // Adds the command `extcap`.
  explicit ExtcapFlags(CLI::App& app);
  ExtcapFlags(const ExtcapFlags&) = delete;
  ExtcapFlags& operator=(const ExtcapFlags&) = delete;

  // The command was given.
  [[nodiscard]] bool chosen() const noexcept { return words_.chosen; }
  // Joins what the flags said; the text of an error, or nothing.
  std::optional<std::string> finish();
  [[nodiscard]] const ExtcapOptions& options() const noexcept { return words_.options; }

 private:
  std::optional<std::string> finish_capture();
  std::optional<std::string> take_arguments();

  ExtcapWords words_;
};

// The words of a command line. By the name `weir-extcap`, under which Wireshark finds it, weir is
// `weir extcap`.
std::vector<const char*> words_by_name(int argc, const char* const* argv);

}  // namespace weir::app
