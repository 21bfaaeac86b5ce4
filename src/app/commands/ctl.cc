#include "app/commands/ctl.h"

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "app/ctl/answers.h"
#include "app/ctl/api_client.h"
#include "app/ctl/end_watch.h"
#include "app/ctl/event_stream.h"
#include "app/ctl/output.h"
#include "app/ctl/pcapng_blocks.h"
#include "app/ctl/render.h"
#include "app/ctl/requests.h"
#include "app/ctl/table.h"
#include "app/session.h"
#include "base/clock.h"
#include "base/json_writer.h"

namespace weir::app {
namespace {

constexpr auto kPatience = std::chrono::seconds(15);
// The engine answers by the deadline; this long the answer may be on its way.
constexpr auto kGrace = std::chrono::seconds(5);
// As much as the engine takes.
constexpr std::size_t kDocumentBytesMax = std::size_t{1024} * 1024;
constexpr Duration kQuiet = std::chrono::milliseconds(500);
constexpr int kJournalPollMs = 1000;
constexpr std::uint64_t kJournalPage = 1000;

// The text of "-" or a file that is sent to the engine.
Result<std::string> read_document(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) return system_error(errno, "read " + path);
  }
  std::istream& in = path == "-" ? std::cin : file;
  std::string text(kDocumentBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return system_error(errno, "read " + path);
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kDocumentBytesMax) {
    return Error{.code = ErrorCode::Usage,
                 .sys_errno = 0,
                 .context = "read " + path + ": larger than 1 MiB, the most that the engine takes"};
  }
  return text;
}

// The engine's JSON as one line.
std::string json_line(std::string body) {
  while (body.ends_with('\n')) body.pop_back();
  return body + "\n";
}

// An answer that is text, as JSON: {"name": "..."}, with its etag where it has one.
std::string as_json(const char* name, const ApiAnswer& answer) {
  JsonWriter json;
  json.begin_object();
  if (!answer.etag.empty()) json.field("etag", answer.etag);
  json.field(name, answer.body).end_object();
  return json.take() + "\n";
}

template <typename T>
Result<std::string> rendered(Result<T> value) {
  if (!value) return std::move(value).error();
  return text_of(*value);
}

// The answer for people.
Result<std::string> text_of_answer(CtlVerb verb, const ApiAnswer& answer) {
  switch (verb) {
    case CtlVerb::Status:
      return rendered(read_status(answer.body));
    case CtlVerb::Sessions:
      return rendered(read_sessions(answer.body));
    case CtlVerb::Session:
      return rendered(read_session(answer.body));
    case CtlVerb::Interfaces:
      return rendered(read_interfaces(answer.body));
    case CtlVerb::Security:
      return rendered(read_security(answer.body));
    case CtlVerb::Pressure:
      return rendered(read_pressure(answer.body));
    case CtlVerb::Generations:
      return rendered(read_generations(answer.body));
    case CtlVerb::History:
      return rendered(read_history(answer.body));
    case CtlVerb::Policy:
      return rendered(read_policy_status(answer.body));
    case CtlVerb::Queries:
      return rendered(read_queries(answer.body));
    case CtlVerb::CancelQuery:
      return rendered(read_query(answer.body));
    case CtlVerb::Config:
      return etag_line(answer.etag) + answer.body;
    case CtlVerb::Metrics:
      return answer.body;
    default:
      return rendered(read_command_result(answer.body));
  }
}

std::string json_of_answer(CtlVerb verb, ApiAnswer answer) {
  if (verb == CtlVerb::Config) return as_json("toml", answer);
  if (verb == CtlVerb::Metrics) return as_json("metrics", answer);
  return json_line(std::move(answer.body));
}

// Packets to where the user wants them, block by block.
class TailReceiver final : public StreamReceiver {
 public:
  TailReceiver(CtlOutput& output, const EndWatch& watch) : output_(output), watch_(watch) {}

  void is_query(std::uint64_t id) override { query_ = id; }
  bool begin() override { return took(output_.open_file()); }
  bool receive(std::string_view bytes) override {
    auto blocks = blocks_.add(bytes);
    if (!blocks) return took(std::move(blocks).error());
    return took(output_.write(*blocks, &watch_));
  }
  [[nodiscard]] const Result<void>& result() const noexcept { return result_; }
  [[nodiscard]] std::uint64_t query() const noexcept { return query_; }  // 0: none was begun

