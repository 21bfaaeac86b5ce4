#include "control/json_reader.h"

#include <string>

#include <gtest/gtest.h>

#include "control/api_json.h"

namespace weir::control {
namespace {

TEST(JsonReader, ReadsPlainValues) {
  const auto members =
      read_flat_object(R"( {"a": "x\n\u00e4", "b": 7, "c": -7, "d": 1.5, "e": true, "f": null} )");
  ASSERT_TRUE(members.ok()) << members.error().context;
  ASSERT_EQ(members->size(), 6u);
  EXPECT_EQ(std::get<std::string>((*members)[0].second), "x\n\xc3\xa4");
  EXPECT_EQ(std::get<std::uint64_t>((*members)[1].second), 7u);
  EXPECT_EQ(std::get<std::int64_t>((*members)[2].second), -7);
  EXPECT_EQ(std::get<double>((*members)[3].second), 1.5);
  EXPECT_EQ(std::get<bool>((*members)[4].second), true);
  EXPECT_EQ(std::get<std::nullptr_t>((*members)[5].second), nullptr);
  EXPECT_TRUE(read_flat_object("{}")->empty());
}

TEST(JsonReader, RefusesEverythingElse) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "[";
  std::string many = "{";
  for (int i = 0; i < 65; ++i) many += "\"" + std::to_string(i) + "\":1,";
  many += "\"x\":1}";
  for (const std::string& text : std::initializer_list<std::string>{"",
                                                                    "x",
                                                                    "7",
                                                                    "\"a\"",
                                                                    "null",
                                                                    "[]",
                                                                    "[1]",
                                                                    "{",
                                                                    "{}x",
                                                                    "{} {}",
                                                                    "{\"a\"}",
                                                                    "{a:1}",
                                                                    "{\"a\":[1]}",
                                                                    "{\"a\":{}}",
                                                                    "{\"a\":1,\"a\":2}",
                                                                    "{\"a\":1,}",
                                                                    "{\"a\":1e999}",
                                                                    "{\"a\":\"\xff\"}",
                                                                    "{\"a\":\"\\ud800\"}",
                                                                    "\xef\xbb\xbf",
                                                                    deep,
                                                                    many}) {
    const auto members = read_flat_object(text);
    ASSERT_FALSE(members.ok()) << text.substr(0, 100);
    EXPECT_EQ(members.error().code, ErrorCode::Usage);
  }
}

TEST(RequestBodies, AreReadByTheirFields) {
  EXPECT_EQ(filter_request(R"({"filter":"tcp"})")->filter, "tcp");
  EXPECT_EQ(log_level_request(R"({"level":"debug"})")->module, "");
  EXPECT_EQ(log_level_request(R"({"module":"capture","level":"debug"})")->module, "capture");
  EXPECT_EQ(rollback_request("{}")->generation, 0u);
  EXPECT_EQ(rollback_request(R"({"generation":18446744073709551615})")->generation,
            18'446'744'073'709'551'615u);
}

TEST(RequestBodies, SayWhatIsWrong) {
  EXPECT_NE(filter_request("{}").error().context.find("\"filter\" is missing"), std::string::npos);
  EXPECT_NE(filter_request(R"({"filter":7})").error().context.find("not a string"),
            std::string::npos);
  EXPECT_NE(filter_request(R"({"filter":"","filters":""})")
                .error()
                .context.find("\"filters\" is not known (there are: filter)"),
            std::string::npos);
  EXPECT_FALSE(rollback_request(R"({"generation":-1})").ok());
  EXPECT_FALSE(rollback_request(R"({"generation":1.5})").ok());
  EXPECT_FALSE(rollback_request(R"({"generation":18446744073709551616})").ok());
  EXPECT_FALSE(rollback_request(R"({"generation":"1"})").ok());
}

}  // namespace
}  // namespace weir::control
