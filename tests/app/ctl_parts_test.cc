// The parts of `weir ctl` that need no engine: times, tables, streams, requests.
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/ctl/event_stream.h"
#include "app/ctl/pcapng_blocks.h"
#include "app/ctl/requests.h"
#include "app/ctl/table.h"
#include "app/ctl/utc_time.h"

namespace weir::app {
namespace {

TEST(CtlTime, EveryFormOfTheSameMomentIsRead) {
  const Timestamp moment{1'700'000'000'500'000'000};
  for (const char* text :
       {"2023-11-14T22:13:20.5Z", "2023-11-14t22:13:20.500000000z", "2023-11-14 23:13:20.5+01:00",
        "2023-11-14T17:43:20.5-04:30", "1700000000.5", "1700000000.500000000"}) {
    EXPECT_EQ(parse_time(text), moment) << text;
  }
  EXPECT_EQ(parse_time("-1.250000000"), Timestamp{-1'250'000'000});
  EXPECT_EQ(rfc3339_text(moment), "2023-11-14T22:13:20.500000000Z");
  EXPECT_EQ(utc_millis_text(moment), "2023-11-14 22:13:20.500");
  EXPECT_EQ(utc_seconds_text(moment), "2023-11-14 22:13:20");
  EXPECT_EQ(utc_seconds_text({}), "-");
  EXPECT_EQ(rfc3339_text({-1}), "1969-12-31T23:59:59.999999999Z");
}

TEST(CtlTime, WhatIsNoTimeIsRefused) {
  for (const char* text :
       {"", "x", "2023-02-30T00:00:00Z", "2023-11-14", "2023-11-14T22:13:20", "2023-11-14T22:13Z",
        "2023-11-14T24:00:00Z", "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20+25:00", "1700000000.",
        "1700000000x", "--1", "99999999999999999999", "9999-01-01T00:00:00Z",
        "2023-11-14T22:13:20Z "}) {
    EXPECT_EQ(parse_time(text), std::nullopt) << text;
  }
}

TEST(CtlTime, WrittenTimesAreReadBack) {
  for (const std::int64_t ns :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1},
        std::int64_t{951'782'400'000'000'000},  // 29 February 2000
        std::int64_t{9'000'000'000'000'000'000}, std::int64_t{-9'000'000'000'000'000'000}}) {
    EXPECT_EQ(parse_rfc3339(rfc3339_text({ns})), Timestamp{ns});
    EXPECT_EQ(parse_time(epoch_seconds({ns})), Timestamp{ns});
  }
}

TEST(CtlTable, ColumnsAreAlignedAndTheLastIsNotFilledUp) {
  Table table{{"NAME"}, {"COUNT", Table::Align::Right}, {"WHY"}};
  table.add({"a", "1", "because"});
  table.add({"überlang", "1,000", ""});
  EXPECT_EQ(table.text(),
            "NAME      COUNT  WHY\n"
            "a             1  because\n"
            "überlang  1,000  -\n");
}

TEST(CtlTable, WhatCouldSteerATerminalIsTakenAway) {
  EXPECT_EQ(printable("a\x1b[2Jb\x07"), "a?[2Jb?");
  EXPECT_EQ(printable("two\nlines\tand"), "two lines and");
  EXPECT_EQ(printable("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8c\x8a"),
            "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8c\x8a");
  // C1 controls, longer forms than needed, surrogates, cut characters, bytes that begin nothing.
  for (const char* bad : {"\xc2\x9b", "\xc0\xaf", "\xed\xa0\x80", "\xe2\x82", "\xff", "\x80"}) {
    EXPECT_THAT(printable(bad), testing::MatchesRegex("[?]+")) << bad;
  }
}

std::string block(std::uint32_t type, std::uint32_t body) {
  std::string bytes;
  const auto add = [&](std::uint32_t word) {
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(word >> shift & 0xff);
  };
  add(type);
  add(12 + body);
  bytes.append(body, 'x');
  add(12 + body);
  return bytes;
}

TEST(CtlTail, OnlyWholeBlocksArePassedOnWhereverTheStreamIsCut) {
  const std::string stream = block(0x0a0d0d0a, 16) + block(1, 8) + block(6, 40) + block(6, 0);
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    PcapngBlocks blocks;
    std::string passed;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      const auto whole = blocks.add(std::string_view(stream).substr(at, piece));
      ASSERT_TRUE(whole.ok());
      passed += *whole;
      EXPECT_TRUE(stream.starts_with(passed));
      EXPECT_LT(blocks.held_back(), 52u);
    }
    EXPECT_EQ(passed, stream) << piece;
  }
  PcapngBlocks cut;
  const auto whole = cut.add(std::string_view(stream).substr(0, stream.size() - 1));
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole->size(), stream.size() - 12);
}