 private:
  bool took(Result<void> result) {
    result_ = std::move(result);
    return result_.ok() && !watch_.ended();
  }

  CtlOutput& output_;
  const EndWatch& watch_;
  std::uint64_t query_ = 0;
  PcapngBlocks blocks_;
  Result<void> result_;
};

class EventReceiver final : public StreamReceiver {
 public:
  EventReceiver(CtlOutput& output, const EndWatch& watch, bool json)
      : output_(output), watch_(watch), json_(json) {}

  bool begin() override { return true; }
  bool receive(std::string_view bytes) override {
    auto events = stream_.add(bytes);
    if (!events) return took(std::move(events).error());
    for (const ServerSentEvent& event : *events) {
      if (!took(show(event))) return false;
    }
    return true;
  }
  [[nodiscard]] const Result<void>& result() const noexcept { return result_; }

 private:
  Result<void> show(const ServerSentEvent& event) {
    if (json_) return output_.write(json_line(event.data), &watch_);
    if (event.name == "missed") {
      return output_.write(
          "events were missed, as they came too fast: " + printable(event.data) + "\n", &watch_);
    }
    WEIR_TRY(const EventAnswer answer, read_event(event.data));
    return output_.write(text_of(answer), &watch_);
  }
  bool took(Result<void> result) {
    result_ = std::move(result);
    return result_.ok() && !watch_.ended();
  }

  CtlOutput& output_;
  const EndWatch& watch_;
  bool json_;
  EventStream stream_;
  Result<void> result_;
};

bool writes_file(CtlVerb verb) noexcept {
  return verb == CtlVerb::Tail || verb == CtlVerb::Config || verb == CtlVerb::Query;
}

// One command.
class Ctl {
 public:
  explicit Ctl(const CtlOptions& options)
      : options_(options),
        client_(options.socket, options.deadline ? *options.deadline + kGrace : Duration(kPatience),
                clock_),
        output_(writes_file(options.verb) ? options.file : "-") {}

  Result<int> run() {
    switch (options_.verb) {
      case CtlVerb::Tail:
        return tail();
      case CtlVerb::Events:
        return events();
      case CtlVerb::Journal:
        return journal();
      case CtlVerb::Health:
        return health();
      case CtlVerb::Query:
        return query();
      default:
        return ask();
    }
  }

 private:
  // A question or a command with one answer.
  Result<int> ask() {
    std::string document;
    std::string etag;
    if (options_.verb == CtlVerb::Create || options_.verb == CtlVerb::Apply) {
      WEIR_TRY(document, read_document(options_.file));
    }
    if (options_.verb == CtlVerb::Apply) {
      etag = etag_of_document(document);
      // The line is ours; kept, there would be one more with every change.
      if (!etag.empty()) document.erase(0, document.find('\n') + 1);
      if (etag.empty()) {
        WEIR_TRY(const ApiAnswer present, client_.call({.path = "/v1/config"}));
        etag = present.etag;
      }
    }
    WEIR_TRY(ApiAnswer answer,
             client_.call(request_for(options_, clock_.wall(), std::move(document), etag)));
    std::string text;
    if (options_.json) {
      text = json_of_answer(options_.verb, std::move(answer));
    } else {
      WEIR_TRY(text, text_of_answer(options_.verb, answer));
    }
    WEIR_CHECK(output_.open_file());
    WEIR_CHECK(output_.write(text));
    return 0;
  }

  Result<void> refuse_terminal(const std::string& command) const {
    if (!output_.is_terminal()) return ok();
    return Error{.code = ErrorCode::Usage,
                 .sys_errno = 0,
                 .context = "packets are not written to a terminal (-w FILE, or a pipe: weir ctl " +
                            command + " " + options_.name + " -w - | wireshark -k -i -)"};
  }

  Result<int> tail() {
    WEIR_CHECK(refuse_terminal("tail"));
    WEIR_CHECK(output_.open_pipe());
    WEIR_TRY(const auto watch, EndWatch::open(output_.fd(), client_));
    TailReceiver receiver(output_, *watch);
    return stream(receiver, std::nullopt);
  }

