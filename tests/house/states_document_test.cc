// docs/states.md is drawn from the tables. WEIR_UPDATE=1 writes it anew.
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "interface/link_monitor.h"
#include "output/spill_state.h"
#include "security/policy_state.h"
#include "security/threat.h"
#include "state/diagram.h"
#include "state/engine_state.h"
#include "state/lifecycle.h"
#include "state/module_state.h"
#include "state/pressure.h"
#include "state/session_state.h"
#include "storage/segment/segment_life.h"

namespace weir {
namespace {

template <typename T>
std::string section(std::string_view title, std::string_view about, const T& table) {
  const state::Drawing drawing = state::drawing_of(table);
  return "\n## " + std::string(title) + "\n\n" + std::string(about) + "\n\n```mermaid\n" +
         state::mermaid(drawing) + "```\n\n" + state::states_table(drawing);
}

std::string document() {
  return "# States\n\nThe machines of weir, drawn from the tables that they run by "
         "(`src/state/table.h`): edit a table, then run `states_document_test` with "
         "`WEIR_UPDATE=1`.\n\nAn arrow is `event [guard] (timeout)`; a timeout is the usual one, "
         "which a configuration may change. A *passing* state is left again, a *resting* one may "
         "last, after a *final* one nothing follows. Events that no arrow shows stand in the last "
         "column; one that has only arrows with guards stands there for when no guard allows "
         "it.\n" +
         section("Engine", "`src/state/engine_state.h`. The supervisor makes it of the modules'.",
                 state::kEngineTable) +
         section("Module", "`src/state/module_state.h`. Driven by the supervisor.",
                 state::kModuleTable) +
         section("Session", "`src/state/session_state.h`. Driven by commands and by the capture.",
                 state::kSessionTable) +
         section("Lifecycle",
                 "`src/state/lifecycle.h`. Of each worker, and of `weir read` and `weir capture`.",
                 state::kLifecycleTable) +
         section("Link", "`src/interface/link_monitor.h`. Of each network interface.",
                 interface::kLinkTable) +
         section("Segment",
                 "`src/storage/segment/segment_life.h`. Of each file of a packet store, as its "
                 "manifest tells it.",
                 storage::segment::kLifeTable) +
         section("Pressure",
                 "`src/state/pressure.h`. Of each place where something can become short: "
                 "docs/pressure.md.",
                 state::kPressureTable) +
         section("Pipe", "`src/output/spill_state.h`. Of a pipe with a spill queue.",
                 output::kSpillTable) +
         section("Policy", "`src/security/policy_state.h`. Of the policy document of an engine.",
                 security::kPolicyTable) +
         section("Threat", "`src/security/threat.h`. It follows what the engine counts of attacks.",
                 security::kThreatTable);
}

TEST(StatesDocument, IsDrawnFromTheTables) {
  const char* root = std::getenv("WEIR_SOURCE_DIR");
  ASSERT_NE(root, nullptr) << "run by ctest, or set WEIR_SOURCE_DIR";
  const std::string path = std::string(root) + "/docs/states.md";
  if (const char* update = std::getenv("WEIR_UPDATE"); update != nullptr && *update == '1') {
    std::ofstream(path) << document();
  }
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(text, document()) << "WEIR_UPDATE=1 writes it anew";
}

}  // namespace
}  // namespace weir