TEST(CtlTail, WhatIsNoPcapngIsRefused) {
  for (const std::string& bad :
       {std::string("<html><body>"), block(6, 0), std::string("\n\r\r\n\x0d\0\0\0", 8),
        std::string("\n\r\r\n\0\0\0\x7f", 8), std::string("\n\r\r\n\0\0\0\0", 8)}) {
    PcapngBlocks blocks;
    const auto whole = blocks.add(bad);
    ASSERT_FALSE(whole.ok());
    EXPECT_EQ(whole.error().code, ErrorCode::Damaged);
  }
}

TEST(CtlEvents, AreReadWhereverTheStreamIsCut) {
  const std::string stream =
      ": a comment\n\nid: 7\ndata: {\"a\":1}\n\nevent: missed\r\ndata:one\r\ndata: two\r\n\r\n"
      "id: 9\n\n\ndata\n\nretry: 5\n\ndata: not ended";
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    EventStream events;
    std::vector<ServerSentEvent> all;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      auto some = events.add(std::string_view(stream).substr(at, piece));
      ASSERT_TRUE(some.ok());
      for (auto& event : *some) all.push_back(std::move(event));
    }
    ASSERT_EQ(all.size(), 3u) << piece;
    EXPECT_EQ(all[0].data, "{\"a\":1}");
    EXPECT_EQ(all[0].name, "");
    EXPECT_EQ(all[1].name, "missed");
    EXPECT_EQ(all[1].data, "one\ntwo");
    EXPECT_EQ(all[2].data, "");
  }
}

TEST(CtlEvents, AnEventWithoutAnEndIsNotCollectedForEver) {
  EventStream events;
  const std::string line = "data: " + std::string(1000, 'x') + "\n";
  bool refused = false;
  for (int i = 0; i < 1100 && !refused; ++i) refused = !events.add(line).ok();
  EXPECT_TRUE(refused);
}