  Result<int> query() {
    WEIR_CHECK(refuse_terminal("query"));
    WEIR_CHECK(output_.open_pipe());
    WEIR_TRY(const auto watch, EndWatch::open(output_.fd(), client_));
    TailReceiver receiver(output_, *watch);
    const auto end = client_.stream(request_for(options_, clock_.wall()), receiver);
    if (!end && receiver.query() == 0) return Error(end.error());
    if (end.ok() && *end == StreamEnd::ByReceiver) WEIR_CHECK(receiver.result());
    if (watch->ended()) {
      print("weir: ended early: there may be more packets\n");
      return 0;
    }
    // How it ended, and what is missing; also where the answer has broken off.
    WEIR_TRY(ApiAnswer answer,
             client_.call({.path = "/v1/queries/" + std::to_string(receiver.query())}));
    WEIR_TRY(const control::QueryStatus status, read_query(answer.body));
    print(summary_of(status));
    if (options_.json) print(json_line(std::move(answer.body)), stdout);
    return end.ok() && status.state == "done" ? 0 : 1;
  }
  static void print(const std::string& text, std::FILE* to = stderr) {
    std::fwrite(text.data(), 1, text.size(), to);
  }

  Result<int> events() {
    WEIR_TRY(const auto watch, EndWatch::open(output_.fd(), client_));
    EventReceiver receiver(output_, *watch, options_.json);
    // The engine sends at once what it has kept, and no sign that this was all.
    if (!options_.follow) return stream(receiver, kQuiet);
    return stream(receiver, std::nullopt);
  }

  template <typename Receiver>
  Result<int> stream(Receiver& receiver, std::optional<Duration> quiet) {
    WEIR_TRY(const StreamEnd end,
             client_.stream(request_for(options_, clock_.wall()), receiver, quiet));
    if (end == StreamEnd::ByReceiver) WEIR_CHECK(receiver.result());
    return 0;
  }

  Result<int> journal() {
    std::unique_ptr<EndWatch> watch;
    if (options_.follow) {
      WEIR_TRY(watch, EndWatch::open(output_.fd(), client_));
    }
    std::uint64_t newest = 0;
    WEIR_CHECK(show_journal(options_.number, newest));
    while (watch != nullptr && watch->wait(kJournalPollMs)) {
      if (const auto shown = show_journal(kJournalPage, newest); !shown.ok()) {
        if (watch->ended()) break;
        return Error(shown.error());
      }
    }
    return 0;
  }

  // The rows after `newest`, which moves on, the oldest of them first.
  Result<void> show_journal(std::uint64_t rows, std::uint64_t& newest) {
    WEIR_TRY(ApiAnswer answer, client_.call(journal_request(0, rows)));
    if (options_.json && !options_.follow) return output_.write(json_line(std::move(answer.body)));
    WEIR_TRY(const std::vector<JournalAnswer> found, read_journal(answer.body));
    std::string text;
    for (auto row = found.rbegin(); row != found.rend(); ++row) {
      if (row->row.id <= newest) continue;
      newest = row->row.id;
      text += options_.json ? row->json + "\n" : text_of(row->row);
    }
    return output_.write(text);
  }

  Result<int> health() {
    WEIR_TRY(ApiAnswer answer, client_.ask(request_for(options_, clock_.wall())));
    const bool well = answer.status == 200;
    // An engine that is not well says so with this status, and so does one that is too busy.
    const bool told = well || (answer.status == 503 && answer.content_type == "application/json");
    if (!told) return refusal_of(answer);
    if (options_.json) {
      WEIR_CHECK(output_.write(json_line(std::move(answer.body))));
    } else {
      WEIR_TRY(const HealthAnswer health, read_health(answer.body));
      WEIR_CHECK(output_.write(text_of(health)));
    }
    return well ? 0 : 1;
  }

  const CtlOptions& options_;
  SystemClock clock_;
  ApiClient client_;
  CtlOutput output_;
};

std::string what_was_asked(const CtlOptions& options) {
  switch (options.verb) {
    case CtlVerb::Create:
    case CtlVerb::Apply:
      return options.file == "-" ? "" : options.file + ": ";
    default:
      return "";
  }
}

}  // namespace

int ctl(const CtlOptions& options) {
  // A closed pipe, or an engine that hangs up, is an error of the write and not of the process.
  std::signal(SIGPIPE, SIG_IGN);
  auto status = Ctl(options).run();
  if (status.ok()) return *status;
  // Whoever read the output has had enough.
  if (status.error().code == ErrorCode::Closed) return 0;
  Error error = std::move(status).error();
  error.context = what_was_asked(options) + error.context;
  return report_error(error);
}

}  // namespace weir::app
