// Any text as a configuration: it is read, or there are problems with places in the text. What is
// read is sound, reads back as the same when it is written, and differs from nothing in itself.
#include "control/config_reader.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "control/config_check.h"
#include "control/config_diff.h"
#include "control/config_writer.h"

namespace {

using weir::control::Config;
using weir::control::ConfigProblem;
using weir::control::ReadOutcome;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const ReadOutcome outcome = weir::control::read_config(text);
  for (const ConfigProblem& problem : outcome.problems) {
    WEIR_ASSERT(!problem.message.empty());
    WEIR_ASSERT(problem.at.line <= size + 1 && problem.at.column <= size + 1);
  }
  WEIR_ASSERT(outcome.problems.size() <= weir::control::kProblemsMax + 1);
  const auto session = weir::control::read_session(text);
  WEIR_ASSERT(session.ok() || !session.error().context.empty());
  if (!outcome.ok()) return 0;

  const Config& config = outcome.config;
  WEIR_ASSERT(weir::control::check_config(config).empty());
  WEIR_ASSERT(weir::control::diff(config, config).empty());
  WEIR_ASSERT(weir::control::live_part(config, config) == config);
  const std::string written = weir::control::to_toml(config);
  if (written.size() > weir::control::TomlLimits{}.text_bytes_max) return 0;
  const ReadOutcome again = weir::control::read_config(written);
  WEIR_ASSERT(again.ok());
  WEIR_ASSERT(again.config == config);
  WEIR_ASSERT(weir::control::to_toml(again.config) == written);
  return 0;
}
