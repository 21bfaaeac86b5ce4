// What the tests of the stores share.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "storage/report_queue.h"
#include "storage/state_store.h"
#include "storage/store_observer.h"
#include "storage/telemetry_store.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace weir::storage {

class RecordedWarnings final : public StoreObserver {
 public:
  void store_warning(std::string_view sentence) override { sentences.emplace_back(sentence); }

  std::vector<std::string> sentences;
};

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

inline void write_file(const std::string& path, const std::string& content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
}

// Names in the folder of `path` that begin with its name and this.
inline std::vector<std::string> siblings(const std::string& path, const std::string& begin) {
  std::vector<std::string> names;
  const std::filesystem::path whole(path);
  for (const auto& entry : std::filesystem::directory_iterator(whole.parent_path())) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(whole.filename().string() + begin)) names.push_back(name);
  }
  return names;
}

inline std::string random_text(Prng& random, std::size_t bytes_max) {
  std::string text(random.below(bytes_max + 1), '\0');
  for (char& c : text) c = static_cast<char>(random.below(256));
  return text;
}

inline state::TransitionRecord transition(std::uint64_t number) {
  return {.when = {static_cast<std::int64_t>(1'700'000'000'000'000'000 + number)},
          .machine = "session s" + std::to_string(number % 7),
          .from = "running",
          .event = "pause",
          .to = "paused",
          .who = "alice (uid 1000)",
          .why = "number " + std::to_string(number),
          .generation = number};
}

inline Generation generation(std::uint64_t number, std::size_t toml_bytes = 200) {
  std::string toml = "# generation " + std::to_string(number) + "\n";
  Prng random(number);
  while (toml.size() < toml_bytes) toml += std::to_string(random.next());
  toml.resize(std::max(toml_bytes, toml.find('\n') + 1));
  return {.number = number,
          .when = {static_cast<std::int64_t>(number)},
          .who = "root",
          .why = "reload",
          .toml = toml};
}

inline void expect_same(const Generation& stored, const Generation& expected) {
  EXPECT_EQ(stored.number, expected.number);
  EXPECT_EQ(stored.when, expected.when);
  EXPECT_EQ(stored.who, expected.who);
  EXPECT_EQ(stored.why, expected.why);
  EXPECT_EQ(stored.toml, expected.toml);
}

// The store, which must open without a warning.
inline std::unique_ptr<StateStore> open_state(const std::string& path, const Clock& clock,
                                              const StateStoreOptions& options = {}) {
  auto opened = StateStore::open(path, options, clock);
  EXPECT_TRUE(opened) << opened.error().context;
  if (!opened) return nullptr;
  EXPECT_EQ(opened->warning, "");
  return std::move(opened->store);
}

inline std::unique_ptr<TelemetryStore> open_samples(const std::string& path, const Clock& clock,
                                                    const TelemetryStoreOptions& options = {}) {
  auto opened = TelemetryStore::open(path, options, clock);
  EXPECT_TRUE(opened) << opened.error().context;
  if (!opened) return nullptr;
  EXPECT_EQ(opened->warning, "");
  return std::move(opened->store);
}

}  // namespace weir::storage
