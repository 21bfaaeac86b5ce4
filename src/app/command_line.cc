#include "app/command_line.h"

#include <sstream>

#include <CLI/CLI.hpp>

#include "app/values.h"

namespace weir::app {
namespace {

constexpr std::uint32_t kSnaplenMax = kPacketBytesMax;

PrintAndExit usage_error(const std::string& what) {
  return {.text = "weir: " + what + "\n", .to_stderr = true, .status = 2};
}

// Options that every pipeline command has.
struct PipelineFlags {
  PipelineOptions options;
  bool inner = false;

  void add_to(CLI::App& command) {
    command
        .add_option("-f,--filter", options.filter,
                    "accept only packets that match this pcap-filter expression")
        ->type_name("BPF");
    command.add_flag("--inner", inner,
                     "apply the filter to the innermost frame of a tunnel, not to the outer one");
    command
        .add_option("-w,--write", options.write_path,
                    "write accepted packets as pcapng ('-': standard output)")
        ->type_name("FILE");
    command.add_option("-c,--count", options.accepted_max, "stop after this many accepted packets")
        ->type_name("N")
        ->check(CLI::PositiveNumber);
    command
        .add_option("--stats-json", options.stats_path,
                    "write final statistics as one JSON object ('-': standard output)")
        ->type_name("FILE");
  }

  // Joins what flags and trailing words said; the text of an error, or nothing.
  std::optional<std::string> finish(const std::string& expression) {
    options.scope = inner ? filter::Scope::Innermost : filter::Scope::Frame;
    if (!expression.empty()) {
      if (!options.filter.empty()) {
        return "filter given twice: '-f " + options.filter + "' and '" + expression +
               "' (give one of them)";
      }
      options.filter = expression;
    }
    if (options.write_path == "-" && options.stats_path == "-") {
      return "-w - and --stats-json -: both want standard output (write one of them to a file)";
    }
    return std::nullopt;
  }
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace

Command parse_command_line(int argc, const char* const* argv) {
  CLI::App app{
      "weir captures, filters, reads and stores packets, and accounts for every one of them.",
      "weir"};
  app.set_version_flag("-V,--version", "weir " WEIR_VERSION);
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "help for every command");

  CLI::App* read =
      app.add_subcommand("read", "run capture files through the pipeline, in argument order");
  PipelineFlags read_flags;
  std::vector<std::string> read_words;
  read_flags.add_to(*read);
  read->add_option("FILE", read_words,
                   "pcap or pcapng files, plain, gzip or zstd ('-': standard input), then "
                   "optionally a filter expression")
      ->required()
      ->type_name("");
  read->footer("Exit status: 0 done, 1 damaged input or failed write, 2 wrong usage or filter.");

  CLI::App* capture = app.add_subcommand("capture", "capture from a network interface");
  PipelineFlags capture_flags;
  CaptureOptions capture_options;
  std::string duration;
  std::uint32_t snaplen = 0;
  int ready_fd = -1;
  std::vector<std::string> capture_words;
  capture->add_option("-i,--interface", capture_options.interface, "interface to capture on")
      ->required()
      ->type_name("IF");
  capture_flags.add_to(*capture);
  capture->add_option("--duration", duration, "stop after this time (500ms, 10s, 5m, 2h)")
      ->type_name("T");
  capture->add_option("--snaplen", snaplen, "keep at most this many bytes of each packet (0: all)")
      ->type_name("N")
      ->check(CLI::Range(0U, kSnaplenMax));
  CLI::Option* ready =
      capture
          ->add_option("--ready-fd", ready_fd,
                       "write one byte to this descriptor once every packet is seen")
          ->type_name("N")
          ->check(CLI::NonNegativeNumber);
  capture->add_option("EXPRESSION", capture_words, "pcap-filter expression, in place of -f")
      ->type_name("");
  capture->footer(
      "SIGINT and SIGTERM end the capture after what was received has been stored; a second one "
      "ends it at once.\n"
      "SIGUSR1 prints statistics. Exit status: 0 done, 1 failed, 2 wrong usage, filter or "
      "interface.");

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    std::ostringstream text;
    app.exit(help, text, text);
    return PrintAndExit{.text = text.str()};
  } catch (const CLI::ParseError& error) {
    const CLI::App* command = app.got_subcommand(read)      ? read
                              : app.got_subcommand(capture) ? capture
                                                            : nullptr;
    const std::string help =
        command != nullptr ? "weir " + command->get_name() + " --help" : "weir --help";
    return usage_error(std::string(error.what()) + " (see " + help + ")");
  }

  if (app.got_subcommand(read)) {
    FilesAndExpression words = split_files(read_words);
    if (auto problem = read_flags.finish(words.expression)) return usage_error(*problem);
    return ReadOptions{.pipeline = std::move(read_flags.options), .files = std::move(words.files)};
  }
  if (auto problem = capture_flags.finish(joined(capture_words))) return usage_error(*problem);
  capture_options.pipeline = std::move(capture_flags.options);
  capture_options.snaplen = snaplen;
  if (ready->count() > 0) capture_options.ready_fd = ready_fd;
  if (!duration.empty()) {
    auto parsed = parse_duration(duration);
    if (!parsed) return usage_error("--duration: " + parsed.error().context);
    capture_options.duration = *parsed;
  }
  return capture_options;
}

}  // namespace weir::app