TEST(CtlRequests, EveryVerbAsksWhatTheApiServes) {
  const Timestamp now{1'700'000'000'000'000'000};
  struct Case {
    CtlOptions options;
    const char* line;
    const char* body;
  };
  const std::vector<Case> cases = {
      {{.verb = CtlVerb::Status}, "GET /v1/status", ""},
      {{.verb = CtlVerb::Sessions}, "GET /v1/sessions", ""},
      {{.verb = CtlVerb::Session, .name = "a b/c?d"}, "GET /v1/sessions/a%20b%2Fc%3Fd", ""},
      {{.verb = CtlVerb::Create}, "POST /v1/sessions", "doc"},
      {{.verb = CtlVerb::Pause, .name = "web"}, "POST /v1/sessions/web/pause", ""},
      {{.verb = CtlVerb::Resume, .deadline = std::chrono::seconds(5), .name = "web"},
       "POST /v1/sessions/web/resume?deadline=5000ms",
       ""},
      {{.verb = CtlVerb::Stop, .name = "web"}, "DELETE /v1/sessions/web", ""},
      {{.verb = CtlVerb::Filter, .name = "web", .text = "host \"x\""},
       "PUT /v1/sessions/web/filter",
       R"({"filter":"host \"x\""})"},
      {{.verb = CtlVerb::Tail, .name = "all"}, "GET /v1/sessions/all/tail", ""},
      {{.verb = CtlVerb::Tail, .name = "all", .text = "udp & 1"},
       "GET /v1/sessions/all/tail?filter=udp%20%26%201",
       ""},
      {{.verb = CtlVerb::Interfaces}, "GET /v1/interfaces", ""},
      {{.verb = CtlVerb::Pressure}, "GET /v1/pressure", ""},
      {{.verb = CtlVerb::Security}, "GET /v1/security", ""},
      {{.verb = CtlVerb::Generations}, "GET /v1/generations", ""},
      {{.verb = CtlVerb::Config}, "GET /v1/config", ""},
      {{.verb = CtlVerb::Apply}, "PUT /v1/config", "doc"},
      {{.verb = CtlVerb::Reload}, "POST /v1/config/reload", ""},
      {{.verb = CtlVerb::Rollback, .number = 3}, "POST /v1/config/rollback", R"({"generation":3})"},
      {{.verb = CtlVerb::Drain}, "POST /v1/drain", ""},
      {{.verb = CtlVerb::LogLevel, .name = "output", .text = "debug"},
       "PUT /v1/log-level",
       R"({"module":"output","level":"debug"})"},
      {{.verb = CtlVerb::Journal, .number = 20}, "GET /v1/journal?limit=20", ""},
      {{.verb = CtlVerb::History,
        .name = "m",
        .since = std::chrono::hours(1),
        .step = std::chrono::minutes(1)},
       "GET /v1/history?metric=m&since=2023-11-14T21%3A13%3A20.000000000Z&until="
       "2023-11-14T22%3A13%3A20.000000000Z&step=60000ms",
       ""},
      {{.verb = CtlVerb::Events}, "GET /v1/events?after=0", ""},
      {{.verb = CtlVerb::Events, .follow = true}, "GET /v1/events", ""},
      {{.verb = CtlVerb::Events, .after = 7, .follow = true}, "GET /v1/events?after=7", ""},
      {{.verb = CtlVerb::Health}, "GET /v1/health", ""},
      {{.verb = CtlVerb::Metrics}, "GET /metrics", ""},
      {{.verb = CtlVerb::Query, .name = "all"}, "POST /v1/queries", R"({"session":"all"})"},
      {{.verb = CtlVerb::Query,
        .name = "all",
        .text = "port 53",
        .from = Timestamp{1'700'000'000'500'000'000},
        .until = now,
        .inner = true,
        .community_id = "1:x",
        .packets_max = 9},
       "POST /v1/queries",
       R"({"session":"all","since":"1700000000.500000000","until":"1700000000.000000000",)"
       R"("filter":"port 53","inner":true,"community_id":"1:x","limit":9})"},
      {{.verb = CtlVerb::Queries}, "GET /v1/queries", ""},
      {{.verb = CtlVerb::Policy}, "GET /v1/policy", ""},
      {{.verb = CtlVerb::CancelQuery, .number = 7}, "DELETE /v1/queries/7", ""},
  };
  for (const Case& one : cases) {
    const ApiRequest request = request_for(one.options, now, "doc", "\"7\"");
    EXPECT_EQ(request.method + " " + request.path, one.line);
    EXPECT_EQ(request.body, one.body) << one.line;
    EXPECT_EQ(request.content_type.empty(), request.body.empty()) << one.line;
    EXPECT_EQ(std::ranges::count(request.headers,
                                 std::pair<std::string, std::string>("If-Match", "\"7\"")),
              one.options.verb == CtlVerb::Apply ? 1 : 0)
        << one.line;
  }
}

TEST(CtlRequests, AConfigurationKnowsTheGenerationThatItWasMadeFrom) {
  EXPECT_EQ(etag_of_document(etag_line("\"7\"") + "[engine]\n"), "\"7\"");
  EXPECT_EQ(etag_line(""), "");
  EXPECT_EQ(etag_of_document("[engine]\n" + etag_line("\"7\"")), "");
  EXPECT_EQ(etag_of_document(""), "");
}

}  // namespace
}  // namespace weir::app
