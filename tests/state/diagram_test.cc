#include "state/diagram.h"

#include <gtest/gtest.h>

#include "state/module_state.h"
#include "state/session_state.h"

namespace weir::state {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Diagram, DrawsEveryRowWithItsGuardAndTimeout) {
  const std::string text = mermaid(drawing_of(kModuleTable));
  EXPECT_TRUE(
      text.starts_with("stateDiagram-v2\n    [*] --> down\n    down --> starting : start\n"))
      << text;
  EXPECT_TRUE(has(text, "    starting --> given_up : failed [exhausted]\n")) << text;
  EXPECT_TRUE(has(text, "    starting --> stopping : timed_out (10 s)\n")) << text;
  EXPECT_TRUE(has(text, "    backing_off --> down : timed_out (100 ms)\n")) << text;
  EXPECT_TRUE(has(text, "    starting : entry / begin_start\n")) << text;
  EXPECT_FALSE(has(text, "--> [*]")) << "it has no final state: " << text;
}

TEST(Diagram, DrawsTheEnds) {
  const std::string text = mermaid(drawing_of(kSessionTable));
  EXPECT_TRUE(has(text, "    stopped --> [*]\n")) << text;
  EXPECT_TRUE(has(text, "    finished --> [*]\n")) << text;
  EXPECT_FALSE(has(text, "    failed --> [*]\n")) << text;
}

TEST(Diagram, ListsWhatBecomesOfEveryOtherEvent) {
  const std::string text = states_table(drawing_of(kSessionTable));
  EXPECT_TRUE(has(text,
                  "| `running` | passing | it is offered every packet of its interfaces | refuses "
                  "`open`, `resume`, `retry`; takes `opened`, `closed` for a `fault` |\n"))
      << text;
}

}  // namespace
}  // namespace weir::state
