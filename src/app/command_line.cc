#include "app/command_line.h"

#include <algorithm>
#include <array>
#include <memory>
#include <sstream>

#include <CLI/CLI.hpp>

#include "app/ctl/flags.h"
#include "app/extcap/flags.h"
#include "app/flow_timeouts.h"
#include "app/number_checks.h"
#include "app/pipeline_flags.h"
#include "app/query_flags.h"
#include "app/store_flags.h"
#include "app/values.h"
#include "base/assert.h"

namespace weir::app {

void AnalysisFlags::add_to(CLI::App& command) {
  command
      .add_option("--logs", options.logs_path,
                  "analyse accepted packets, write conn.log and other records (JSON lines, "
                  "Zeek's names) to this directory, which must be new or empty")
      ->type_name("DIR");
  command.add_flag("--append", append, "go on with the logs that DIR has");
  command.add_flag("--overwrite", overwrite, "delete the logs that DIR has");
  command
      .add_option("--checksums", checksums,
                  "leave out of the analysis what has a bad TCP, UDP or ICMP checksum: where the "
                  "same direction of the flow has shown a good one (auto), always, never")
      ->type_name("auto|verify|ignore")
      ->check(CLI::IsMember({"auto", "verify", "ignore"}));
  command
      .add_option("--flow-timeout", timeouts,
                  "end a flow that is idle for this long (udp=1m); kinds: " + timeout_kinds() +
                      "; may be given several times")
      ->type_name("KIND=T")
      ->allow_extra_args(false);
  command
      .add_option("--flow-memory", flow_memory,
                  "end flows early rather than use more than this for them (default 1GiB)")
      ->type_name("B");
  command
      .add_option("--long-flows", long_flows,
                  "write flows that go on to conn_long.log, again and again after this time "
                  "(default 10m; 0: never)")
      ->type_name("T");
  command
      .add_option("--uid-seed", options.flows.flows.uid_seed,
                  "make other uids of the same packets (default 0)")
      ->type_name("N");
  command
      .add_option("--community-id-seed", options.community_id_seed,
                  "seed of the Community IDs (default 0)")
      ->type_name("N");
}

void PipelineFlags::add_to(CLI::App& command) {
  command
      .add_option("-f,--filter", options.filter,
                  "accept only packets that match this pcap-filter expression")
      ->type_name("BPF");
  command.add_flag("--inner", inner,
                   "apply the filter to the innermost frame of a tunnel, not to the outer one");
  command
      .add_option("-w,--write", options.write_paths,
                  "write accepted packets as pcapng ('-': standard output); may be given several "
                  "times")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command.add_option("-c,--count", options.accepted_max, "stop after this many accepted packets")
      ->type_name("N")
      ->check(at_least(1));
  store.add_to(command);
  analysis.add_to(command);
  command
      .add_option("--stats-json", options.stats_path,
                  "write final statistics as one JSON object ('-': standard output)")
      ->type_name("FILE");
}

namespace {

constexpr std::uint32_t kSnaplenMax = kPacketBytesMax;
constexpr std::uint32_t kWorkersMax = 64;  // of all interfaces together

PrintAndExit usage_error(const std::string& what) {
  return {.text = "weir: " + what + "\n", .to_stderr = true, .status = 2};
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

class CaptureFlags {
 public:
  explicit CaptureFlags(CLI::App& app)
      : command_(*app.add_subcommand("capture", "capture from network interfaces")) {
    add_to(command_);
  }
  [[nodiscard]] bool chosen() const { return command_.parsed(); }
  Command take() { return std::move(options_); }

  // The text of an error, or nothing.
  std::optional<std::string> finish() {
    if (auto problem = pipeline_.finish(joined(words_))) return problem;
    options_.pipeline = std::move(pipeline_.options);
    if (options_.interfaces.size() * options_.workers > kWorkersMax) {
      return "--workers " + std::to_string(options_.workers) + " on " +
             std::to_string(options_.interfaces.size()) + " interfaces: more than " +
             std::to_string(kWorkersMax) + " threads in all";
    }
    options_.direction = direction_ == "in"    ? interface::Direction::In
                         : direction_ == "out" ? interface::Direction::Out
                                               : interface::Direction::InOut;
    if (ready_fd_ >= 0) options_.ready_fd = ready_fd_;
    if (!duration_.empty()) {
      auto parsed = parse_duration(duration_);
      if (!parsed) return "--duration: " + parsed.error().context;
      options_.duration = *parsed;
    }
    return rotation_.put_into(options_);
  }

 private:
  CLI::App& command_;
  CaptureOptions options_;
  PipelineFlags pipeline_;
  std::string direction_ = "inout";
  RotationFlags rotation_;
  std::string duration_;
  int ready_fd_ = -1;
  std::vector<std::string> words_;

  void add_to(CLI::App& command) {
    command
        .add_option("-i,--interface", options_.interfaces,
                    "interface to capture on; may be given several times")
        ->required()
        ->type_name("IF")
        ->allow_extra_args(false);
    pipeline_.add_to(command);
    command.add_option("--duration", duration_, "stop after this time (500ms, 10s, 5m, 2h)")
        ->type_name("T");
    command
        .add_option("--snaplen", options_.snaplen,
                    "keep at most this many bytes of each packet (0: all)")
        ->type_name("N")
        ->check(at_most(kSnaplenMax));
    command
        .add_option("--direction", direction_,
                    "packets that the host receives (in), sends (out), or both (inout)")
        ->type_name("in|out|inout")
        ->check(CLI::IsMember({"in", "out", "inout"}));
    command
        .add_option("--workers", options_.workers,
                    "threads for each interface; both directions of a flow reach the same one")
        ->type_name("N")
        ->check(between(1, kWorkersMax));
    add_rotation(command);
    command
        .add_option("--ready-fd", ready_fd_,
                    "write one byte to this descriptor once every packet is seen")
        ->type_name("N")
        ->check(at_least(0));
    command.add_option("EXPRESSION", words_, "pcap-filter expression, in place of -f")
        ->type_name("");
    command.footer(
        "SIGINT and SIGTERM end the capture after what was received has been stored; a second one "
        "ends it at once.\n"
        "SIGUSR1 prints statistics. Rotated files: STEM_00001_20261121T200000Z.pcapng, ...; "
        "finished logs: conn.20261121T200000Z.log.zst, ...\n"
        "A pipe beside another output never delays it: what the pipe's reader is too slow for is "
        "counted as lost.\n"
        "Exit status: 0 done, 1 failed, 2 wrong usage, filter or interface.");
  }

  void add_rotation(CLI::App& command) {
    command
        .add_option("--rotate-size", rotation_.size,
                    "begin a new file before this size is passed (100MiB, 1GiB)")
        ->type_name("B");
    command
        .add_option("--rotate-interval", rotation_.interval,
                    "begin a new file at each multiple of this time in UTC (1m, 1h), also on a "
                    "quiet link; logs too")
        ->type_name("T");
    command
        .add_option("--rotate-files", rotation_.files,
                    "keep only this many files of this capture, and finished ones of each log")
        ->type_name("N")
        ->check(at_least(1));
  }
};

class ReadFlags {
 public:
  explicit ReadFlags(CLI::App& app)
      : command_(*app.add_subcommand(
            "read", "run capture files and stores through the pipeline, in argument order")) {
    pipeline_.add_to(command_);
    command_
        .add_option("--workers", pipeline_.analysis.options.workers,
                    "threads that share the analysis, one with --store; the logs are the same")
        ->type_name("N")
        ->check(between(1, kWorkersMax));
    command_
        .add_option("FILE", words_,
                    "pcap or pcapng files, plain, gzip or zstd, '-' for standard input, stores, "
                    "then optionally a filter expression")
        ->required()
        ->type_name("");
    command_.footer(
        "Exit status: 0 done, 1 damaged input or failed write, 2 wrong usage or filter.");
  }
  [[nodiscard]] bool chosen() const { return command_.parsed(); }
  std::optional<std::string> finish() {
    FilesAndExpression words = split_files(words_);
    files_ = std::move(words.files);
    return pipeline_.finish(words.expression);
  }
  Command take() {
    return ReadOptions{.pipeline = std::move(pipeline_.options), .files = std::move(files_)};
  }

 private:
  CLI::App& command_;
  PipelineFlags pipeline_;
  std::vector<std::string> words_;
  std::vector<std::string> files_;
};

class RunFlags {
 public:
  explicit RunFlags(CLI::App& app)
      : command_(
            *app.add_subcommand("run", "run the engine as a service, by a configuration file")) {
    CLI::App& run = command_;
    run.add_option("-c,--config", options_.config_path, "the configuration (docs/configuration.md)")
        ->required()
        ->type_name("FILE");
    run.add_option("--stats-json", options_.stats_path,
                   "write the statistics as JSON when the engine ends ('-': standard output)")
        ->type_name("FILE|-");
    run.add_option("--ready-fd", ready_fd_,
                   "write a byte to this descriptor once every packet from now on is seen")
        ->type_name("N");
    run.footer(
        "Example: weir run -c /etc/weir/weir.toml\n"
        "SIGHUP reads the configuration again, SIGTERM and SIGINT drain and end, SIGUSR1 prints "
        "statistics.\n"
        "Exit status: 0 drained, 1 failed, 2 wrong usage or configuration.");
  }
  [[nodiscard]] bool chosen() const { return command_.parsed(); }
  std::optional<std::string> finish() {
    if (ready_fd_ >= 0) options_.ready_fd = ready_fd_;
    return std::nullopt;
  }
  Command take() { return std::move(options_); }

 private:
  CLI::App& command_;
  RunOptions options_;
  int ready_fd_ = -1;
};

class ConfigFlags {
 public:
  explicit ConfigFlags(CLI::App& app)
      : command_(*app.add_subcommand("config", "check, show and compare configurations")) {
    CLI::App& config = command_;
    config.require_subcommand(1);
    config.footer(
        "Example: weir config check weir.toml && weir ctl reload\n"
        "docs/configuration.md has the keys.");
    check_ = add_command(config, "check", "find everything that is wrong with a configuration");
    check_->add_option("FILE", file_, "the configuration")->required()->type_name("");
    check_->footer(
        "Example: weir config check /etc/weir/weir.toml\n"
        "Filters are compiled too; an interface, user or group that this host does not have is a "
        "warning.\n"
        "Exit status: 0 good, 1 not readable, 2 problems (on stderr, each with line and column).");
    show_ = add_command(config, "show", "print the configuration whole, with every default");
    show_->add_option("FILE", file_, "the configuration")->required()->type_name("");
    show_->footer("Example: weir config show weir.toml | less");
    diff_ = add_command(config, "diff", "what changes between two, and what of it needs a restart");
    diff_->add_option("OLD", old_file_, "the configuration before")->required()->type_name("");
    diff_->add_option("NEW", new_file_, "the configuration after")->required()->type_name("");
    diff_->footer(
        "Example: weir config diff weir.toml weir.toml.new\n"
        "Interfaces and sessions are compared by name, rules by their place.\n"
        "Exit status: 0 equal, 1 different, 2 problems.");
    CLI::App* const schema =
        add_command(config, "schema", "every key with its type, default, range and meaning");
    schema->footer(
        "Example: weir config schema --json > weir.schema.json\n"
        "--json: JSON Schema (draft 2020-12), for editors.");
  }

  [[nodiscard]] bool chosen() const { return command_.parsed(); }
  std::optional<std::string> finish() {
    using What = ConfigOptions::What;
    if (diff_->parsed()) {
      options_.what = What::Diff;
      options_.files = {old_file_, new_file_};
      return std::nullopt;
    }
    options_.what = check_->parsed() ? What::Check : show_->parsed() ? What::Show : What::Schema;
    if (options_.what != What::Schema) options_.files = {file_};
    return std::nullopt;
  }
  Command take() { return std::move(options_); }

 private:
  CLI::App* add_command(CLI::App& config, const char* name, const char* help) {
    CLI::App* const command = config.add_subcommand(name, help);
    command->add_flag("--json", options_.json, "print JSON");
    return command;
  }

  CLI::App& command_;
  ConfigOptions options_;
  std::string file_;
  std::string old_file_;
  std::string new_file_;
  CLI::App* check_ = nullptr;
  CLI::App* show_ = nullptr;
  CLI::App* diff_ = nullptr;
};

class CompletionFlags {
 public:
  explicit CompletionFlags(CLI::App& app)
      : command_(*app.add_subcommand("completion",
                                     "print the script by which a shell completes weir's words")) {
    command_.add_option(kShells, options_.shell, "the shell")
        ->required()
        ->type_name("")
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    command_.footer("Example: source <(weir completion bash)");
  }
  [[nodiscard]] bool chosen() const { return command_.parsed(); }
  Command take() { return std::move(options_); }

 private:
  CLI::App& command_;
  CompletionOptions options_;
};

class PolicyFlags {
 public:
  explicit PolicyFlags(CLI::App& app) { add_policy_command(app, words_); }
  [[nodiscard]] bool chosen() const { return words_.chosen; }
  [[nodiscard]] const PolicyOptions& options() const { return words_.options; }

 private:
  PolicyWords words_;
};

// The words of one command.
class CommandFlags {
 public:
  virtual ~CommandFlags() = default;
  [[nodiscard]] virtual bool chosen() const = 0;
  virtual Command finish() = 0;  // what was chosen, or a mistake
};

template <typename Flags>
class FlagsOf final : public CommandFlags {
 public:
  FlagsOf(CLI::App& app, std::string_view prefix) : flags_(app), prefix_(prefix) {}
  [[nodiscard]] bool chosen() const override { return flags_.chosen(); }
  Command finish() override {
    if constexpr (requires { flags_.finish(); }) {
      if (auto problem = flags_.finish()) return usage_error(std::string(prefix_) + *problem);
    }
    if constexpr (requires { flags_.take(); }) {
      return flags_.take();
    } else {
      return flags_.options();
    }
  }

 private:
  Flags flags_;
  std::string_view prefix_;  // of what its mistakes say
};

template <typename Flags>
std::unique_ptr<CommandFlags> flags_of(CLI::App& app, std::string_view prefix) {
  return std::make_unique<FlagsOf<Flags>>(app, prefix);
}

struct CommandRow {
  std::string_view name;
  std::string_view prefix;
  std::unique_ptr<CommandFlags> (*make)(CLI::App& app, std::string_view prefix);
};
constexpr std::array kCommands = {
    CommandRow{"read", "", flags_of<ReadFlags>},
    CommandRow{"capture", "", flags_of<CaptureFlags>},
    CommandRow{"run", "", flags_of<RunFlags>},
    CommandRow{"config", "", flags_of<ConfigFlags>},
    CommandRow{"ctl", "ctl ", flags_of<CtlFlags>},
    CommandRow{"store", "store ", flags_of<StoreFlags>},
    CommandRow{"query", "", flags_of<QueryFlags>},
    CommandRow{"extcap", "extcap: ", flags_of<ExtcapFlags>},
    CommandRow{"policy", "", flags_of<PolicyFlags>},
    CommandRow{"completion", "", flags_of<CompletionFlags>},
};

// "weir config check", as far as the line has said it.
std::string command_words(const CLI::App& app) {
  std::string words = app.get_name();
  for (const CLI::App* sub : app.get_subcommands()) words += " " + command_words(*sub);
  return words;
}

// Of what a parser shows as the type of a value ("N", "a|b:{a,b}"), what we have called it.
std::string value_name(const CLI::Option& option) {
  const std::string name = option.get_type_name();
  return name.substr(0, name.find(':'));
}

// The parser's own tree, for completion. What it hides from its help is not offered.
CommandNode node_of(const CLI::App& app) {
  CommandNode node{.name = app.get_name(),
                   .description = app.get_description(),
                   .inherits = app.get_fallthrough()};
  for (const CLI::Option* option : app.get_options()) {
    const bool many = option->get_items_expected_max() > 1;
    if (!option->nonpositional()) {
      node.positionals.push_back({.name = option->get_name(true), .many = many});
      continue;
    }
    CommandNode::Option one{.description = option->get_description(),
                            .takes_value = option->get_items_expected_max() > 0,
                            .value = value_name(*option)};
    for (const std::string& name : option->get_snames()) one.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) one.names.push_back("--" + name);
    node.options.push_back(std::move(one));
  }
  for (const CLI::App* command : app.get_subcommands({})) {
    node.commands.push_back(node_of(*command));
  }
  return node;
}

// What the scripts of shells ask: `weir completion candidates -- WORD...`. The words are parts of a
// command line and not our own options.
std::optional<std::vector<std::string>> words_to_complete(int argc, const char* const* argv) {
  constexpr int kWords = 4;
  if (argc < kWords || std::string_view(argv[1]) != "completion" ||
      std::string_view(argv[2]) != "candidates" || std::string_view(argv[3]) != "--")
    return std::nullopt;
  return std::vector<std::string>(argv + kWords, argv + argc);
}

}  // namespace

Command parse_command_line(int argc, const char* const* argv) {
  CLI::App app{
      "weir captures, filters, reads and stores packets, and accounts for every one of them.",
      "weir"};
  app.set_version_flag("-V,--version", "weir " WEIR_VERSION);
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "help for every command");

