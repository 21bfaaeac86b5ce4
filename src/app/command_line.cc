#include "app/command_line.h"

#include <algorithm>
#include <sstream>

#include <CLI/CLI.hpp>

#include "app/ctl/flags.h"
#include "app/extcap/flags.h"
#include "app/flow_timeouts.h"
#include "app/number_checks.h"
#include "app/query_flags.h"
#include "app/store_flags.h"
#include "app/values.h"

namespace weir::app {
namespace {

constexpr std::uint32_t kSnaplenMax = kPacketBytesMax;
constexpr std::uint32_t kWorkersMax = 64;  // of all interfaces together

PrintAndExit usage_error(const std::string& what) {
  return {.text = "weir: " + what + "\n", .to_stderr = true, .status = 2};
}

// Options of the analysis, and of the logs that tell of it.
struct AnalysisFlags {
  AnalysisOptions options;
  bool append = false;
  bool overwrite = false;
  std::string checksums = "auto";
  std::vector<std::string> timeouts;
  std::string flow_memory;
  std::string long_flows;

  void add_to(CLI::App& command) {
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

  // The text of an error, or nothing.
  std::optional<std::string> finish() {
    if (options.logs_path.empty()) {
      const bool meant = append || overwrite || checksums != "auto" || !timeouts.empty() ||
                         !flow_memory.empty() || !long_flows.empty() ||
                         options.flows.flows.uid_seed != 0 || options.community_id_seed != 0 ||
                         options.workers > 1;
      if (meant) return "an option of the analysis without an analysis (say where to: --logs DIR)";
      return std::nullopt;
    }
    if (append && overwrite) return "--append and --overwrite: either, or none of them";
    options.existing = append      ? output::ExistingLogs::Append
                       : overwrite ? output::ExistingLogs::Overwrite
                                   : output::ExistingLogs::Refuse;
    protocol::FlowOptions& flows = options.flows.flows;
    flows.checksums = checksums == "verify"   ? protocol::ChecksumMode::Verify
                      : checksums == "ignore" ? protocol::ChecksumMode::Ignore
                                              : protocol::ChecksumMode::Auto;
    for (const std::string& text : timeouts) {
      if (auto problem = set_timeout(flows.timeouts, text)) return problem;
    }
    if (!flow_memory.empty()) {
      auto bytes = parse_size(flow_memory);
      if (!bytes) return "--flow-memory: " + bytes.error().context;
      flows.flows_max = *bytes / protocol::kBytesPerFlow;
      if (flows.flows_max < protocol::kFlowsMin) {
        return "--flow-memory " + flow_memory + ": too little (at least 1MiB)";
      }
    }
    if (long_flows == "0") {
      flows.report_interval = Duration(0);
    } else if (!long_flows.empty()) {
      auto interval = parse_duration(long_flows);
      if (!interval) return "--long-flows: " + interval.error().context;
      if (*interval < std::chrono::seconds(1)) {
        return "--long-flows " + long_flows + ": too short (at least 1s)";
      }
      flows.report_interval = *interval;
    }
    return std::nullopt;
  }
};

// Options that every pipeline command has.
struct PipelineFlags {
  PipelineOptions options;
  AnalysisFlags analysis;
  StoreOutputFlags store;
  bool inner = false;

