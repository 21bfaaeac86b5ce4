#include "app/ctl/flags.h"

#include <charconv>
#include <tuple>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/query_flags.h"
#include "app/values.h"
#include "base/clock.h"

namespace weir::app {

struct CtlFlags::Parts {
  CLI::App* ctl = nullptr;
  CtlOptions options;
  std::string deadline;
  std::string since = "1h";
  std::string step = "1m";
  std::uint64_t rows = 20;
  std::string module;              // or, alone, a level
  std::vector<std::string> words;  // of a filter
  std::string from;                // a query's times
  std::string until;

  CLI::App& add(CtlVerb verb, const char* name, const char* help, const std::string& example) {
    CLI::App* command = ctl->add_subcommand(name, help);
    command->footer("Example: weir ctl " + example);
    command->callback([this, verb] { options.verb = verb; });
    return *command;
  }
  void add_session(CLI::App& command) {
    command.add_option("SESSION", options.name, "name of the session")->required()->type_name("");
  }
  void add_sessions();
  void add_configuration();
  void add_engine();
  void add_telling();
  void add_queries();
  std::optional<std::string> take_query();
};

namespace {

constexpr const char* kLevels = "error|warning|info|debug";

// As many as the engine tells at once.
std::string rows_of_a_page(const std::string& text) {
  constexpr std::uint64_t kMax = 1000;
  std::uint64_t rows = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), rows);
  const bool sound =
      status == std::errc{} && end == text.data() + text.size() && rows >= 1 && rows <= kMax;
  return sound ? "" : "'" + text + "' is no whole number from 1 to " + std::to_string(kMax);
}

bool is_level(const std::string& text) {
  return text == "error" || text == "warning" || text == "info" || text == "debug";
}

}  // namespace

void CtlFlags::Parts::add_sessions() {
  add(CtlVerb::Sessions, "sessions", "the sessions, with what they have taken", "sessions");
  add_session(
      add(CtlVerb::Session, "session", "one session: outputs, rules, what it lost", "session web"));
  CLI::App& create =
      add(CtlVerb::Create, "create", "begin a session",
          "create web.toml\nweb.toml holds one [[session]] table as the "
          "configuration has them. The session stays, also when the file is read again "
          "and after a restart of the engine, until it is stopped.");
  create.add_option("FILE", options.file, "the session as TOML ('-': standard input)")
      ->required()
      ->type_name("");
  add_session(
      add(CtlVerb::Pause, "pause", "let a session take no packets for a while", "pause web"));
  add_session(add(CtlVerb::Resume, "resume", "let a paused session go on", "resume web"));
  add_session(add(CtlVerb::Stop, "stop", "end a session: its outputs are written out and closed",
                  "stop web"));
  CLI::App& filter = add(CtlVerb::Filter, "filter", "give a session another filter",
                         "filter web tcp port 443\nAn empty expression ('') accepts everything.");
  add_session(filter);
  filter.add_option("EXPRESSION", words, "pcap-filter expression")->required()->type_name("");
  CLI::App& tail = add(CtlVerb::Tail, "tail", "the packets of a session from now on, as pcapng",
                       "tail all -w - | wireshark -k -i -\n         weir ctl tail all -w "
                       "web.pcapng tcp port 443\nEnds with the session, or on SIGINT; "
                       "the output always ends behind a whole packet. What the reader is too slow "
                       "for is lost to the tail, never to the session.");
  add_session(tail);
  options.file = "-";
  tail.add_option("-w,--write", options.file, "write to this file ('-', default: standard output)")
      ->type_name("FILE");
  tail.add_option("EXPRESSION", words, "pcap-filter expression: only packets that match it too")
      ->type_name("");
}

