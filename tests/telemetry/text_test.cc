#include "telemetry/text.h"

#include <limits>

#include <gtest/gtest.h>

namespace weir::telemetry {
namespace {

std::string clean(std::string_view text, std::size_t bytes_max = 100) {
  std::string out = ">";
  append_clean(out, text, bytes_max);
  return out.substr(1);
}

TEST(TextTest, KeepsWhatIsUtf8) {
  EXPECT_EQ(clean(""), "");
  EXPECT_EQ(clean("eth0"), "eth0");
  EXPECT_EQ(clean("\xc3\xa9\n\t\x01"), "\xc3\xa9\n\t\x01");
  EXPECT_EQ(clean(std::string_view("a\0b", 3)), std::string("a\0b", 3));
}

TEST(TextTest, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(clean("a\xff"), "a\xef\xbf\xbd");
  EXPECT_EQ(clean("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd") << "a character without its end";
}

TEST(TextTest, CutsBetweenCharacters) {
  EXPECT_EQ(clean("abcdef", 6), "abcdef");
  EXPECT_EQ(clean("abcdefg", 6), "abcdef...");
  EXPECT_EQ(clean("ab\xe2\x82\xac", 4), "ab...");
  EXPECT_EQ(clean("\xff\xff", 3), "\xef\xbf\xbd...") << "what replaces counts too";
}

std::string quoted(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

TEST(TextTest, EscapesWhatTerminalsObeyAndReadersTakeForLineBreaks) {
  EXPECT_EQ(quoted("a \"b\"\n\x1b[31m"), R"("a \"b\"\n\u001b[31m")");
  EXPECT_EQ(quoted("\xc2\x9b"
                   "31m\xc2\x85"),
            R"("\u009b31m\u0085")");
  EXPECT_EQ(quoted("\xe2\x80\xa8\xe2\x80\xa9"), R"("\u2028\u2029")");
  EXPECT_EQ(quoted("\xc2\xa0\xc3\xa9\xe2\x80\xaa"), "\"\xc2\xa0\xc3\xa9\xe2\x80\xaa\"");
}

std::string decimal(std::uint64_t number, unsigned decimals) {
  std::string out;
  append_decimal(out, number, decimals);
  return out;
}

TEST(TextTest, WritesDecimalsExactly) {
  EXPECT_EQ(decimal(0, 9), "0");
  EXPECT_EQ(decimal(1, 9), "0.000000001");
  EXPECT_EQ(decimal(2'500'000'000, 9), "2.5");
  EXPECT_EQ(decimal(7, 0), "7");
  EXPECT_EQ(decimal(std::numeric_limits<std::uint64_t>::max(), 9), "18446744073.709551615");
}

TEST(TextTest, WritesTimeAsRfc3339) {
  EXPECT_EQ(rfc3339({1'795'644'000'123'456'789}), "2026-11-25T22:00:00.123Z");
  EXPECT_EQ(rfc3339({0}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339({-1}), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(rfc3339({1'709'164'800'000'000'000}), "2024-02-29T00:00:00.000Z");
}

}  // namespace
}  // namespace weir::telemetry
