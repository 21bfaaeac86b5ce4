#include "telemetry/log_text.h"

#include <algorithm>
#include <limits>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/prng.h"

namespace weir::telemetry {
namespace {

constexpr Timestamp kNow{1'795'644'000'123'456'789};

std::string line_of(LogFormat format, LogFields fields, std::uint64_t suppressed = 0) {
  return log_line(format, {.time = kNow,
                           .level = LogLevel::Info,
                           .module = "capture",
                           .message = "session begun",
                           .fields = fields,
                           .suppressed = suppressed});
}

TEST(LogTextTest, WritesText) {
  EXPECT_EQ(line_of(LogFormat::Text, {{"session", "all"}, {"interfaces", "eth0,eth1"}}),
            "2026-11-25T22:00:00.123Z INFO capture: session begun session=all "
            "interfaces=eth0,eth1\n");
}

TEST(LogTextTest, WritesJson) {
  EXPECT_EQ(line_of(LogFormat::Json, {{"session", "all"}, {"packets", 7u}}, 3),
            R"({"ts":"2026-11-25T22:00:00.123Z","level":"info","module":"capture",)"
            R"("msg":"session begun","session":"all","packets":7,"suppressed":3})"
            "\n");
}

TEST(LogTextTest, WritesValuesOfAllKinds) {
  const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  const std::int64_t least = std::numeric_limits<std::int64_t>::min();
  const std::string name = "web";
  EXPECT_EQ(
      line_of(LogFormat::Text,
              {{"a", most}, {"b", least}, {"c", 0.5}, {"d", true}, {"e", name}, {"f", -1}}, 2),
      "2026-11-25T22:00:00.123Z INFO capture: session begun a=18446744073709551615 "
      "b=-9223372036854775808 c=0.5 d=true e=web f=-1 suppressed=2\n");
  const std::string json =
      line_of(LogFormat::Json, {{"a", most}, {"b", least}, {"c", 0.5}, {"d", false}});
  EXPECT_NE(json.find(R"("a":18446744073709551615,"b":-9223372036854775808,"c":0.5,"d":false)"),
            std::string::npos)
      << json;
}

TEST(LogTextTest, QuotesWhatIsNotOneWord) {
  struct Row {
    const char* value;
    const char* shown;
  };
  for (const Row& row :
       {Row{"", R"("")"}, Row{"two words", R"("two words")"}, Row{"a=b", R"("a=b")"},
        Row{"say \"x\"", R"("say \"x\"")"}, Row{"back\\slash", R"("back\\slash")"},
        Row{"one\ntwo level=error", R"("one\ntwo level=error")"},
        Row{"\x1b[31m", R"("\u001b[31m")"}, Row{"\xc2\x85", R"("\u0085")"},
        Row{"\xff", "\"\xef\xbf\xbd\""}, Row{"/var/lib/weir", "/var/lib/weir"}}) {
    EXPECT_EQ(line_of(LogFormat::Text, {{"value", row.value}}),
              std::string("2026-11-25T22:00:00.123Z INFO capture: session begun value=") +
                  row.shown + "\n");
  }
}

TEST(LogTextTest, CutsValuesAtTheirLimit) {
  const std::string value(std::size_t{1} << 20, 'x');
  const std::string cut = std::string(kLogValueMax, 'x') + "...";
  EXPECT_TRUE(line_of(LogFormat::Text, {{"value", value}}).ends_with(" value=" + cut + "\n"));
  EXPECT_TRUE(line_of(LogFormat::Json, {{"value", value}}).ends_with(":\"" + cut + "\"}\n"));
}

TEST(LogTextTest, MakesOneSoundLineOfAnyBytes) {
  const std::uint64_t seed = 5;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Prng random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string value(random.below(40), '\0');
    for (char& c : value) c = static_cast<char>(random.below(256));
    for (const LogFormat format : {LogFormat::Text, LogFormat::Json}) {
      const std::string line = line_of(format, {{"value", value}});
      ASSERT_EQ(line.find('\n'), line.size() - 1);
      ASSERT_TRUE(std::ranges::none_of(line.substr(0, line.size() - 1), [](char c) {
        return (c >= 0 && c < 0x20) || c == 0x7f;
      })) << line;
      if (format == LogFormat::Json) {
        ASSERT_TRUE(nlohmann::json::accept(line)) << line;
      }
    }
  }
}

}  // namespace
}  // namespace weir::telemetry
