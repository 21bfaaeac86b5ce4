// Any text as a policy document: it is read, or there are problems with places in the text. What is
// read keeps its promises, and a higher level never allows what a lower one forbids.
#include "control/policy_reader.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"

namespace {

using weir::security::EffectivePolicy;
using weir::security::ThreatLevel;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const weir::control::PolicyOutcome outcome = weir::control::read_policy(text);
  for (const weir::control::ConfigProblem& problem : outcome.problems) {
    WEIR_ASSERT(!problem.message.empty());
    WEIR_ASSERT(problem.at.line <= size + 1 && problem.at.column <= size + 1);
  }
  WEIR_ASSERT(outcome.problems.size() <= weir::control::kProblemsMax);
  if (!outcome.ok()) return 0;

  const weir::security::PolicyDocument& document = outcome.document;
  WEIR_ASSERT(document.version > 0);
  WEIR_ASSERT(document.issued < document.expires);
  EffectivePolicy before = effective_policy(document, ThreatLevel::Normal);
  WEIR_ASSERT(before.sources == document.sources);
  for (const ThreatLevel level :
       {ThreatLevel::Elevated, ThreatLevel::High, ThreatLevel::Critical}) {
    const EffectivePolicy now = effective_policy(document, level);
    WEIR_ASSERT(now.destinations == document.destinations);
    WEIR_ASSERT(now.sources.nets == document.sources.nets);
    WEIR_ASSERT(now.sources.deny_nets.size() >= before.sources.deny_nets.size());
    WEIR_ASSERT(now.sources.deny_macs.size() >= before.sources.deny_macs.size());
    WEIR_ASSERT(now.sources.deny_vnis.size() >= before.sources.deny_vnis.size());
    WEIR_ASSERT(now.sources.block || !before.sources.block);
    before = now;
  }
  return 0;
}
