// The command line of `weir ctl`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/command_line.h"

namespace weir::app {
namespace {

using testing::HasSubstr;

Command parse(std::vector<const char*> words) {
  words.insert(words.begin(), {"weir", "ctl"});
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

CtlOptions taken(std::vector<const char*> words) {
  Command command = parse(std::move(words));
  if (auto* options = std::get_if<CtlOptions>(&command)) return std::move(*options);
  const auto* message = std::get_if<PrintAndExit>(&command);
  ADD_FAILURE() << (message != nullptr ? message->text : "another command");
  return {};
}

std::string refused(std::vector<const char*> words) {
  const Command command = parse(std::move(words));
  const auto* message = std::get_if<PrintAndExit>(&command);
  if (message == nullptr) return "taken";
  EXPECT_EQ(message->status, 2);
  EXPECT_TRUE(message->to_stderr);
  return message->text;
}

TEST(CtlCommandLine, OptionsStandBeforeTheCommandOrBehindIt) {
  for (const auto& words :
       {std::vector<const char*>{"--socket", "/s", "--json", "--deadline", "5s", "sessions"},
        std::vector<const char*>{"sessions", "--json", "--deadline=5s", "--socket=/s"}}) {
    const CtlOptions options = taken(words);
    EXPECT_EQ(options.verb, CtlVerb::Sessions);
    EXPECT_EQ(options.socket, "/s");
    EXPECT_TRUE(options.json);
    EXPECT_EQ(options.deadline, std::chrono::seconds(5));
  }
  const CtlOptions plain = taken({"status"});
  EXPECT_EQ(plain.socket, "/run/weir/weir.sock");
  EXPECT_FALSE(plain.json);
  EXPECT_EQ(plain.deadline, std::nullopt);
}

TEST(CtlCommandLine, AFilterIsAsManyWordsAsItHas) {
  const CtlOptions options = taken({"filter", "web", "tcp", "port", "443"});
  EXPECT_EQ(options.verb, CtlVerb::Filter);
  EXPECT_EQ(options.name, "web");
  EXPECT_EQ(options.text, "tcp port 443");
  EXPECT_EQ(taken({"filter", "web", ""}).text, "");
  EXPECT_EQ(taken({"tail", "web", "-w", "x.pcapng", "tcp", "port", "443"}).text, "tcp port 443");
  EXPECT_EQ(taken({"tail", "web"}).text, "");
}

TEST(CtlCommandLine, ALevelIsOfOneModuleOrOfAll) {
  const CtlOptions one = taken({"log-level", "output", "debug"});
  EXPECT_EQ(one.name, "output");
  EXPECT_EQ(one.text, "debug");
  const CtlOptions all = taken({"log-level", "warning"});
  EXPECT_EQ(all.name, "");
  EXPECT_EQ(all.text, "warning");
  EXPECT_THAT(refused({"log-level", "loud"}),
              HasSubstr("weir: ctl log-level loud: no such level (there are: error|warning"));
  EXPECT_THAT(refused({"log-level", "debug", "output"}), HasSubstr("output: no such level"));
}

TEST(CtlCommandLine, WhatGoesToAFileOrTheOutput) {
  EXPECT_EQ(taken({"tail", "all"}).file, "-");
  EXPECT_EQ(taken({"tail", "all", "-w", "x.pcapng"}).file, "x.pcapng");
  EXPECT_EQ(taken({"config"}).file, "-");
  EXPECT_EQ(taken({"config", "-o", "x.toml"}).file, "x.toml");
  EXPECT_EQ(taken({"create", "-"}).file, "-");
  EXPECT_EQ(taken({"apply", "x.toml"}).file, "x.toml");
}

TEST(CtlCommandLine, NumbersAndTimes) {
  EXPECT_EQ(taken({"rollback"}).number, 0u);
  EXPECT_EQ(taken({"rollback", "3"}).number, 3u);
  EXPECT_EQ(taken({"journal"}).number, 20u);
  EXPECT_EQ(taken({"journal", "-n", "5", "--follow"}).number, 5u);
  const CtlOptions history = taken({"history", "m", "--since", "6h", "--step", "0"});
  EXPECT_EQ(history.name, "m");
  EXPECT_EQ(history.since, std::chrono::hours(6));
  EXPECT_EQ(history.step, Duration(0));
  EXPECT_EQ(taken({"history", "m"}).step, std::chrono::minutes(1));
  EXPECT_EQ(taken({"events"}).after, std::nullopt);
  EXPECT_EQ(taken({"events", "--after", "0", "--follow"}).after, 0u);
}

TEST(CtlCommandLine, AQueryIsASessionAndAnExpression) {
  const CtlOptions options =
      taken({"query", "all", "--since", "2023-11-14T22:13:20Z", "--until", "1700000001", "--inner",
             "--community-id", "1:x", "-c", "9", "-w", "x.pcapng", "tcp", "port", "443"});
  EXPECT_EQ(options.verb, CtlVerb::Query);
  EXPECT_EQ(options.name, "all");
  EXPECT_EQ(options.text, "tcp port 443");
  EXPECT_EQ(options.from, Timestamp{1'700'000'000'000'000'000});
  EXPECT_EQ(options.until, Timestamp{1'700'000'001'000'000'000});
  EXPECT_TRUE(options.inner);
  EXPECT_EQ(options.community_id, "1:x");
  EXPECT_EQ(options.packets_max, 9u);
  EXPECT_EQ(options.file, "x.pcapng");
  const CtlOptions plain = taken({"query", "all"});
  EXPECT_EQ(plain.text, "");
  EXPECT_EQ(plain.from, std::nullopt);
  EXPECT_EQ(plain.file, "-");
  EXPECT_EQ(taken({"cancel-query", "7"}).number, 7u);
  EXPECT_EQ(taken({"queries"}).verb, CtlVerb::Queries);
  EXPECT_EQ(taken({"policy"}).verb, CtlVerb::Policy);
  EXPECT_THAT(refused({"query", "all", "--since", "soon"}), HasSubstr("--since soon: no time"));
  EXPECT_THAT(refused({"query", "all", "--since", "5m", "--until", "1h"}),
              HasSubstr("--since is after --until"));
  EXPECT_THAT(refused({"query", "all", "--json"}), HasSubstr("both want standard output"));
  EXPECT_THAT(refused({"cancel-query"}), HasSubstr("(see weir ctl cancel-query --help)"));
}

TEST(CtlCommandLine, MistakesPointToTheHelpOfTheCommand) {
  EXPECT_THAT(refused({}), HasSubstr("(see weir ctl --help)"));
  EXPECT_THAT(refused({"pause"}), HasSubstr("(see weir ctl pause --help)"));
  EXPECT_THAT(refused({"nothing"}), HasSubstr("(see weir ctl --help)"));
  EXPECT_THAT(refused({"status", "surplus"}), HasSubstr("surplus"));
  EXPECT_THAT(refused({"rollback", "x"}), HasSubstr("(see weir ctl rollback --help)"));
  EXPECT_THAT(refused({"journal", "-n", "0"}), HasSubstr("1 to 1000"));
  EXPECT_THAT(refused({"history", "m", "--since", "soon"}), HasSubstr("--since: "));
  EXPECT_THAT(refused({"tail", "all", "--json"}), HasSubstr("packets are no JSON"));
  EXPECT_THAT(refused({"--deadline", "0s", "reload"}), HasSubstr("--deadline: "));
}

}  // namespace
}  // namespace weir::app