  // The command that the line begins with is made alone: all of them cost a millisecond. Where it
  // begins with none, for help, completion or a mistake, all are there.
  const std::string_view first = argc > 1 ? argv[1] : "";
  const bool completes = first == kCommands.back().name;
  const auto is_first = [&](const CommandRow& row) { return row.name == first; };
  const bool one = !completes && std::ranges::any_of(kCommands, is_first);
  std::vector<std::unique_ptr<CommandFlags>> commands;
  for (const CommandRow& row : kCommands) {
    if (!one || is_first(row)) commands.push_back(row.make(app, row.prefix));
  }

  if (auto words = words_to_complete(argc, argv)) {
    return CompletionOptions{.shell = {}, .root = node_of(app), .words = std::move(*words)};
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    std::ostringstream text;
    app.exit(help, text, text);
    return PrintAndExit{.text = text.str()};
  } catch (const CLI::ParseError& error) {
    const std::string help = command_words(app) + " --help";
    return usage_error(std::string(error.what()) + " (see " + help + ")");
  }

  const auto chosen =
      std::ranges::find_if(commands, [](const auto& command) { return command->chosen(); });
  WEIR_ASSERT(chosen != commands.end());  // the parser wants one
  return (*chosen)->finish();
}

}  // namespace weir::app
