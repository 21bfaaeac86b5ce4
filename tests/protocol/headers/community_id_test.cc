// The innermost tuple, seen from outside: Community IDs as tshark computed them over the whole data set.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "support/data_set.h"
#include "support/headers_of.h"
#include "support/tshark_community_id.h"

namespace weir::test {
namespace {

using Counts = std::map<std::string, int>;

TEST(CommunityId, EqualsTsharkOverTheDataSet) {
  WEIR_SKIP_WITHOUT_DATA();
  std::ifstream table(data_set_dir() / "expected" / "communityid.jsonl");
  std::string line;
  std::size_t flows = 0;
  while (std::getline(table, line)) {
    const nlohmann::json row = nlohmann::json::parse(line);
    const std::string file = row["file"];
    const Counts expected = row["ids"].get<Counts>();
    Counts counted;
    const std::vector<CapturedFrame> frames = read_frames(data_set_dir() / file);
    const std::vector<Parsed> parsed = parse_all(frames);
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const std::string id = community_id_by_tshark(frames[i], parsed[i]);
      if (!id.empty()) ++counted[id];
    }
    flows += expected.size();
    EXPECT_EQ(counted, expected) << file;
  }
  std::cout << flows << " flows\n";
}

}  // namespace
}  // namespace weir::test
