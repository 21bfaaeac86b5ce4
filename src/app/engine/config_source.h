// With which configuration an engine begins: that of its file, or the one that was in force when it
// ended, with what was changed through the API.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/config.h"
#include "control/config_manager.h"
#include "storage/state_store.h"

namespace weir::app {

// ConfigManager's generations in the state store. Borrowed.
class StoredGenerations final : public control::GenerationStore {
 public:
  explicit StoredGenerations(storage::StateStore& store) : store_(store) {}

  Result<void> append(const control::Generation& generation) override;
  Result<control::Generation> get(std::uint64_t number) const override;
  Result<control::Generation> latest() const override;
  Result<std::vector<control::Generation>> list() const override;

 private:
  storage::StateStore& store_;
};

std::vector<std::string> names_of(const std::vector<control::SessionConfig>& sessions);

struct StartConfig {
  control::Config config;
  std::string why;                         // for the journal
  std::vector<std::string> file_sessions;  // those that the file has
  std::vector<std::string> finished;       // that had reached their limits
};

// A file that is as it was when the engine began last time gives way to the last generation;
// a changed one counts, together with the sessions that were made through the API.
Result<StartConfig> choose_config(const control::Config& file, storage::StateStore& store);
// Remembers the file as the one that choose_config() compares with.
Result<void> remember_file(const control::Config& file, storage::StateStore& store);

// `file`, and the sessions of `wanted` that the API made.
control::Config with_api_sessions(control::Config file, const control::Config& wanted,
                                  const std::vector<std::string>& file_sessions);

}  // namespace weir::app
