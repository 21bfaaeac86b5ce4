#include "app/commands/completion.h"

#include <cstdio>

#include "app/ctl/answers.h"
#include "app/ctl/api_client.h"
#include "app/ctl/options.h"
#include "app/ctl/table.h"
#include "base/clock.h"
#include "interface/network_interfaces.h"

namespace weir::app {
namespace {

std::vector<std::string> session_names(const std::string& socket) {
  const SystemClock clock;
  ApiClient client(socket.empty() ? kControlSocket : socket, std::chrono::seconds(1), clock);
  const auto answer = client.call({.path = "/v1/sessions"});
  if (!answer) return {};
  const auto sessions = read_sessions(answer->body);
  if (!sessions) return {};
  std::vector<std::string> names;
  for (const control::SessionStatus& session : *sessions) names.push_back(session.name);
  return names;
}

std::vector<std::string> interface_names() {
  const auto interfaces = interface::list_network_interfaces();
  if (!interfaces) return {};
  std::vector<std::string> names;
  for (const interface::NetworkInterface& one : *interfaces) names.push_back(one.name);
  return names;
}

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

}  // namespace

int completion(const CompletionOptions& options) {
  if (!options.shell.empty()) {
    const auto script = completion_script(options.shell);
    if (script) print(*script);
    return script ? 0 : 2;
  }
  Completion found = complete(options.root, options.words);
  switch (found.source) {
    case ValueSource::None:
      break;
    case ValueSource::Files:
      print(":files\n");
      break;
    case ValueSource::Directories:
      print(":directories\n");
      break;
    case ValueSource::Interfaces:
      add_candidates(found, interface_names());
      break;
    case ValueSource::Sessions:
      add_candidates(found, session_names(found.socket));
      break;
  }
  for (const Candidate& candidate : found.candidates) {
    print(printable(candidate.word) + "\t" + printable(candidate.description) + "\n");
  }
  return 0;
}

}  // namespace weir::app
