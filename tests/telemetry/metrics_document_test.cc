// docs/metrics.md says what the tables say. After a change of a table, WEIR_UPDATE=1 writes it
// anew:
//   WEIR_UPDATE=1 ctest --test-dir build/asan -R MetricsDocument
#include "telemetry/metrics_document.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace weir::telemetry {
namespace {

TEST(MetricsDocument, SaysWhatTheTablesSay) {
  const char* root = std::getenv("WEIR_SOURCE_DIR");
  ASSERT_NE(root, nullptr) << "run by ctest, or set WEIR_SOURCE_DIR";
  const std::string path = std::string(root) + "/docs/metrics.md";
  if (std::getenv("WEIR_UPDATE") != nullptr) std::ofstream(path) << metrics_document();
  std::stringstream found;
  found << std::ifstream(path).rdbuf();
  EXPECT_EQ(found.str(), metrics_document()) << "WEIR_UPDATE=1 writes " << path << " anew";
}

}  // namespace
}  // namespace weir::telemetry
