#include "app/completion.h"

#include <algorithm>
#include <utility>

namespace weir::app {
namespace {

// Joins what bash has cut at '=' and cuts it off again. Names of files are the shell's to complete:
// it knows how to quote them.
constexpr const char* kBash = R"(# bash completion of weir: source <(weir completion bash)
_weir() {
  local -a words=()
  local i line source= word=${COMP_WORDS[COMP_CWORD]}
  for ((i = 1; i <= COMP_CWORD; i++)); do
    line=${COMP_WORDS[i]}
    if [[ ${#words[@]} -gt 0 && $line == = && ${words[-1]} == --* ]] ||
      [[ ${#words[@]} -gt 0 && ${COMP_WORDS[i-1]} == = && ${words[-1]} == --*= ]]; then
      words[-1]+=$line
    else
      words+=("$line")
    fi
  done
  [[ $word != = ]] || word=
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :* ]]; then
      source=${line#:}
      continue
    fi
    line=${line%%$'\t'*}
    [[ ${words[-1]} != --*=* ]] || line=${line#*=}
    COMPREPLY+=("$line")
  done < <("${COMP_WORDS[0]/#\~/$HOME}" completion candidates -- "${words[@]}" 2>/dev/null)
  case $source in
    files) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    directories) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    *) return ;;
  esac
  compopt -o filenames 2>/dev/null
}
complete -F _weir weir
)";

constexpr const char* kZsh = R"(#compdef weir
# zsh completion of weir: source <(weir completion zsh), or this as a file _weir in $fpath
_weir() {
  local line source
  local -a candidates
  local answer=$("${(Q)words[1]}" completion candidates -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
  for line in "${(@f)answer}"; do
    case $line in
      :*) source=${line#:} ;;
      ?*) candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
    esac
  done
  case $source in
    files) compset -P '--*='; _files ;;
    directories) compset -P '--*='; _files -/ ;;
    *) _describe -t words 'weir' candidates ;;
  esac
}
if [[ ${funcstack[1]} == _weir ]]; then _weir "$@"; else compdef _weir weir; fi
)";

constexpr const char* kFish = R"(# fish completion of weir: weir completion fish | source
function __weir_candidates
    set -l current (commandline -ct)
    set -l words (commandline -opc)
    # The value may stand in the same word as the option.
    set -l option (string match -r '^--[^=]*=' -- "$current")
    set -l value (string replace -r '^--[^=]*=' '' -- "$current")
    for line in ($words[1] completion candidates -- $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case ':files'
                string replace -r '^' -- "$option" (__fish_complete_path "$value")
            case ':directories'
                string replace -r '^' -- "$option" (__fish_complete_directories "$value")
            case '*'
                echo $line
        end
    end
end
complete -c weir -f -a '(__weir_candidates)'
)";

// The command line up to the word to complete.
class Walk {
 public:
  explicit Walk(const CommandNode& root) : path_{&root} {}

  void take(const std::string& word) {
    if (const auto* option = std::exchange(awaiting_, nullptr)) {
      take_value(*option, word);
    } else if (only_positionals_ || word.size() < 2 || word[0] != '-') {
      take_plain(word);
    } else if (word == "--") {
      only_positionals_ = true;
    } else {
      take_option(word);
    }
  }

  // An option whose value the next word is.
  [[nodiscard]] const CommandNode::Option* awaiting() const noexcept { return awaiting_; }
  [[nodiscard]] bool only_positionals() const noexcept { return only_positionals_; }
  [[nodiscard]] const std::string& socket() const noexcept { return socket_; }
  [[nodiscard]] const CommandNode& command() const noexcept { return *path_.back(); }

  [[nodiscard]] const CommandNode::Positional* next_positional() const noexcept {
    const auto& positionals = command().positionals;
    if (positionals_ < positionals.size()) return &positionals[positionals_];
    if (!positionals.empty() && positionals.back().many) return &positionals.back();
    return nullptr;
  }
  // A command may stand here.
  [[nodiscard]] bool before_positionals() const noexcept { return positionals_ == 0; }

  // Options that count here, those of the command first.
  [[nodiscard]] std::vector<const CommandNode::Option*> options() const {
    std::vector<const CommandNode::Option*> all;
    for (auto node = path_.rbegin(); node != path_.rend(); ++node) {
      for (const CommandNode::Option& option : (*node)->options) {
        const bool known = std::any_of(all.begin(), all.end(), [&](const auto* earlier) {
          return earlier->names == option.names;
        });
        if (!known) all.push_back(&option);
      }
      if (!(*node)->inherits) break;
    }
    return all;
  }
  [[nodiscard]] const CommandNode::Option* option_named(std::string_view name) const {
    for (const CommandNode::Option* option : options()) {
      if (std::find(option->names.begin(), option->names.end(), name) != option->names.end())
        return option;
    }
    return nullptr;
  }