void CtlFlags::Parts::add_queries() {
  CLI::App& query =
      add(CtlVerb::Query, "query", "packets of a session's store, as pcapng",
          "query all --since 15m -w found.pcapng tcp port 443\nThe engine reads its store beside "
          "the capture; 'weir query' does the same with any store. What is missing in the answer "
          "is said at the end.");
  add_session(query);
  query.add_option("EXPRESSION", words, "pcap-filter expression")->type_name("");
  query.add_option("--since", from, "packets from then on: a time, or how long ago (15m)")
      ->type_name("T");
  query.add_option("--until", until, "packets until then")->type_name("T");
  query.add_flag("--inner", options.inner, "the expression is of the innermost frame");
  query.add_option("--community-id", options.community_id, "packets of this flow")->type_name("ID");
  query.add_option("-c,--count", options.packets_max, "this many packets at most")->type_name("N");
  query
      .add_option("-w,--write", options.file, "write to this file ('-', default: standard output)")
      ->type_name("FILE");
  add(CtlVerb::Queries, "queries", "the queries that run, and the last that have ended", "queries");
  add(CtlVerb::CancelQuery, "cancel-query", "end a query", "cancel-query 7")
      .add_option("ID", options.number, "of the query, as 'weir ctl queries' has it")
      ->required()
      ->type_name("");
}

// Joins what the words of a query said; the text of an error, or nothing.
std::optional<std::string> CtlFlags::Parts::take_query() {
  for (const std::string& word : words) options.text += (options.text.empty() ? "" : " ") + word;
  const Timestamp now = SystemClock().wall();
  for (const auto& [flag, text, into] : {std::tuple("--since", &from, &options.from),
                                         std::tuple("--until", &until, &options.until)}) {
    if (text->empty()) continue;
    *into = parse_moment(*text, now);
    if (*into) continue;
    return std::string(flag) + " " + *text +
           ": no time (write 2026-11-21T20:00:00Z, seconds since 1970, or 15m for a quarter of an "
           "hour ago)";
  }
  if (options.from && options.until && *options.from > *options.until) {
    return "--since is after --until";
  }
  if (options.json && options.file == "-") {
    return "query --json with -w -: both want standard output (name a file)";
  }
  return std::nullopt;
}

void CtlFlags::Parts::add_configuration() {
  add(CtlVerb::Generations, "generations", "the configurations that were in force", "generations");
  CLI::App& config = add(CtlVerb::Config, "config", "the configuration in force, as TOML",
                         "config -o weir.toml\nIts first line says which generation it is: 'weir "
                         "ctl apply' replaces that one only.");
  config.add_option("-o,--output", options.file, "write to this file (default: standard output)")
      ->type_name("FILE");
  CLI::App& apply =
      add(CtlVerb::Apply, "apply", "put another configuration in the place of the present one",
          "apply weir.toml\nA file of 'weir ctl config' replaces the generation that "
          "it was made from, and is refused when somebody has changed the "
          "configuration since.");
  apply.add_option("FILE", options.file, "the configuration as TOML ('-': standard input)")
      ->required()
      ->type_name("");
  add(CtlVerb::Reload, "reload", "read the configuration file again", "reload");
  add(CtlVerb::Rollback, "rollback", "return to an earlier generation",
      "rollback 3\nWithout a number: to the one before the present one.")
      .add_option("GENERATION", options.number, "number of the generation")
      ->type_name("");
}

void CtlFlags::Parts::add_engine() {
  add(CtlVerb::Status, "status", "the engine, its modules, and the packets so far", "status");
  add(CtlVerb::Interfaces, "interfaces", "the interfaces, with what came in", "interfaces");
  add(CtlVerb::Security, "security",
      "where packets may come from, and how many came from elsewhere", "security");
  add(CtlVerb::Pressure, "pressure",
      "what is short, and what sessions do with less of for it: docs/pressure.md", "pressure");
  add(CtlVerb::Health, "health",
      "whether the engine and its modules are well; exit status 1 where one is not", "health");
  add(CtlVerb::Policy, "policy", "the policy document in force, and how high the threat is",
      "policy");
  add(CtlVerb::Drain, "drain", "take no more packets, write everything out, and end the engine",
      "drain --deadline 1m");
  CLI::App& level = add(CtlVerb::LogLevel, "log-level", "say more or less in the engine's log",
                        "log-level output debug\nWithout a module: of all modules.");
  level
      .add_option("MODULE-OR-LEVEL", module,
                  std::string("a module; or, for all, a level: ") + kLevels)
      ->required()
      ->type_name("");
  level.add_option("LEVEL", options.text, "the level, behind a module")->type_name("");
}

