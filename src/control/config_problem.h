// What is wrong with a configuration: where, and in words.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "control/config.h"
#include "control/toml.h"

namespace weir::control {

// More are not told: a hostile text could have a million.
inline constexpr std::size_t kProblemsMax = 1'000;

// A value within a Config, by position.
struct ConfigPlace {
  std::string_view section;         // "engine", "interface", "session", ...: see config_schema.h
  std::optional<std::size_t> item;  // of an array of tables, from 0
  std::optional<std::size_t> rule;  // of a session
  std::string_view key;             // within its section: "pcapng.path"; empty: the whole table
};

struct ConfigProblem {
  ConfigPlace place;
  TomlPlace at;      // in the text, when there is one
  std::string path;  // "session.filtre" where `at` says which one, else "session[web].filter"
  std::string message;
};

// "session[web].rule[3].net": items by name, or by number from 1 where there is none.
std::string path_of(const ConfigPlace& place, const Config& config);

// "12:3: session.filtre: unknown key (did you mean 'filter'?)", with "FILE:" in front when a file
// is named.
std::string text_of(const ConfigProblem& problem, std::string_view file = {});

// All of them as one error (ErrorCode::Usage), a line each.
Error error_of(const std::vector<ConfigProblem>& problems, std::string_view file = {});

}  // namespace weir::control