 private:
  void take_plain(const std::string& word) {
    const auto& commands = command().commands;
    const auto named = std::find_if(commands.begin(), commands.end(),
                                    [&](const CommandNode& one) { return one.name == word; });
    if (named != commands.end() && positionals_ == 0 && !only_positionals_) {
      path_.push_back(&*named);
    } else {
      ++positionals_;
    }
  }
  void take_option(const std::string& word) {
    const std::size_t equals = word.starts_with("--") ? word.find('=') : std::string::npos;
    if (equals != std::string::npos) {
      if (const auto* option = option_named(word.substr(0, equals)))
        take_value(*option, word.substr(equals + 1));
      return;
    }
    // Of "-wFILE" the value is there already.
    const auto* option = option_named(word);
    if (option != nullptr && option->takes_value) awaiting_ = option;
  }
  void take_value(const CommandNode::Option& option, const std::string& value) {
    if (std::find(option.names.begin(), option.names.end(), "--socket") != option.names.end())
      socket_ = value;
  }

  std::vector<const CommandNode*> path_;
  const CommandNode::Option* awaiting_ = nullptr;
  std::size_t positionals_ = 0;
  bool only_positionals_ = false;
  std::string socket_;
};

void add_if_it_continues(Completion& completion, const std::string& word,
                         const std::string& description) {
  if (word.starts_with(completion.word))
    completion.candidates.push_back({completion.prefix + word, description});
}

void complete_value(Completion& completion, const std::string& kind) {
  if (kind == "FILE") completion.source = ValueSource::Files;
  if (kind == "DIR" || kind == "STORE") completion.source = ValueSource::Directories;
  if (kind == "IF") completion.source = ValueSource::Interfaces;
  if (kind == "SESSION") completion.source = ValueSource::Sessions;
  const std::string choices = kind.ends_with("LEVEL") ? "error|warning|info|debug" : kind;
  for (std::size_t begin = 0; choices.find('|') != std::string::npos && begin <= choices.size();) {
    const std::size_t end = std::min(choices.find('|', begin), choices.size());
    add_if_it_continues(completion, choices.substr(begin, end - begin), "");
    begin = end + 1;
  }
}

void complete_option_name(Completion& completion, const Walk& walk) {
  for (const CommandNode::Option* option : walk.options()) {
    for (const std::string& name : option->names) {
      add_if_it_continues(completion, name, option->description);
    }
  }
}

}  // namespace

Completion complete(const CommandNode& root, const std::vector<std::string>& words) {
  Walk walk(root);
  Completion completion;
  if (words.empty()) return completion;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) walk.take(words[i]);
  completion.word = words.back();
  completion.socket = walk.socket();

  if (walk.awaiting() != nullptr) {
    complete_value(completion, walk.awaiting()->value);
    return completion;
  }
  if (!walk.only_positionals() && completion.word.starts_with('-') && completion.word != "-") {
    const std::size_t equals = completion.word.find('=');
    if (!completion.word.starts_with("--") || equals == std::string::npos) {
      complete_option_name(completion, walk);
    } else if (const auto* option = walk.option_named(completion.word.substr(0, equals))) {
      completion.prefix = completion.word.substr(0, equals + 1);
      completion.word.erase(0, equals + 1);
      complete_value(completion, option->value);
    }
    return completion;
  }
  if (completion.word == "-" && !walk.only_positionals()) complete_option_name(completion, walk);
  if (walk.before_positionals()) {
    for (const CommandNode& command : walk.command().commands) {
      add_if_it_continues(completion, command.name, command.description);
    }
  }
  if (const auto* positional = walk.next_positional()) {
    complete_value(completion, positional->name);
  }
  return completion;
}

void add_candidates(Completion& completion, const std::vector<std::string>& all) {
  for (const std::string& word : all) add_if_it_continues(completion, word, "");
}

std::optional<std::string> completion_script(std::string_view shell) {
  if (shell == "bash") return kBash;
  if (shell == "zsh") return kZsh;
  if (shell == "fish") return kFish;
  return std::nullopt;
}

}  // namespace weir::app
