#include "app/extcap/interfaces.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "app/ctl/answers.h"
#include "app/ctl/api_client.h"
#include "base/clock.h"

namespace weir::app {
namespace {

using Kind = ExtcapInterface::Kind;

// Wireshark asks several times while it starts.
constexpr auto kPatience = std::chrono::seconds(1);
constexpr std::size_t kReadableBytes = 78;

bool is_safe(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-';
}

// FNV-1a.
std::string hash_text(std::string_view text) {
  std::uint32_t hash = 2'166'136'261;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619;
  char digits[16];
  (void)std::snprintf(digits, sizeof digits, "~%08x", static_cast<unsigned>(hash));
  return digits;
}

void add(ExtcapInterfaces& to, Kind kind, std::string target) {
  std::string value = value_of(kind, target);
  const auto same = [&](const ExtcapInterface& one) { return one.value == value; };
  if (std::ranges::any_of(to.found, same)) return;
  to.found.push_back({.kind = kind, .value = std::move(value), .target = std::move(target)});
}

void add_store(ExtcapInterfaces& to, const std::string& directory) {
  std::string normal = std::filesystem::path(directory).lexically_normal().string();
  while (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  add(to, Kind::Store, std::move(normal));
}

Result<std::vector<control::SessionStatus>> ask_engine(const std::string& socket) {
  const SystemClock clock;
  ApiClient client(socket, kPatience, clock);
  WEIR_TRY(const ApiAnswer answer, client.call({.path = "/v1/sessions"}));
  return read_sessions(answer.body);
}

}  // namespace

std::string value_of(Kind kind, std::string_view target) {
  const bool is_store = kind == Kind::Store;
  std::string readable;
  bool changed = false;
  for (const char c : target.substr(is_store && target.starts_with('/') ? 1 : 0)) {
    // Each is '_' in the value of the one, and nothing else is.
    const bool stands_for_itself = is_safe(c) || c == (is_store ? '/' : '_');
    changed = changed || !stands_for_itself;
    readable += is_safe(c) ? c : '_';
  }
  if (readable.size() > kReadableBytes) {
    readable.erase(0, readable.size() - kReadableBytes);
    changed = true;
  }
  return (is_store ? "weir_store_" : "weir_session_") + readable +
         (changed ? hash_text(target) : "");
}

ExtcapInterfaces list_extcap_interfaces(const ExtcapOptions& options) {
  ExtcapInterfaces list;
  auto sessions = ask_engine(options.socket);
  if (!sessions) {
    if (sessions.error().code != ErrorCode::NotFound) list.engine = std::move(sessions).error();
  } else {
    for (const control::SessionStatus& session : *sessions) {
      if (session.origin != "tail" && session.state == "running") {
        add(list, Kind::Session, session.name);
      }
    }
    for (const control::SessionStatus& session : *sessions) {
      for (const control::OutputStatus& output : session.outputs) {
        if (output.kind == "store") add_store(list, output.path);
      }
    }
  }
  for (const std::string& directory : options.stores) add_store(list, directory);
  return list;
}

Result<ExtcapInterface> ExtcapInterfaces::at(const std::string& value) const {
  for (const ExtcapInterface& one : found) {
    if (one.value == value) return one;
  }
  std::string context = value + ": no such interface (see weir extcap --extcap-interfaces)";
  if (engine) context = value + ": " + engine->context;
  return Error{.code = engine ? engine->code : ErrorCode::UnknownInterface,
               .context = std::move(context)};
}

}  // namespace weir::app
