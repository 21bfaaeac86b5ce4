#include "base/json_writer.h"

#include <limits>

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(JsonWriterTest, NestsObjectsAndArrays) {
  JsonWriter json;
  json.begin_object().field("name", "all").key("rules").begin_array();
  json.value(1u).value(-2).value(true).null().begin_object().end_object().end_array();
  json.field("last", 0.5).end_object();
  EXPECT_EQ(json.text(), R"({"name":"all","rules":[1,-2,true,null,{}],"last":0.5})");
}

TEST(JsonWriterTest, EscapesWhatWouldEndOrBreakAString) {
  std::string out;
  append_json_string(out, std::string_view("a\"b\\c\n\r\t\x01\x7f\0z", 12));
  EXPECT_EQ(out, R"("a\"b\\c\n\r\t\u0001\u007f\u0000z")");
}

TEST(JsonWriterTest, KeepsUtf8AndReplacesWhatIsNone) {
  std::string out;
  append_json_string(out, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(out, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
  for (const char* bad : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    out.clear();
    append_json_string(out, bad);
    EXPECT_NE(out.find("\xef\xbf\xbd"), std::string::npos);
  }
}

TEST(JsonWriterTest, WritesNumbersThatReadBackAsThemselves) {
  JsonWriter json;
  json.begin_array().value(std::numeric_limits<std::uint64_t>::max());
  json.value(std::numeric_limits<std::int64_t>::min()).value(0.1);
  json.value(std::numeric_limits<double>::infinity()).end_array();
  EXPECT_EQ(json.text(), "[18446744073709551615,-9223372036854775808,0.1,null]");
}

}  // namespace
}  // namespace weir
