#include "app/commands/extcap.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <string>
#include <utility>

#include "app/commands/ctl.h"
#include "app/commands/query.h"
#include "app/extcap/interfaces.h"
#include "app/extcap/sentences.h"
#include "app/query_report.h"
#include "app/session.h"
#include "base/unique_fd.h"
#include "filter/frame_filter.h"

namespace weir::app {
namespace {

using Kind = ExtcapInterface::Kind;

void print(const std::string& text, std::FILE* to = stdout) {
  std::fwrite(text.data(), 1, text.size(), to);
}

// While somebody types: no packets are looked at, so it is good when it is for one of the usual
// link types.
Result<void> check_filter(const std::string& expression) {
  constexpr std::array kUsual = {LinkType::Ethernet, LinkType::Raw, LinkType::LinuxSll2};
  std::optional<Error> first;
  for (const LinkType link_type : kUsual) {
    filter::FrameFilter filter(expression, filter::Scope::Frame);
    auto prepared = filter.prepare(link_type);
    if (prepared) return ok();
    if (!first) first = std::move(prepared).error();
  }
  return std::move(*first);
}

int capture_store(const ExtcapOptions& options, const std::string& directory) {
  QueryOptions query = options.query;
  query.stores = {directory};
  if (query.filter.empty()) query.filter = options.capture_filter;
  query.write_paths = {options.fifo};
  auto report = answer_query(query);
  if (!report) return report_error(report.error());
  // Wireshark has had enough: what it did not want to see is not missing.
  if (report->limited || (report->error && report->error->code == ErrorCode::Closed)) return 0;
  print(query_missing(*report), stderr);
  if (!report->error) return 0;
  // What is damaged has been told.
  const int status = exit_status(report->error->code);
  return report->counts.damaged.count() == 0 ? report_error(*report->error) : status;
}

int capture_session(const ExtcapOptions& options, const std::string& name) {
  return ctl({.verb = CtlVerb::Tail,
              .socket = options.socket,
              .name = name,
              .text = options.capture_filter,
              .file = options.fifo});
}

bool asks_of_a_store(const QueryOptions& query) {
  return !query.window.everything() || !query.filter.empty() || !query.community_id.empty() ||
         query.scope != filter::Scope::Frame || query.packets_max != 0;
}

int capture(const ExtcapOptions& options, const ExtcapInterface& interface) {
  if (interface.kind == Kind::Store) return capture_store(options, interface.target);
  if (asks_of_a_store(options.query)) {
    return report_error({.code = ErrorCode::Usage,
                         .context = interface.value +
                                    ": a session takes a capture filter only (its store takes "
                                    "times and the rest)"});
  }
  return capture_session(options, interface.target);
}

// Held while there is something to be said: whoever waits at the other end of a pipe that nobody
// opened waits for ever, also when all that comes is an error. Waits for its reader, and takes
// nothing else than a pipe.
UniqueFd hold_open(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0 || !S_ISFIFO(facts.st_mode)) return {};
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
}

}  // namespace

int extcap(const ExtcapOptions& options) {
  using Ask = ExtcapOptions::Ask;
  if (options.ask == Ask::Nothing) return 0;
  UniqueFd pipe;
  if (options.ask == Ask::Capture) pipe = hold_open(options.fifo);
  if (!options.problem.empty()) {
    return report_error({.code = ErrorCode::Usage, .context = options.problem});
  }
  const ExtcapInterfaces interfaces = list_extcap_interfaces(options);
  if (options.ask == Ask::Interfaces) {
    print(extcap_interfaces_text(interfaces));
    if (interfaces.engine) print("weir: " + interfaces.engine->context + "\n", stderr);
    return 0;
  }
  const auto interface = interfaces.at(options.interface);
  if (options.ask == Ask::Filter) {
    // A word on standard output is what is wrong with the filter.
    auto checked = interface ? check_filter(options.capture_filter) : Error(interface.error());
    if (!checked) print(checked.error().context + "\n");
    return 0;
  }
  if (!interface) return report_error(interface.error());
  if (options.ask == Ask::LinkTypes) print(extcap_link_types_text());
  if (options.ask == Ask::Arguments) print(extcap_arguments_text(interface->kind));
  return options.ask == Ask::Capture ? capture(options, *interface) : 0;
}

}  // namespace weir::app
