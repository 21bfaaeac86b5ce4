#include "app/engine/config_source.h"

#include <algorithm>
#include <cstdint>

#include "control/config_reader.h"
#include "control/config_writer.h"

namespace weir::app {
namespace {

constexpr std::string_view kFileKey = "configuration file";

// FNV-1a: whether the file is the same, not whether somebody forged it.
std::string digest_of(const control::Config& file) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : control::to_toml(file)) {
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3u;
  }
  return std::to_string(hash);
}

control::Generation summary_of(storage::GenerationSummary row) {
  return {
      .number = row.number, .when = row.when, .who = std::move(row.who), .why = std::move(row.why)};
}

control::Generation generation_of(storage::Generation row) {
  return {.number = row.number,
          .when = row.when,
          .who = std::move(row.who),
          .why = std::move(row.why),
          .toml = std::move(row.toml)};
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Result<void> StoredGenerations::append(const control::Generation& generation) {
  return store_.append_generation({.number = generation.number,
                                   .when = generation.when,
                                   .who = generation.who,
                                   .why = generation.why,
                                   .toml = generation.toml});
}

Result<control::Generation> StoredGenerations::get(std::uint64_t number) const {
  WEIR_TRY(storage::Generation row, store_.generation(number));
  return generation_of(std::move(row));
}

// The number above which the next one must be is that of the newest, sound or not.
Result<control::Generation> StoredGenerations::latest() const {
  WEIR_TRY(const std::uint64_t newest, store_.newest_generation());
  if (newest == 0) return control::Generation{};
  WEIR_TRY(auto sound, store_.latest_generation());
  if (sound && sound->number == newest) return generation_of(std::move(*sound));
  return control::Generation{.number = newest};
}

Result<std::vector<control::Generation>> StoredGenerations::list() const {
  WEIR_TRY(auto rows, store_.generations());
  std::vector<control::Generation> list;
  for (storage::GenerationSummary& row : rows) list.push_back(summary_of(std::move(row)));
  return list;
}

std::vector<std::string> names_of(const std::vector<control::SessionConfig>& sessions) {
  std::vector<std::string> names;
  for (const control::SessionConfig& session : sessions) names.push_back(session.name);
  return names;
}

Result<StartConfig> choose_config(const control::Config& file, storage::StateStore& store) {
  StartConfig start{.config = file, .why = "start", .file_sessions = names_of(file.sessions)};
  WEIR_TRY(const auto digest, store.get(kFileKey));
  WEIR_TRY(const auto latest, store.latest_generation());
  WEIR_TRY(const auto records, store.sessions());
  if (latest && digest == digest_of(file)) {
    control::ReadOutcome before = control::read_config(latest->toml);
    if (before.ok()) {
      start.config = std::move(before.config);
      start.why = "start, as generation " + std::to_string(latest->number) + " left it";
    }
  } else if (latest) {
    for (const storage::SessionRecord& record : records) {
      if (record.origin != "api" || has(start.file_sessions, record.name)) continue;
      auto session = control::read_session(record.definition);
      if (session) start.config.sessions.push_back(std::move(*session));
    }
    start.why = "start with a changed file";
  }
  for (const storage::SessionRecord& record : records) {
    if (record.state != "finished") continue;
    for (const control::SessionConfig& session : start.config.sessions) {
      if (session.name == record.name && control::to_toml(session) == record.definition) {
        start.finished.push_back(record.name);
      }
    }
  }
  return start;
}

Result<void> remember_file(const control::Config& file, storage::StateStore& store) {
  return store.put(kFileKey, digest_of(file));
}

control::Config with_api_sessions(control::Config file, const control::Config& wanted,
                                  const std::vector<std::string>& file_sessions) {
  const std::vector<std::string> names = names_of(file.sessions);
  for (const control::SessionConfig& session : wanted.sessions) {
    if (has(file_sessions, session.name) || has(names, session.name)) continue;
    file.sessions.push_back(session);
  }
  return file;
}

}  // namespace weir::app
