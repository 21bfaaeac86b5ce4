#include "app/values.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "app/human.h"

namespace weir::app {
namespace {

using namespace std::chrono_literals;

TEST(ParseDuration, ReadsUnitsAndBareSeconds) {
  EXPECT_EQ(*parse_duration("10"), 10s);
  EXPECT_EQ(*parse_duration("10s"), 10s);
  EXPECT_EQ(*parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(*parse_duration("250ms"), 250ms);
  EXPECT_EQ(*parse_duration("5m"), 5min);
  EXPECT_EQ(*parse_duration("2h"), 2h);
  EXPECT_EQ(*parse_duration("1d"), 24h);
}

TEST(ParseDuration, RefusesWhatIsNoTime) {
  for (const char* text : {"", "s", "10x", "-1s", "0", "nan", "inf", "1e30d", "10 s", "ten"}) {
    EXPECT_FALSE(parse_duration(text).ok()) << text;
  }
}

TEST(ParseSize, ReadsBinaryAndDecimalUnitsAndBareBytes) {
  EXPECT_EQ(*parse_size("4096"), 4096u);
  EXPECT_EQ(*parse_size("64KiB"), 65536u);
  EXPECT_EQ(*parse_size("1.5GiB"), 1610612736u);
  EXPECT_EQ(*parse_size("100MB"), 100'000'000u);
}

TEST(ParseSize, RefusesWhatIsNoSize) {
  for (const char* text : {"", "MiB", "10x", "-1", "0", "nan", "inf", "1e30", "10 MiB", "10M"}) {
    EXPECT_FALSE(parse_size(text).ok()) << text;
  }
}

TEST(SplitFiles, TheFirstWordIsAFileAndAnExpressionFollowsTheFiles) {
  const auto one = split_files({"x.pcap", "tcp", "port", "80"});
  EXPECT_EQ(one.files, std::vector<std::string>{"x.pcap"});
  EXPECT_EQ(one.expression, "tcp port 80");

  const auto missing = split_files({"missing", "missing2.pcapng", "not", "ip6"});
  EXPECT_EQ(missing.files, (std::vector<std::string>{"missing", "missing2.pcapng"}));
  EXPECT_EQ(missing.expression, "not ip6");

  const auto net = split_files({"-", "net", "10.0.0.0/8"});
  EXPECT_EQ(net.files, std::vector<std::string>{"-"});
  EXPECT_EQ(net.expression, "net 10.0.0.0/8");
}

TEST(SplitFiles, AnExistingFileNeedsNoSuffix) {
  const std::string here = std::string(std::getenv("WEIR_SOURCE_DIR")) + "/README.md";
  const auto words = split_files({"a", here, "udp"});
  EXPECT_EQ(words.files.size(), 2u);
  EXPECT_EQ(words.expression, "udp");
}

TEST(Human, NumbersAreReadable) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1234567), "1,234,567");
  EXPECT_EQ(bytes_text(512), "512 B");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(rate_text(12'345, "bit/s"), "12.3 kbit/s");
  EXPECT_EQ(duration_text(67s), "1:07");
  EXPECT_EQ(duration_text(3723s), "1:02:03");
}

}  // namespace
}  // namespace weir::app