void CtlFlags::Parts::add_telling() {
  CLI::App& journal =
      add(CtlVerb::Journal, "journal", "what changed state, when, why, and who asked for it",
          "journal -n 50 --follow");
  journal.add_option("-n,--lines", rows, "show this many of the last rows (default 20)")
      ->type_name("N")
      ->check(rows_of_a_page);
  journal.add_flag("--follow", options.follow, "go on with new rows until SIGINT");
  CLI::App& history = add(CtlVerb::History, "history", "the values of a metric over time",
                          "history weir_capture_received_packets_total --since 6h --step 5m");
  history.add_option("METRIC", options.name, "name of the metric, as 'weir ctl metrics' has it")
      ->required()
      ->type_name("");
  history.add_option("--since", since, "how far back (default 1h)")->type_name("T");
  history.add_option("--step", step, "time between two values (default 1m; 0: every sample)")
      ->type_name("T");
  CLI::App& events =
      add(CtlVerb::Events, "events", "what happened in the engine", "events --follow");
  events.add_flag("--follow", options.follow, "go on with new events until SIGINT");
  events
      .add_option("--after", options.after,
                  "events after the one with this id (0: all that are kept; default: all, or with "
                  "--follow those from now on)")
      ->type_name("ID");
  add(CtlVerb::Metrics, "metrics", "all metrics, as Prometheus reads them", "metrics");
}

CtlFlags::CtlFlags(CLI::App& app) : parts_(std::make_unique<Parts>()) {
  CLI::App* ctl = app.add_subcommand("ctl", "talk to a running engine");
  parts_->ctl = ctl;
  ctl->require_subcommand(1);
  ctl->fallthrough(false);
  ctl->add_option("--socket", parts_->options.socket, "the engine's control socket")
      ->type_name("FILE")
      ->capture_default_str();
  ctl->add_flag("--json", parts_->options.json, "print the engine's answer as JSON, on one line");
  ctl->add_option("--deadline", parts_->deadline,
                  "how long a command may take (default: the engine's, 10s)")
      ->type_name("T");
  ctl->footer(
      "Examples: weir ctl status\n"
      "          weir ctl --json sessions\n"
      "          weir ctl tail all -w - | wireshark -k -i -\n"
      "Exit status: 0 done, 1 failed, 2 wrong usage or refused as wrong.");
  parts_->add_engine();
  parts_->add_sessions();
  parts_->add_queries();
  parts_->add_configuration();
  parts_->add_telling();
  // Also behind the command: weir ctl sessions --json.
  for (CLI::App* command : ctl->get_subcommands({})) command->fallthrough();
}

CtlFlags::~CtlFlags() = default;

bool CtlFlags::chosen() const { return parts_->ctl->parsed(); }

std::string CtlFlags::command() const {
  const auto given = parts_->ctl->get_subcommands();
  return given.empty() ? "ctl" : "ctl " + given.front()->get_name();
}

const CtlOptions& CtlFlags::options() const { return parts_->options; }

std::optional<std::string> CtlFlags::finish() {
  CtlOptions& options = parts_->options;
  const auto take_time = [](const char* flag, const std::string& text,
                            Duration& into) -> std::optional<std::string> {
    auto parsed = parse_duration(text);
    if (!parsed) return std::string(flag) + ": " + parsed.error().context;
    into = *parsed;
    return std::nullopt;
  };
  if (!parts_->deadline.empty()) {
    if (auto problem = take_time("--deadline", parts_->deadline, options.deadline.emplace()))
      return problem;
  }
  switch (options.verb) {
    case CtlVerb::Tail:
      if (options.json) return "tail --json: packets are no JSON (leave --json out)";
      [[fallthrough]];
    case CtlVerb::Filter:
      for (const std::string& word : parts_->words) {
        options.text += (options.text.empty() ? "" : " ") + word;
      }
      break;
    case CtlVerb::LogLevel:
      if (options.text.empty()) {
        options.text = parts_->module;
      } else {
        options.name = parts_->module;
      }
      if (!is_level(options.text)) {
        return "log-level " + options.text + ": no such level (there are: " + kLevels + ")";
      }
      break;
    case CtlVerb::Query:
      return parts_->take_query();
    case CtlVerb::Journal:
      options.number = parts_->rows;
      break;
    case CtlVerb::History:
      if (auto problem = take_time("--since", parts_->since, options.since)) return problem;
      if (parts_->step == "0") break;
      return take_time("--step", parts_->step, options.step);
    default:
      break;
  }
  return std::nullopt;
}

}  // namespace weir::app
