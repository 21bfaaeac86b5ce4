#include "control/api_parameters.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::control {
namespace {

constexpr Timestamp kNow{1'700'000'000'000'000'000};

TEST(Durations, AreANumberAndAUnit) {
  EXPECT_EQ(duration_of("500ms"), std::chrono::milliseconds(500));
  EXPECT_EQ(duration_of("0s"), Duration::zero());
  EXPECT_EQ(duration_of("5s"), std::chrono::seconds(5));
  EXPECT_EQ(duration_of("2m"), std::chrono::minutes(2));
  EXPECT_EQ(duration_of("1h"), std::chrono::hours(1));
  EXPECT_EQ(duration_of("3d"), std::chrono::hours(72));
  for (const char* bad : {"", "5", "s", "5 s", "-5s", "+5s", "5S", "5sec", "1.5s", "5s ",
                          "99999999999999999999s", "9999999999d"}) {
    EXPECT_FALSE(duration_of(bad)) << bad;
  }
}

TEST(Times, AreDatesSecondsOrAgo) {
  EXPECT_EQ(parse_time("1700000000", kNow)->ns, 1'700'000'000'000'000'000);
  EXPECT_EQ(parse_time("1700000000.000000001", kNow)->ns, 1'700'000'000'000'000'001);
  EXPECT_EQ(parse_time("-1h", kNow)->ns, kNow.ns - 3600ll * 1'000'000'000);
  EXPECT_EQ(parse_time("2023-11-14T22:13:20Z", kNow)->ns, kNow.ns);
  EXPECT_EQ(parse_time("2023-11-14t22:13:20.25z", kNow)->ns, kNow.ns + 250'000'000);
  EXPECT_EQ(parse_time("2023-11-14T23:13:20+01:00", kNow)->ns, kNow.ns);
  EXPECT_EQ(parse_time("2023-11-14 21:43:20-00:30", kNow)->ns, kNow.ns);
  EXPECT_EQ(parse_time("2024-02-29T00:00:00Z", kNow)->ns, 1'709'164'800'000'000'000);
  for (const char* bad :
       {"", "now", "-", "-h", "--1h", "1700000000.", "1700000000.0000000001", "1e9", "2023-11-14",
        "2023-11-14T22:13:20", "2023-13-14T22:13:20Z", "2023-02-29T00:00:00Z",
        "2023-11-14T24:00:00Z", "2023-11-14T22:60:00Z", "2023-11-14T22:13:20+0100",
        "2023-11-14T22:13:20Zx", "9999-12-31T00:00:00Z", "99999999999", "0x10"}) {
    EXPECT_FALSE(parse_time(bad, kNow)) << bad;
  }
}

HttpRequest with(HttpFields query, HttpFields headers = {}) {
  HttpRequest request;
  request.query = std::move(query);
  request.headers = std::move(headers);
  return request;
}

TEST(ParametersTest, ReadsWhatTheRouteKnows) {
  const std::string name;
  const HttpRequest request =
      with({{"metric", "weir_packets_total"}, {"since", "-1h"}, {"step", "10s"}});
  const auto read = Parameters::read(route(RouteId::History), name, request, kNow);
  ASSERT_TRUE(read.ok()) << read.error().context;
  EXPECT_EQ(read->text("metric"), "weir_packets_total");
  EXPECT_EQ(read->time("since")->ns, kNow.ns - 3600ll * 1'000'000'000);
  EXPECT_EQ(read->duration("step"), std::chrono::seconds(10));
  EXPECT_FALSE(read->time("until"));
}

TEST(ParametersTest, ReadsTags) {
  const std::string name;
  const auto tag = [&](const std::string& text) {
    const HttpRequest request = with({}, {{"if-match", text}});
    const auto read = Parameters::read(route(RouteId::Configure), name, request, kNow);
    return read ? read->tag("If-Match") : std::nullopt;
  };
  EXPECT_EQ(tag("\"7\""), 7u);
  EXPECT_EQ(tag("*"), 0u);
  for (const char* bad : {"", "7", "\"\"", "\"0\"", "\"a\"", "W/\"7\"", "\"7\", \"8\"", "\"-7\""}) {
    EXPECT_FALSE(tag(bad)) << bad;
  }
}

TEST(ParametersTest, SaysWhatIsWrong) {
  const std::string name;
  const auto fault = [&](RouteId id, HttpFields query) {
    const HttpRequest request = with(std::move(query));
    const auto read = Parameters::read(route(id), name, request, kNow);
    return read ? std::string() : read.error().context;
  };
  EXPECT_NE(fault(RouteId::History, {}).find("metric: it is missing"), std::string::npos);
  EXPECT_NE(fault(RouteId::Journal, {{"limits", "5"}}).find("(there are: before, limit)"),
            std::string::npos);
  EXPECT_NE(fault(RouteId::Status, {{"x", ""}}).find("there are none here"), std::string::npos);
  EXPECT_NE(fault(RouteId::Journal, {{"limit", "-5"}}).find("\"-5\" is not a whole number"),
            std::string::npos);
  EXPECT_NE(fault(RouteId::Reload, {{"deadline", "soon"}}).find("a duration such as"),
            std::string::npos);
  EXPECT_FALSE(fault(RouteId::History, {{"metric", std::string(257, 'x')}}).empty());
}

}  // namespace
}  // namespace weir::control
