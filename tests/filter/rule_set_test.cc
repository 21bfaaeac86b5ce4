#include "filter/rule_set.h"

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "rule_model.h"
#include "support/headers_of.h"
#include "support/packet_builder.h"

namespace weir::filter {
namespace {

constexpr SessionMask kSession = 0b100;
constexpr std::uint16_t kOtherwise = RuleOutcomes::kOtherwise;

using Frame = std::vector<std::uint8_t>;

RuleSet compiled(const std::vector<RuleSpec>& rules, RuleAction otherwise = RuleAction::Accept,
                 Scope scope = Scope::Frame) {
  auto set = RuleSet::compile(rules, otherwise, scope);
  EXPECT_TRUE(set.ok()) << set.error().context;
  const auto prepared = set->prepare(LinkType::Ethernet);
  EXPECT_TRUE(prepared.ok()) << prepared.error().context;
  return std::move(*set);
}

// Frames on their way through a set, parsed by the header parser.
class Bench {
 public:
  Bench& add(Frame frame) {
    frames_.push_back(std::move(frame));
    return *this;
  }
  void run(const RuleSet& set, RuleCounters& counters) {
    input->batch.count = static_cast<std::uint32_t>(frames_.size());
    for (std::size_t i = 0; i < frames_.size(); ++i) {
      Packet& packet = input->batch.packets[i];
      packet.data = frames_[i].data();
      packet.captured_bytes = static_cast<std::uint32_t>(frames_[i].size());
      packet.wire_bytes = packet.captured_bytes + wire_extra;
    }
    protocol::parse_batch(input->batch, input->headers, input->keys);
    std::fill_n(input->verdicts.wanted.begin(), frames_.size(), wanted);
    remaining = set.evaluate(input->batch, input->headers, input->keys, kSession, input->verdicts,
                             input->outcomes, counters);
  }
  std::vector<std::uint16_t> rules(const RuleSet& set) {
    RuleCounters counters(set.size());
    run(set, counters);
    return {input->outcomes.rule.begin(),
            input->outcomes.rule.begin() + static_cast<std::ptrdiff_t>(frames_.size())};
  }
  std::uint16_t rule(const RuleSet& set) { return rules(set).front(); }
  std::uint32_t kept(const RuleSet& set) {
    (void)rules(set);
    return input->outcomes.keep_bytes[0];
  }

  SessionMask wanted = ~SessionMask{0};
  std::uint32_t wire_extra = 0;
  std::uint32_t remaining = 0;
  std::unique_ptr<test::RuleInput> input = std::make_unique<test::RuleInput>();

