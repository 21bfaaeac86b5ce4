// The command line of stores: `weir store`, `weir query`, `weir extcap`, and --store of the
// commands that write one; and of `weir policy`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "app/extcap/flags.h"
#include "app/options.h"
#include "app/policy_options.h"
#include "app/query_flags.h"

namespace CLI {  // NOLINT(readability-identifier-naming)
class App;
}

namespace weir::app {

// The bounds of a store, as options with a common beginning.
struct BoundsFlags {
  std::string age;
  std::string size;
  std::string free;
  std::string prefix;  // "--keep"

  // "--keep", "--keep-size" and "--keep-free" for the prefix "--keep".
  void add_to(CLI::App& command, const std::string& with_prefix);
  [[nodiscard]] bool any() const noexcept { return !age.empty() || !size.empty() || !free.empty(); }
  // The text of an error, or nothing.
  std::optional<std::string> parse(storage::segment::RetentionBounds& out) const;
};

// Must outlive the parsing of the command line that it was added to.
class StoreFlags {
 public:
  // Adds the command `store` with all that is under it.
  explicit StoreFlags(CLI::App& app);
  ~StoreFlags();
  StoreFlags(const StoreFlags&) = delete;
  StoreFlags& operator=(const StoreFlags&) = delete;

  // The command was given.
  [[nodiscard]] bool chosen() const;
  // Joins what the flags said; the text of an error, or nothing.
  std::optional<std::string> finish();
  [[nodiscard]] const StoreOptions& options() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// Adds the command `query`. `words` outlives the parsing.
void add_query_command(CLI::App& app, QueryWords& words);

// Adds the command `policy` with all that is under it. Likewise.
void add_policy_command(CLI::App& app, PolicyWords& words);

// Adds the command `extcap`. Likewise.
void add_extcap_command(CLI::App& app, ExtcapWords& words);

// --store DIR and what goes with it, and --spill DIR. Likewise.
class StoreOutputFlags {
 public:
  void add_to(CLI::App& command);
  // The text of an error, or nothing.
  std::optional<std::string> finish();
  void put_into(PipelineOptions& options) const;

 private:
  std::optional<std::string> finish_spill();

  StorePlan plan_;
  SpillPlan spill_;
  std::string spill_size_;
  std::string segment_;
  std::string chunk_;
  std::string durability_ = "segment";
  std::string compression_ = "none";
  BoundsFlags keep_;
};

}  // namespace weir::app
