// Strings of JSON from bytes that may be anything.
#include "output/json_text.h"

#include <array>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/prng.h"

namespace weir::output {
namespace {

std::string json_of(std::string_view text) {
  std::string out(2 + kJsonEscapeMax * text.size(), '?');
  out.resize(static_cast<std::size_t>(write_json_string(out.data(), text) - out.data()));
  return out;
}

TEST(JsonText, IsTheTextBetweenQuotes) {
  EXPECT_EQ(json_of(""), R"("")");
  EXPECT_EQ(json_of("ShADadFf"), R"("ShADadFf")");
  EXPECT_EQ(json_of("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x9f"),
            "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x9f\"");
}

TEST(JsonText, EscapesQuotesBackslashesAndControlCharacters) {
  EXPECT_EQ(json_of("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(json_of("\n\r\t"), R"("\n\r\t")");
  EXPECT_EQ(json_of(std::string_view("\0\x1f", 2)), R"("\u0000\u001f")");
}

TEST(JsonText, ShowsBytesThatAreNotUtf8) {
  EXPECT_EQ(json_of("\xff"), R"("\\xff")");
  EXPECT_EQ(json_of("a\x80z"), R"("a\\x80z")");
  EXPECT_EQ(json_of("\xc3"), R"("\\xc3")") << "cut short";
  EXPECT_EQ(json_of("\xe2\x82"), R"("\\xe2\\x82")") << "cut short";
  EXPECT_EQ(json_of("\xc3("), R"("\\xc3(")") << "no second byte";
  EXPECT_EQ(json_of("\xc0\xaf"), R"("\\xc0\\xaf")") << "a slash in two bytes";
  EXPECT_EQ(json_of("\xe0\x80\xaf"), R"("\\xe0\\x80\\xaf")") << "a slash in three bytes";
  EXPECT_EQ(json_of("\xed\xa0\x80"), R"("\\xed\\xa0\\x80")") << "a surrogate";
  EXPECT_EQ(json_of("\xf4\x90\x80\x80"), R"("\\xf4\\x90\\x80\\x80")") << "beyond U+10FFFF";
  EXPECT_EQ(json_of("\xf0\x8f\xbf\xbf"), R"("\\xf0\\x8f\\xbf\\xbf")") << "U+FFFF in four bytes";
}

TEST(JsonText, IsWhatAReaderOfJsonAcceptsWhateverTheBytes) {
  constexpr std::uint64_t kSeed = 8259;
  Prng random(kSeed);
  for (int i = 0; i < 100'000; ++i) {
    std::string text(random.below(9), ' ');
    for (char& c : text)
      c = static_cast<char>(random.below(3) == 0 ? random.below(256) : 0xc0 | random.below(64));
    ASSERT_TRUE(nlohmann::json::accept(json_of(text))) << "seed " << kSeed << ", text " << i;
  }
}

}  // namespace
}  // namespace weir::output
