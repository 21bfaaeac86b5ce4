// Completion of the command line in shells. The shells ask the program itself, by a small script of
// theirs and `weir completion candidates -- WORD...`: what it completes is what it takes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::app {

// The command line as a tree, from the parser's own description.
struct CommandNode {
  struct Option {
    std::vector<std::string> names;  // "-w", "--write"
    std::string description;
    bool takes_value = false;
    std::string value;  // "FILE", "in|out|inout"
  };
  struct Positional {
    std::string name;  // "SESSION", "bash|zsh|fish"
    bool many = false;
  };

  std::string name;
  std::string description;
  bool inherits = false;  // the options of the command above count here too
  std::vector<Option> options;
  std::vector<Positional> positionals;
  std::vector<CommandNode> commands;
};

struct Candidate {
  std::string word;
  std::string description;
};

// What a value is of, when only the system or a running engine can say.
enum class ValueSource : std::uint8_t { None, Files, Directories, Interfaces, Sessions };

struct Completion {
  std::vector<Candidate> candidates;  // that begin with what is there of the word
  ValueSource source = ValueSource::None;
  std::string word;    // what there is of the value, without an option's name
  std::string prefix;  // "--socket=" where it stands in the same word
  std::string socket;  // of the engine, where the words name it; else empty
};

// `words` are those behind the program's name; the last is the one to complete, perhaps empty.
Completion complete(const CommandNode& root, const std::vector<std::string>& words);

// The words of `all` that continue the value, as candidates.
void add_candidates(Completion& completion, const std::vector<std::string>& all);

inline constexpr const char* kShells = "bash|zsh|fish";
// For the shell to read; nothing for a shell that we do not know.
std::optional<std::string> completion_script(std::string_view shell);

}  // namespace weir::app