  void add_to(CLI::App& command) {
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

  // Joins what flags and trailing words said; the text of an error, or nothing.
  std::optional<std::string> finish(const std::string& expression) {
    if (auto problem = analysis.finish()) return problem;
    if (auto problem = store.finish()) return problem;
    store.put_into(options);
    options.analysis = analysis.options;
    options.scope = inner ? filter::Scope::Innermost : filter::Scope::Frame;
    if (!expression.empty()) {
      if (!options.filter.empty()) {
        return "filter given twice: '-f " + options.filter + "' and '" + expression +
               "' (give one of them)";
      }
      options.filter = expression;
    }
    for (auto path = options.write_paths.begin(); path != options.write_paths.end(); ++path) {
      if (std::find(options.write_paths.begin(), path, *path) != path) {
        return "-w " + *path + ": given twice (write it once)";
      }
      if (*path == "-" && options.stats_path == "-") {
        return "-w - and --stats-json -: both want standard output (write one of them to a file)";
      }
    }
    return std::nullopt;
  }
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

struct CaptureFlags {
  CaptureOptions options;
  PipelineFlags pipeline;
  std::string direction = "inout";
  std::string rotate_size;
  std::string rotate_interval;
  std::uint32_t rotate_files = 0;
  std::string duration;
  int ready_fd = -1;
  std::vector<std::string> words;

  void add_to(CLI::App& command) {
    command
        .add_option("-i,--interface", options.interfaces,
                    "interface to capture on; may be given several times")
        ->required()
        ->type_name("IF")
        ->allow_extra_args(false);
    pipeline.add_to(command);
    command.add_option("--duration", duration, "stop after this time (500ms, 10s, 5m, 2h)")
        ->type_name("T");
    command
        .add_option("--snaplen", options.snaplen,
                    "keep at most this many bytes of each packet (0: all)")
        ->type_name("N")
        ->check(at_most(kSnaplenMax));
    command
        .add_option("--direction", direction,
                    "packets that the host receives (in), sends (out), or both (inout)")
        ->type_name("in|out|inout")
        ->check(CLI::IsMember({"in", "out", "inout"}));
    command
        .add_option("--workers", options.workers,
                    "threads for each interface; both directions of a flow reach the same one")
        ->type_name("N")
        ->check(between(1, kWorkersMax));
    add_rotation(command);
    command
        .add_option("--ready-fd", ready_fd,
                    "write one byte to this descriptor once every packet is seen")
        ->type_name("N")
        ->check(at_least(0));
    command.add_option("EXPRESSION", words, "pcap-filter expression, in place of -f")
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
        .add_option("--rotate-size", rotate_size,
                    "begin a new file before this size is passed (100MiB, 1GiB)")
        ->type_name("B");
    command
        .add_option("--rotate-interval", rotate_interval,
                    "begin a new file at each multiple of this time in UTC (1m, 1h), also on a "
                    "quiet link; logs too")
        ->type_name("T");
    command
        .add_option("--rotate-files", rotate_files,
                    "keep only this many files of this capture, and finished ones of each log")
        ->type_name("N")
        ->check(at_least(1));
  }

  // The text of an error, or nothing.
  std::optional<std::string> finish() {
    if (auto problem = pipeline.finish(joined(words))) return problem;
    options.pipeline = std::move(pipeline.options);
    if (options.interfaces.size() * options.workers > kWorkersMax) {
      return "--workers " + std::to_string(options.workers) + " on " +
             std::to_string(options.interfaces.size()) + " interfaces: more than " +
             std::to_string(kWorkersMax) + " threads in all";
    }
    options.direction = direction == "in"    ? interface::Direction::In
                        : direction == "out" ? interface::Direction::Out
                                             : interface::Direction::InOut;
    if (ready_fd >= 0) options.ready_fd = ready_fd;
    if (!duration.empty()) {
      auto parsed = parse_duration(duration);
      if (!parsed) return "--duration: " + parsed.error().context;
      options.duration = *parsed;
    }
    return finish_rotation();
  }

  std::optional<std::string> finish_rotation() {
    output::RotationOptions rotation{.files_max = rotate_files};
    if (!rotate_size.empty()) {
      auto parsed = parse_size(rotate_size);
      if (!parsed) return "--rotate-size: " + parsed.error().context;
      rotation.size_bytes = *parsed;
    }
    if (!rotate_interval.empty()) {
      auto parsed = parse_duration(rotate_interval);
      if (!parsed) return "--rotate-interval: " + parsed.error().context;
      if (*parsed < std::chrono::seconds(1)) {
        return "--rotate-interval " + rotate_interval + ": too short (at least 1s)";
      }
      rotation.interval = *parsed;
    }
    if (rotation.size_bytes == 0 && rotation.interval == Duration(0)) {
      if (rotate_files == 0) return std::nullopt;
      return "--rotate-files without --rotate-size or --rotate-interval (say when a new file "
             "begins)";
    }
    if (options.pipeline.write_paths.empty() && options.pipeline.analysis.logs_path.empty()) {
      return "rotation without an output (name it with -w FILE or --logs DIR)";
    }
    if (options.pipeline.write_paths.empty() && rotation.size_bytes != 0) {
      return "--rotate-size without -w FILE (logs are rotated by --rotate-interval)";
    }
    options.rotation = rotation;
    options.pipeline.analysis.rotate_interval = rotation.interval;
    options.pipeline.analysis.archived_max = rotation.files_max;
    return std::nullopt;
  }
};

// `weir run`.
struct RunFlags {
  RunOptions options;
  int ready_fd = -1;

  void add_to(CLI::App& run) {
    run.add_option("-c,--config", options.config_path, "the configuration (docs/configuration.md)")
        ->required()
        ->type_name("FILE");
    run.add_option("--stats-json", options.stats_path,
                   "write the statistics as JSON when the engine ends ('-': standard output)")
        ->type_name("FILE|-");
    run.add_option("--ready-fd", ready_fd,
                   "write a byte to this descriptor once every packet from now on is seen")
        ->type_name("N");
    run.footer(
        "Example: weir run -c /etc/weir/weir.toml\n"
        "SIGHUP reads the configuration again, SIGTERM and SIGINT drain and end, SIGUSR1 prints "
        "statistics.\n"
        "Exit status: 0 drained, 1 failed, 2 wrong usage or configuration.");
  }

  RunOptions finish() {
    if (ready_fd >= 0) options.ready_fd = ready_fd;
    return options;
  }
};

// `weir config`, and what it can do.
struct ConfigFlags {
  ConfigOptions options;
  std::string file;
  std::string old_file;
  std::string new_file;
  CLI::App* check = nullptr;
  CLI::App* show = nullptr;
  CLI::App* diff = nullptr;

  void add_to(CLI::App& config) {
    config.require_subcommand(1);
    config.footer(
        "Example: weir config check weir.toml && weir ctl reload\n"
        "docs/configuration.md has the keys.");
    check = add_command(config, "check", "find everything that is wrong with a configuration");
    check->add_option("FILE", file, "the configuration")->required()->type_name("");
    check->footer(
        "Example: weir config check /etc/weir/weir.toml\n"
        "Filters are compiled too; an interface, user or group that this host does not have is a "
        "warning.\n"
        "Exit status: 0 good, 1 not readable, 2 problems (on stderr, each with line and column).");
    show = add_command(config, "show", "print the configuration whole, with every default");
    show->add_option("FILE", file, "the configuration")->required()->type_name("");
    show->footer("Example: weir config show weir.toml | less");
    diff = add_command(config, "diff", "what changes between two, and what of it needs a restart");
    diff->add_option("OLD", old_file, "the configuration before")->required()->type_name("");
    diff->add_option("NEW", new_file, "the configuration after")->required()->type_name("");
    diff->footer(
        "Example: weir config diff weir.toml weir.toml.new\n"
        "Interfaces and sessions are compared by name, rules by their place.\n"
        "Exit status: 0 equal, 1 different, 2 problems.");
    CLI::App* const schema =
        add_command(config, "schema", "every key with its type, default, range and meaning");
    schema->footer(
        "Example: weir config schema --json > weir.schema.json\n"
        "--json: JSON Schema (draft 2020-12), for editors.");
  }

  ConfigOptions finish() {
    using What = ConfigOptions::What;
    if (diff->parsed()) {
      options.what = What::Diff;
      options.files = {old_file, new_file};
      return options;
    }
    options.what = check->parsed() ? What::Check : show->parsed() ? What::Show : What::Schema;
    if (options.what != What::Schema) options.files = {file};
    return options;
  }

 private:
  CLI::App* add_command(CLI::App& config, const char* name, const char* help) {
    CLI::App* const command = config.add_subcommand(name, help);
    command->add_flag("--json", options.json, "print JSON");
    return command;
  }
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

  CLI::App* read = app.add_subcommand(
      "read", "run capture files and stores through the pipeline, in argument order");
  PipelineFlags read_flags;
  std::vector<std::string> read_words;
  read_flags.add_to(*read);
  read->add_option("--workers", read_flags.analysis.options.workers,
                   "threads that share the analysis, one with --store; the logs are the same")
      ->type_name("N")
      ->check(between(1, kWorkersMax));
  read->add_option(
          "FILE", read_words,
          "pcap or pcapng files, plain, gzip or zstd, '-' for standard input, stores, then "
          "optionally a filter expression")
      ->required()
      ->type_name("");
  read->footer("Exit status: 0 done, 1 damaged input or failed write, 2 wrong usage or filter.");

  CLI::App* capture = app.add_subcommand("capture", "capture from network interfaces");
  CaptureFlags capture_flags;
  capture_flags.add_to(*capture);

  CLI::App* run = app.add_subcommand("run", "run the engine as a service, by a configuration file");
  RunFlags run_flags;
  run_flags.add_to(*run);

  CLI::App* config = app.add_subcommand("config", "check, show and compare configurations");
  ConfigFlags config_flags;
  config_flags.add_to(*config);
  CtlFlags ctl_flags(app);
  StoreFlags store_flags(app);
  QueryFlags query_flags(app);
  ExtcapFlags extcap_flags(app);
  PolicyWords policy_words;
  add_policy_command(app, policy_words);

  CLI::App* completion =
      app.add_subcommand("completion", "print the script by which a shell completes weir's words");
  CompletionOptions completion_options;
  completion->add_option(kShells, completion_options.shell, "the shell")
      ->required()
      ->type_name("")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->footer("Example: source <(weir completion bash)");

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

  if (app.got_subcommand(read)) {
    FilesAndExpression words = split_files(read_words);
    if (auto problem = read_flags.finish(words.expression)) return usage_error(*problem);
    return ReadOptions{.pipeline = std::move(read_flags.options), .files = std::move(words.files)};
  }
  if (app.got_subcommand(run)) return run_flags.finish();
  if (app.got_subcommand(config)) return config_flags.finish();
  if (ctl_flags.chosen()) {
    if (auto problem = ctl_flags.finish()) return usage_error("ctl " + *problem);
    return ctl_flags.options();
  }
  if (store_flags.chosen()) {
    if (auto problem = store_flags.finish()) return usage_error("store " + *problem);
    return store_flags.options();
  }
  if (query_flags.chosen()) {
    if (auto problem = query_flags.finish()) return usage_error(*problem);
    return query_flags.options();
  }
  if (extcap_flags.chosen()) {
    if (auto problem = extcap_flags.finish()) return usage_error("extcap: " + *problem);
    return extcap_flags.options();
  }
  if (policy_words.chosen) return policy_words.options;
  if (app.got_subcommand(completion)) return completion_options;
  if (auto problem = capture_flags.finish()) return usage_error(*problem);
  return std::move(capture_flags.options);
}

}  // namespace weir::app
