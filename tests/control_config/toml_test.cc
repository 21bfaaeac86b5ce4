#include "control/toml.h"

#include <string>

#include <gtest/gtest.h>

namespace weir::control {
namespace {

std::string repeated(std::string_view piece, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += piece;
  return text;
}

TomlNode parsed(std::string_view text) {
  auto result = parse_toml(text);
  EXPECT_TRUE(std::holds_alternative<TomlNode>(result)) << std::get<TomlError>(result).message;
  return std::get<TomlNode>(std::move(result));
}

std::string fault_of(std::string_view text, const TomlLimits& limits = {}) {
  const auto result = parse_toml(text, limits);
  const auto* error = std::get_if<TomlError>(&result);
  if (error == nullptr) return "none";
  return std::to_string(error->place.line) + ":" + std::to_string(error->place.column) + " " +
         error->message;
}

TEST(Toml, KeysStandInTheOrderOfTheTextWithTheirPlaces) {
  const TomlNode root = parsed("z = 1\na = 'x'\n[t]\n  b = [true, 2]\n");
  ASSERT_EQ(root.entries.size(), 3u);
  EXPECT_EQ(root.entries[0].key, "z");
  EXPECT_EQ(root.entries[1].node.text, "x");
  const TomlEntry& b = root.entries[2].node.entries[0];
  EXPECT_EQ(b.place, (TomlPlace{4, 3}));
  EXPECT_EQ(b.node.items[0].kind, TomlKind::Bool);
  EXPECT_EQ(b.node.items[1].integer, 2);
  EXPECT_EQ(b.node.items[1].place, (TomlPlace{4, 14}));
}

TEST(Toml, ADateWithAnOffsetIsAPointInTime) {
  const TomlNode root = parsed(
      "a = 2026-11-29T20:00:00Z\nb = 2026-11-29T20:00:00.25+01:30\nc = 1969-12-31T23:59:59Z\n"
      "d = 2026-11-29T20:00:00\ne = 2026-11-29\nf = 20:00:00\ng = 9999-11-29T20:00:00Z\n");
  EXPECT_EQ(root.entries[0].node.time, (Timestamp{1'795'982'400'000'000'000}));
  EXPECT_EQ(root.entries[1].node.time, (Timestamp{1'795'977'000'250'000'000}));
  EXPECT_EQ(root.entries[2].node.time, (Timestamp{-1'000'000'000}));
  for (std::size_t i = 3; i < 7; ++i) {
    EXPECT_EQ(root.entries[i].node.kind, TomlKind::Date) << i;
    EXPECT_EQ(root.entries[i].node.time, std::nullopt) << i;
  }
}

TEST(Toml, AFaultOfTheTextHasAPlace) {
  EXPECT_EQ(fault_of("a = 1\nb = = 2\n").substr(0, 4), "2:5 ");
  EXPECT_EQ(fault_of("a = 1\na = 2\n").substr(0, 2), "2:");
  EXPECT_NE(fault_of("a = \"\xff\""), "none");
  EXPECT_EQ(fault_of("a = 1\n[\nb = 2\n").substr(0, 4), "2:2 ");
}

TEST(Toml, WhatIsNestedTooDeeplyIsRefusedBeforeItIsParsed) {
  const std::size_t many = 100'000;
  EXPECT_EQ(fault_of("a = " + repeated("[", many)), "1:17 nested too deeply");
  EXPECT_EQ(fault_of("a = " + repeated("{a=", many)).substr(5), "nested too deeply");
  EXPECT_EQ(fault_of(repeated("a.", many) + "a = 1"), "1:26 a key of too many parts");
  EXPECT_EQ(fault_of(repeated("\"a\" . ", many) + "a = 1").substr(5), "a key of too many parts");
  EXPECT_EQ(fault_of("[" + repeated("a.", many) + "a]").substr(5), "a key of too many parts");
}

TEST(Toml, NothingIsCountedInsideStringsAndComments) {
  const std::string noise = repeated("[.{", 50);
  EXPECT_EQ(fault_of("a = \"" + noise + "\\\"" + noise + "\"\n"), "none");
  EXPECT_EQ(fault_of("a = '" + noise + "'\n"), "none");
  EXPECT_EQ(fault_of("a = \"\"\"\n" + noise + "\"\"" + noise + "\n\"\"\"\"\"\n"), "none");
  EXPECT_EQ(fault_of("a = '''" + noise + "''" + noise + "\n'''''\n"), "none");
  EXPECT_EQ(fault_of("a = 1 # " + noise + "\"\n"), "none");
}

TEST(Toml, OtherLettersStandInQuotesOnly) {
  EXPECT_EQ(fault_of("\"é\" = 'é' # é\n"), "none");
  EXPECT_EQ(fault_of("\xef\xbb\xbf"
                     "a = 1\n"),
            "none");
  EXPECT_EQ(fault_of("a = 1\né = 1\n").substr(0, 12), "2:1 a letter");
  EXPECT_EQ(fault_of("\xef\xbb\xbe[a]\n").substr(0, 12), "1:1 a letter");
  EXPECT_EQ(fault_of("a = \"\"\"\\\n  eé\"\"\"\n"), "none");
  EXPECT_EQ(parsed("a = \"\"\"\\\n  é\"\"\"\n").entries[0].node.text, "é");
}

// The library looks on for the end of what it refuses, over whatever letters.
TEST(Toml, AFaultBeforeOtherLettersHasAPlace) {
  EXPECT_EQ(fault_of("a = 1.55*S\"proQ\xca\x96\"\n").substr(0, 3), "1:9");
  EXPECT_EQ(fault_of("a = 2024-01\"\xca\x96\"\n").substr(0, 2), "1:");
}

TEST(Toml, AStringThatIsNotClosedHidesNothing) {
  EXPECT_EQ(fault_of("a = \"x\nb = " + repeated("[", 100)).substr(2), "17 nested too deeply");
}

TEST(Toml, LengthAndNumberOfValuesAreBounded) {
  EXPECT_EQ(fault_of("a = 12345", {.text_bytes_max = 8}), "0:0 longer than 8 bytes");
  EXPECT_EQ(fault_of("a = [1,2,3]", {.values_max = 2}), "1:9 too many values");
}

TEST(Toml, AWrittenStringIsReadBackAsItself) {
  std::string text = "\"\\' # é€😀";
  for (char c = 1; c < 0x20; ++c) text += c;
  text += '\x7f';
  EXPECT_EQ(parsed("a = " + toml_string(text)).entries[0].node.text, text);
}

}  // namespace
}  // namespace weir::control