 private:
  std::vector<Frame> frames_;
};

Frame tcp_4(const char* source, const char* destination, std::uint16_t from, std::uint16_t to) {
  return test::PacketBuilder()
      .ethernet()
      .ipv4(source, destination)
      .tcp(from, to)
      .payload(50)
      .build();
}
Frame udp_6(const char* source, const char* destination, std::uint16_t from, std::uint16_t to) {
  return test::PacketBuilder()
      .ethernet()
      .ipv6(source, destination)
      .udp(from, to)
      .payload(50)
      .build();
}
Frame arp() {
  Frame frame(60);
  store_be<std::uint16_t>(&frame[12], 0x0806);
  return frame;
}

struct Row {
  const char* sentence;
  RuleSpec rule;
  Frame frame;
  bool matches;
};

TEST(RuleSet, EachConditionMeansWhatItSays) {
  const Frame a_to_b = tcp_4("10.0.0.1", "192.0.2.7", 1000, 443);
  const Frame six = udp_6("2001:db8::1", "2001:db8:1::2", 1000, 53);
  const auto fragment = [](std::uint16_t offset) {
    return test::PacketBuilder()
        .ethernet()
        .ipv4("10.0.0.1", "10.0.0.2",
              {.id = 7, .fragment_offset = offset, .more_fragments = true, .options = {}})
        .udp(1000, 53)
        .payload(64)
        .build();
  };
  const Frame icmp = test::PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").icmp(8).build();
  const Frame tagged = test::PacketBuilder()
                           .ethernet()
                           .vlan(100)
                           .vlan(7)
                           .ipv4("10.0.0.1", "10.0.0.2")
                           .udp(1, 2)
                           .build();
  const std::vector<Row> rows = {
      {"a net holds at the source", {.nets = {"10.0.0.0/8"}}, a_to_b, true},
      {"a net holds at the destination", {.nets = {"192.0.2.0/24"}}, a_to_b, true},
      {"a net holds at neither end", {.nets = {"192.0.3.0/24"}}, a_to_b, false},
      {"one net of a list suffices", {.nets = {"1.2.3.4", "10.0.0.1"}}, a_to_b, true},
      {"a source net is not looked for at the destination",
       {.source_nets = {"192.0.2.7"}},
       a_to_b,
       false},
      {"a destination net is", {.destination_nets = {"192.0.2.7"}}, a_to_b, true},
      {"nets of both kinds both hold",
       {.nets = {"10.0.0.1"}, .destination_nets = {"10.0.0.1"}},
       a_to_b,
       false},
      {"IPv6 nets", {.nets = {"2001:db8:1::/48"}}, six, true},
      {"an IPv6 net is no IPv4 net", {.nets = {"::/0"}}, a_to_b, false},
      {"an IPv4 net is no IPv6 net", {.nets = {"0.0.0.0/0"}}, six, false},
      {"not even a mapped one", {.nets = {"::ffff:10.0.0.0/104"}}, a_to_b, false},
      {"a port holds at either end", {.ports = {{443, 443}}}, a_to_b, true},
      {"a range includes its first", {.ports = {{443, 500}}}, a_to_b, true},
      {"a range includes its last", {.ports = {{400, 443}}}, a_to_b, true},
      {"a range ends", {.ports = {{400, 442}}}, a_to_b, false},
      {"a source port is not a destination port", {.source_ports = {{443, 443}}}, a_to_b, false},
      {"a destination port", {.destination_ports = {{443, 443}}}, a_to_b, true},
      {"all conditions must hold", {.nets = {"10.0.0.0/8"}, .ports = {{80, 80}}}, a_to_b, false},
      {"ends of nets and ports need not agree",
       {.nets = {"10.0.0.1"}, .ports = {{443, 443}}},
       a_to_b,
       true},
      {"a protocol", {.protocols = {{6, 6}}}, a_to_b, true},
      {"another protocol", {.protocols = {{17, 17}}}, a_to_b, false},
      {"ICMP has no ports", {.ports = {{0, 65535}}}, icmp, false},
      {"but a protocol", {.protocols = {{1, 1}}}, icmp, true},
      {"a first fragment has ports", {.ports = {{53, 53}}}, fragment(0), true},
      {"a later one has none", {.ports = {{0, 65535}}}, fragment(4), false},
      {"but addresses", {.nets = {"10.0.0.2"}}, fragment(4), true},
      {"a frame without IP has no addresses", {.nets = {"0.0.0.0/0", "::/0"}}, arp(), false},
      {"no ports", {.ports = {{0, 65535}}}, arp(), false},
      {"no protocol", {.protocols = {{0, 255}}}, arp(), false},
      {"a rule without conditions matches it", {}, arp(), true},
      {"the outermost tag", {.vlans = {{100, 100}}}, tagged, true},
      {"not the inner one", {.vlans = {{7, 7}}}, tagged, false},
      {"an untagged frame has no VLAN", {.vlans = {{0, 4095}}}, a_to_b, false},
      {"nor a VNI", {.vnis = {{0, 0xffffff}}}, a_to_b, false},
      {"nor an endpoint", {.gwlb_endpoints = {1}}, a_to_b, false},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(Bench().add(row.frame).rule(compiled({row.rule})) == 0, row.matches) << row.sentence;
  }
}

TEST(RuleSet, LooksIntoTunnelsAndAtTheTenant) {
  const auto input = std::make_unique<test::RuleInput>();
  input->batch.count = 1;
  PacketKeys& keys = input->keys[0];
  keys.tenant.vni = 77;
  keys.tenant.gwlb_endpoint = 0x1234'5678'9abc'def0;
  const auto matches = [&](const RuleSpec& rule) {
    const RuleSet set = compiled({rule});
    RuleCounters counters(1);
    input->verdicts.wanted[0] = kSession;
    (void)set.evaluate(input->batch, input->headers, input->keys, kSession, input->verdicts,
                       input->outcomes, counters);
    return input->outcomes.rule[0] == 0;
  };
  EXPECT_TRUE(matches({.vnis = {{70, 80}}}));
  EXPECT_FALSE(matches({.vnis = {{78, 80}}}));
  EXPECT_TRUE(matches({.gwlb_endpoints = {5, 0x1234'5678'9abc'def0}}));
  EXPECT_FALSE(matches({.gwlb_endpoints = {5}}));
}

TEST(RuleSet, TheFirstRuleThatMatchesDecides) {
  const RuleSet set = compiled({{.ports = {{80, 80}}},
                                {.nets = {"10.0.0.0/8"}, .action = RuleAction::Reject},
                                {.ports = {{443, 443}}}},
                               RuleAction::Reject);
  Bench bench;
  bench.add(tcp_4("10.0.0.1", "10.0.0.2", 1, 80)).add(tcp_4("10.0.0.1", "1.1.1.1", 1, 443));
  bench.add(tcp_4("1.1.1.2", "1.1.1.1", 1, 443)).add(arp());
  EXPECT_EQ(bench.rules(set), (std::vector<std::uint16_t>{0, 1, 2, kOtherwise}));
  EXPECT_EQ(bench.remaining, 2u);
  EXPECT_EQ(bench.input->verdicts.wanted[0], ~SessionMask{0});
  EXPECT_EQ(bench.input->verdicts.wanted[1], ~kSession) << "other sessions keep their bits";
  EXPECT_EQ(bench.input->verdicts.wanted[3], ~kSession);
}

TEST(RuleSet, ExpressionsAndConditionsKeepTheirOrder) {
  const auto rule_of = [&](const std::vector<RuleSpec>& rules) {
    return Bench().add(tcp_4("10.0.0.1", "10.0.0.2", 1000, 443)).rule(compiled(rules));
  };
  const RuleSpec no_expression{.expression = "udp"};
  const RuleSpec expression{.expression = "tcp port 443"};
  const RuleSpec conditions{.ports = {{443, 443}}};
  const RuleSpec no_conditions{.ports = {{80, 80}}};
  EXPECT_EQ(rule_of({expression, conditions}), 0);
  EXPECT_EQ(rule_of({conditions, expression}), 0);
  EXPECT_EQ(rule_of({no_expression, conditions, expression}), 1);
  EXPECT_EQ(rule_of({no_conditions, no_expression, expression, conditions}), 2);
  EXPECT_EQ(rule_of({no_conditions, no_expression}), kOtherwise);
  EXPECT_EQ(rule_of({no_expression, expression, expression}), 1);
}

TEST(RuleSet, ExpressionsSeeWhatTheScopeSays) {
  const Frame inner =
      test::PacketBuilder().ethernet().ipv4("10.1.0.1", "10.1.0.2").tcp(1, 443).build();
  Frame vxlan_payload(8);
  vxlan_payload[0] = 0x08;
  vxlan_payload.insert(vxlan_payload.end(), inner.begin(), inner.end());
  Frame outer = test::PacketBuilder()
                    .ethernet()
                    .ipv4("192.0.2.1", "192.0.2.2")
                    .udp(9999, 4789)
                    .payload(vxlan_payload.size())
                    .build();
  std::copy(vxlan_payload.begin(), vxlan_payload.end(),
            outer.end() - static_cast<std::ptrdiff_t>(vxlan_payload.size()));
  const std::vector<RuleSpec> rules = {{.expression = "tcp port 443"}, {.ports = {{443, 443}}}};
  EXPECT_EQ(Bench().add(outer).rule(compiled(rules, RuleAction::Accept, Scope::Frame)), 1);
  EXPECT_EQ(Bench().add(outer).rule(compiled(rules, RuleAction::Accept, Scope::Innermost)), 0);
}

TEST(RuleSet, KeepsWhatTheActionSays) {
  const Frame frame = tcp_4("10.0.0.1", "10.0.0.2", 1, 2);  // 104 bytes, 54 of them headers
  ASSERT_EQ(frame.size(), 104u);
  const auto kept = [&](const Frame& f, RuleAction action, std::uint32_t bytes) {
    return Bench().add(f).kept(compiled({{.action = action, .keep_bytes = bytes}}));
  };
  EXPECT_EQ(kept(frame, RuleAction::Accept, 0), kKeepAll);
  EXPECT_EQ(kept(frame, RuleAction::Reject, 0), 0u);
  EXPECT_EQ(kept(frame, RuleAction::Truncate, 1), 1u);
  EXPECT_EQ(kept(frame, RuleAction::Truncate, 103), 103u);
  EXPECT_EQ(kept(frame, RuleAction::Truncate, 104), kKeepAll);
  EXPECT_EQ(kept(frame, RuleAction::Truncate, 1'000'000), kKeepAll);
  EXPECT_EQ(kept(frame, RuleAction::HeadersOnly, 0), 54u);
  Frame short_frame(frame.begin(), frame.begin() + 54);
  EXPECT_EQ(kept(short_frame, RuleAction::HeadersOnly, 0), kKeepAll);
  Frame unparsed = frame;
  unparsed[14] = 0;  // no IP version: the parser stops behind the Ethernet header
  EXPECT_EQ(kept(unparsed, RuleAction::HeadersOnly, 0), 14u);
  EXPECT_EQ(kept(Frame(10), RuleAction::HeadersOnly, 0), kKeepAll);
}

TEST(RuleSet, JudgesOnlyWhatTheSessionStillWants) {
  const RuleSet set = compiled({{.action = RuleAction::Reject}});
  Bench bench;
  bench.add(arp());
  bench.wanted = ~kSession;
  bench.input->outcomes.rule[0] = 4711;
  bench.input->outcomes.keep_bytes[0] = 4712;
  RuleCounters counters(1);
  bench.run(set, counters);
  EXPECT_EQ(bench.remaining, 0u);
  EXPECT_EQ(bench.input->verdicts.wanted[0], ~kSession);
  EXPECT_EQ(bench.input->outcomes.rule[0], 4711);
  EXPECT_EQ(bench.input->outcomes.keep_bytes[0], 4712u);
  EXPECT_EQ(counters.rule(0).packets.value(), 0u);
}

TEST(RuleSet, CountsEveryPacketOnceUnderTheRuleThatDecided) {
  Prng prng(11);
  std::vector<RuleSpec> rules;
  for (int i = 0; i < 50; ++i) {
    rules.push_back(test::random_rule(prng));
    if (i % 10 == 7) rules.push_back({.expression = "tcp[13] & " + std::to_string(i) + " != 0"});
  }
  const RuleSet set = compiled(rules);
  RuleCounters counters(set.size());
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::vector<std::uint64_t> by_rule(set.size() + 1);
  for (int batch = 0; batch < 20; ++batch) {
    Bench bench;
    bench.wire_extra = 7;
    for (int i = 0; i < 200; ++i) {
      const std::string source = "10.0." + std::to_string(prng.below(5)) + ".1";
      bench.add(tcp_4(source.c_str(), "10.0.0.3", static_cast<std::uint16_t>(prng.below(40)),
                      static_cast<std::uint16_t>(prng.below(40))));
      ++packets;
      bytes += 104 + 7;
    }
    bench.run(set, counters);
    for (int i = 0; i < 200; ++i) {
      ++by_rule[std::min<std::size_t>(bench.input->outcomes.rule[static_cast<std::size_t>(i)],
                                      set.size())];
    }
  }
  std::uint64_t counted = counters.otherwise().packets.value();
  std::uint64_t counted_bytes = counters.otherwise().bytes.value();
  EXPECT_EQ(counted, by_rule.back());
  for (std::size_t i = 0; i < set.size(); ++i) {
    EXPECT_EQ(counters.rule(i).packets.value(), by_rule[i]) << i;
    counted += counters.rule(i).packets.value();
    counted_bytes += counters.rule(i).bytes.value();
  }
  EXPECT_EQ(counted, packets);
  EXPECT_EQ(counted_bytes, bytes);
}

TEST(RuleSet, ACloneDecidesAlike) {
  const RuleSet set = compiled({{.expression = "udp"}, {.name = "web", .ports = {{443, 443}}}});
  const RuleSet clone = set.clone();
  EXPECT_EQ(clone.size(), 2u);
  EXPECT_EQ(clone.name(0), "rule-1");
  EXPECT_EQ(clone.name(1), "web");
  EXPECT_EQ(Bench().add(tcp_4("10.0.0.1", "10.0.0.2", 1, 443)).rule(clone), 1);
  EXPECT_EQ(Bench().add(udp_6("::1", "::2", 1, 443)).rule(clone), 0);
}

TEST(RuleSet, AnEmptyListLeavesAllToOtherwise) {
  EXPECT_EQ(Bench().add(arp()).kept(compiled({}, RuleAction::Accept)), kKeepAll);
  EXPECT_EQ(Bench().add(arp()).kept(compiled({}, RuleAction::Reject)), 0u);
}

TEST(RuleSet, KnowsAnUnchangedList) {
  const std::vector<RuleSpec> rules = {{.ports = {{1, 2}}}, {.name = "b", .expression = "tcp"}};
  const RuleSet set = compiled(rules);
  const auto same = [&](const std::vector<RuleSpec>& others) {
    return same_rules(set, others, RuleAction::Accept, Scope::Frame);
  };
  EXPECT_TRUE(same(rules));
  EXPECT_FALSE(same_rules(set, rules, RuleAction::Reject, Scope::Frame));
  EXPECT_FALSE(same_rules(set, rules, RuleAction::Accept, Scope::Innermost));
  EXPECT_FALSE(same({rules[0]}));
  EXPECT_FALSE(same({rules[1], rules[0]}));
  std::vector<RuleSpec> renamed = rules;
  renamed[0].name = "a";
  EXPECT_FALSE(same(renamed));
}

TEST(RuleSet, NamesAllExpressionsThatDoNotCompile) {
  const std::vector<RuleSpec> rules = {
      {.expression = "tcp prt 80"}, {.expression = "udp"}, {.name = "last", .expression = "hst x"}};
  auto set = RuleSet::compile(rules, RuleAction::Accept, Scope::Frame);
  ASSERT_TRUE(set.ok());
  const auto prepared = set->prepare(LinkType::Ethernet);
  ASSERT_FALSE(prepared.ok());
  EXPECT_EQ(prepared.error().code, ErrorCode::BadFilter);
  EXPECT_NE(prepared.error().context.find("rule \"rule-1\": expression: "), std::string::npos)
      << prepared.error().context;
  EXPECT_NE(prepared.error().context.find("rule \"last\": expression: "), std::string::npos);
  EXPECT_EQ(prepared.error().context.find("rule-2"), std::string::npos);
}

}  // namespace
}  // namespace weir::filter
