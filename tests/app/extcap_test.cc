// `weir extcap`: the calls that Wireshark makes, and what it is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/command_line.h"
#include "app/extcap/flags.h"
#include "app/extcap/interfaces.h"
#include "app/extcap/sentences.h"
#include "app/fake_engine.h"

namespace weir::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Ask = ExtcapOptions::Ask;
using Kind = ExtcapInterface::Kind;

Command parse(std::vector<const char*> words) {
  words.insert(words.begin(), {"weir", "extcap"});
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

ExtcapOptions taken(std::vector<const char*> words) {
  Command command = parse(std::move(words));
  if (auto* options = std::get_if<ExtcapOptions>(&command)) return std::move(*options);
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

TEST(ExtcapFlags, TakeEachCallInBothItsForms) {
  EXPECT_EQ(taken({"--extcap-interfaces"}).ask, Ask::Interfaces);
  EXPECT_EQ(taken({"--extcap-interfaces", "--extcap-version=4.0"}).ask, Ask::Interfaces);
  for (const auto& interface :
       {std::vector<const char*>{"--extcap-interface", "i"}, {"--extcap-interface=i"}}) {
    for (const auto& [word, ask] :
         {std::pair{"--extcap-dlts", Ask::LinkTypes}, {"--extcap-config", Ask::Arguments}}) {
      std::vector<const char*> words = interface;
      words.insert(words.begin(), word);
      const ExtcapOptions options = taken(words);
      EXPECT_EQ(options.ask, ask);
      EXPECT_EQ(options.interface, "i");
    }
  }
  EXPECT_EQ(
      taken({"--extcap-config", "--extcap-interface", "i", "--extcap-reload-option", "since"}).ask,
      Ask::Arguments);
  const ExtcapOptions filter = taken({"--extcap-capture-filter", "udp", "--extcap-interface", "i"});
  EXPECT_EQ(filter.ask, Ask::Filter);
  EXPECT_EQ(filter.capture_filter, "udp");
}

TEST(ExtcapFlags, ACaptureHasItsPipeItsFilterAndTheArgumentsOfTheInterface) {
  const ExtcapOptions options =
      taken({"--capture", "--extcap-interface", "i", "--fifo", "/f", "--since",
             "2023-11-14T22:13:20Z", "--until", "1700000001.5", "--filter", "port 53", "--inner",
             "--community-id", "1:x", "--count", "7"});
  EXPECT_EQ(options.ask, Ask::Capture);
  EXPECT_EQ(options.interface, "i");
  EXPECT_EQ(options.fifo, "/f");
  EXPECT_EQ(options.query.window.since, Timestamp{1'700'000'000'000'000'000});
  EXPECT_EQ(options.query.window.until, Timestamp{1'700'000'001'500'000'000});
  EXPECT_EQ(options.query.filter, "port 53");
  EXPECT_EQ(options.query.scope, filter::Scope::Innermost);
  EXPECT_EQ(options.query.community_id, "1:x");
  EXPECT_EQ(options.query.packets_max, 7u);
  const ExtcapOptions plain = taken({"--capture", "--extcap-interface=i", "--fifo=/f"});
  EXPECT_TRUE(plain.query.window.everything());
  EXPECT_EQ(plain.query.scope, filter::Scope::Frame);
  EXPECT_EQ(plain.socket, "/run/weir/weir.sock");
}

TEST(ExtcapFlags, WhatNewerVersionsOfWiresharkAddIsNoMistake) {
  EXPECT_EQ(taken({"--extcap-interfaces", "--extcap-locale=de", "--extcap-colour", "blue"}).ask,
            Ask::Interfaces);
  EXPECT_EQ(taken({"--capture", "--extcap-interface", "i", "--fifo", "/f", "--extcap-control-in",
                   "/in", "--log-level", "debug", "--debug", "true"})
                .ask,
            Ask::Capture);
  EXPECT_EQ(taken({"--capture", "--extcap-interface", "i", "--fifo", "/f", "--inner", ""}).ask,
            Ask::Capture)
      << "an empty word behind a flag";
  EXPECT_EQ(taken({"--extcap-cleanup-postkill", "--extcap-interface", "i"}).ask, Ask::Nothing);
}

TEST(ExtcapFlags, MistakesOfPeopleAreTold) {
  EXPECT_EQ(refused({"--extcap-interfaces", "--sinse", "1h"}),
            "weir: extcap: --sinse: unknown (see weir extcap --help)\n");
  EXPECT_EQ(refused({"--extcap-interfaces", "packets"}),
            "weir: extcap: packets: unknown (see weir extcap --help)\n");
  EXPECT_EQ(refused({"--extcap-interfaces", "--extcap-locale=de", "packets"}),
            "weir: extcap: packets: unknown (see weir extcap --help)\n");
  EXPECT_THAT(refused({}), HasSubstr("nothing was asked"));
  EXPECT_THAT(refused({"--extcap-dlts"}), HasSubstr("of no interface"));
  EXPECT_THAT(refused({"--capture", "--extcap-interface", "i"}), HasSubstr("--capture to nowhere"));
  EXPECT_THAT(refused({"--extcap-interfaces", "--store", "packets"}),
              HasSubstr("--store packets: no absolute path"));
}

// Else who waits at its other end would wait for ever.
TEST(ExtcapFlags, WhatIsWrongWithAnArgumentIsToldWhenThePipeIsOpen) {
  const auto problem = [](const char* argument, const char* value) {
    return taken({"--capture", "--extcap-interface", "i", "--fifo", "/f", argument, value}).problem;
  };
  EXPECT_THAT(problem("--since", "soon"), HasSubstr("--since soon: no time"));
  EXPECT_EQ(problem("--count", "many"), "--count many: no number");
  EXPECT_EQ(problem("--count", "-1"), "--count -1: no number");
  EXPECT_EQ(problem("--count", "0"), "");
  EXPECT_EQ(taken({"--capture", "--extcap-interface", "i", "--fifo", "/f", "--filter", "udp",
                   "--extcap-capture-filter", "vlan"})
                .problem,
            "filter given twice: capture filter 'vlan' and --filter 'udp' (give one of them)");
}

TEST(ExtcapFlags, ByItsOwnNameWeirIsThatCommand) {
  const char* const by_path[] = {"/home/x/extcap/weir-extcap", "--extcap-interfaces"};
  std::vector<std::string> words;
  for (const char* word : words_by_name(2, by_path)) words.emplace_back(word);
  EXPECT_THAT(words, ElementsAre("/home/x/extcap/weir-extcap", "extcap", "--extcap-interfaces"));
  const char* const plain[] = {"/usr/bin/weir", "query"};
  EXPECT_EQ(words_by_name(2, plain).size(), 2u);
  const char* const in_a_folder[] = {"/weir-extcap/weir"};
  EXPECT_EQ(words_by_name(1, in_a_folder).size(), 1u);
  EXPECT_THAT(words_by_name(0, nullptr), IsEmpty());
}

TEST(ExtcapInterfaceValue, IsReadableWhereThatIsEnough) {
  EXPECT_EQ(value_of(Kind::Session, "all"), "weir_session_all");
  EXPECT_EQ(value_of(Kind::Session, "Web_1.x-y"), "weir_session_Web_1.x-y");
  EXPECT_EQ(value_of(Kind::Store, "/var/lib/weir/packets"), "weir_store_var_lib_weir_packets");
  EXPECT_EQ(value_of(Kind::Store, "/"), "weir_store_");
}

TEST(ExtcapInterfaceValue, ElseAHashTellsThemApart) {
  EXPECT_EQ(value_of(Kind::Store, "/a_b/c"), "weir_store_a_b_c~fbd9a3fe");
  EXPECT_EQ(value_of(Kind::Store, "/a/b_c"), "weir_store_a_b_c~fced3ffe");
  EXPECT_EQ(value_of(Kind::Store, "/a/b/c"), "weir_store_a_b_c");
  EXPECT_EQ(value_of(Kind::Session, "a b"), "weir_session_a_b~10a3f9f2");
  EXPECT_EQ(value_of(Kind::Session, "{\n}"), "weir_session____~33497637");
  const std::string far = value_of(Kind::Store, "/" + std::string(5000, 'x') + "/packets");
  EXPECT_EQ(far.size(), 98u);
  EXPECT_THAT(far, HasSubstr("x_packets~"));
  EXPECT_NE(far, value_of(Kind::Store, "/" + std::string(4999, 'x') + "/packets"));
}

TEST(ExtcapSentences, BracesAndControlCharactersOfNamesEndNoSentence) {
  ExtcapInterfaces interfaces;
  interfaces.found = {
      {.kind = Kind::Session, .value = "weir_session_all", .target = "all"},
      {.kind = Kind::Store, .value = "weir_store_x", .target = "/x}{value=y}\n\xff"}};
  EXPECT_EQ(extcap_interfaces_text(interfaces),
            "extcap {version=" WEIR_VERSION
            "}{display=weir}\n"
            "interface {value=weir_session_all}{display=weir: session all (live)}\n"
            "interface {value=weir_store_x}{display=weir: store /x)(value=y) ?}\n");
}

TEST(ExtcapSentences, ASessionTakesNoArguments) {
  EXPECT_EQ(extcap_arguments_text(Kind::Session), "");
  EXPECT_EQ(extcap_link_types_text(),
            "dlt {number=147}{name=weir}{display=Each packet has that of its interface}\n");
}

class ListExtcapInterfaces : public testing::Test {
 protected:
  [[nodiscard]] std::vector<std::string> values(const ExtcapOptions& options) {
    list_ = list_extcap_interfaces(options);
    std::vector<std::string> found;
    for (const ExtcapInterface& one : list_.found) found.push_back(one.value);
    return found;
  }

  test::FakeEngine engine_;
  ExtcapInterfaces list_;
};

TEST_F(ListExtcapInterfaces, AreRunningSessionsThenTheirStoresThenOthers) {
  engine_.answer("GET /v1/sessions", test::json_answer(R"({"sessions":[
      {"name":"all","state":"running","origin":"config","outputs":[
        {"kind":"pcapng","path":"/x.pcapng"},{"kind":"store","path":"/data/a/"},
        {"kind":"store","path":"/data/b"}]},
      {"name":"idle","state":"paused","origin":"api","outputs":[
        {"kind":"store","path":"/data/c"}]},
      {"name":"tail-1","state":"running","origin":"tail","outputs":[]},
      {"name":"web","state":"running","origin":"api","outputs":[]}]})"));
  EXPECT_THAT(values({.socket = engine_.socket(), .stores = {"/more", "/data/./b/"}}),
              ElementsAre("weir_session_all", "weir_session_web", "weir_store_data_a",
                          "weir_store_data_b", "weir_store_data_c", "weir_store_more"));
  EXPECT_FALSE(list_.engine);
  const auto store = list_.at("weir_store_data_a");
  ASSERT_TRUE(store) << store.error().context;
  EXPECT_EQ(store->kind, Kind::Store);
  EXPECT_EQ(store->target, "/data/a");
  const auto none = list_.at("weir_session_idle");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::UnknownInterface);
  EXPECT_EQ(none.error().context,
            "weir_session_idle: no such interface (see weir extcap --extcap-interfaces)");
}

TEST_F(ListExtcapInterfaces, WithoutAnEngineThereAreTheOtherStores) {
  EXPECT_THAT(values({.socket = "/nowhere/weir.sock", .stores = {"/more"}}),
              ElementsAre("weir_store_more"));
  EXPECT_FALSE(list_.engine);
}

TEST_F(ListExtcapInterfaces, AnEngineThatRefusesIsWorthAWord) {
  engine_.answer("GET /v1/sessions",
                 test::problem_answer(403, "permission", "needs the role viewer"));
  EXPECT_THAT(values({.socket = engine_.socket()}), IsEmpty());
  ASSERT_TRUE(list_.engine);
  EXPECT_EQ(list_.engine->context, "needs the role viewer");
  const auto none = list_.at("weir_session_all");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::Permission);
  EXPECT_EQ(none.error().context, "weir_session_all: needs the role viewer");
}

}  // namespace
}  // namespace weir::app
