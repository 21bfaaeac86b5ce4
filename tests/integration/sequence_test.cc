// The sequence diagram of the specification, driven round its loop on the real binary: each branch
// is taken, left and taken again, and what the engine tells of itself has the arrows in their
// order.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/run_fixture.h"
#include "storage/segment/store_directory.h"
#include "support/packet_builder.h"

namespace weir::test {
namespace {

FrameBytes frame_from(const std::string& address, std::size_t payload = 100) {
  return PacketBuilder()
      .ethernet()
      .ipv4(address, "10.0.0.9")
      .udp(1000, 53)
      .payload(payload)
      .build();
}

class Sequence : public Run {
 protected:
  void SetUp() override {
    Run::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_EQ(run_weir({"policy", "keygen", dir_.file("policy")}).status, 0);
    std::filesystem::create_directory(dir_.file("out"));
    ASSERT_EQ(::mkfifo(fifo_.c_str(), 0600), 0);
    reader_ = UniqueFd(::open(fifo_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    ASSERT_TRUE(reader_);
  }
  // Where packets may come from and go to, and what a threat forbids.
  void sign(int version, const std::string& nets) const {
    write_file(dir_.file("policy.toml"),
               "version = " + std::to_string(version) +
                   "\nissued = 2020-01-01T00:00:00Z\nexpires = 2200-01-01T00:00:00Z\n"
                   "[sources]\nnets = [" +
                   nets + "]\n[destinations]\ndirectories = [\"" + dir_.file("out") +
                   "\"]\n[threat]\nrefused_sources = [5, 50, 100000]\nwindow = \"1s\"\n"
                   "recovery = \"5s\"\n[threat.high]\nblock = true\n");
    sign_file();
  }
  // Packets may go anywhere, or to these kinds of outputs.
  void sign_without_bounds(int version, const std::string& kinds = "") const {
    write_file(dir_.file("policy.toml"),
               "version = " + std::to_string(version) +
                   "\nissued = 2020-01-01T00:00:00Z\nexpires = 2200-01-01T00:00:00Z\n"
                   "[destinations]\nkinds = [" +
                   kinds + "]\n");
    sign_file();
  }
  void sign_file() const {
    ASSERT_EQ(
        run_weir({"policy", "sign", dir_.file("policy.toml"), "--key", dir_.file("policy.key")})
            .status,
        0);
  }
  void configure_with(const std::string& filter) const {
    configure(head() + "[security]\npolicy = \"" + dir_.file("policy.toml") +
              "\"\npolicy_key = \"" + dir_.file("policy.pub") +
              "\"\n[pressure]\nstep_interval = \"50ms\"\nrecover_after = \"200ms\"\n" +
              session("all", "filter = \"" + filter + "\"\n[session.store]\npath = \"" + store_ +
                                 "\"\ndurability = \"chunk\"\n") +
              session("piped", "priority = 1\n[session.pcapng]\npath = \"" + fifo_ + "\"\n"));
  }
  void send_from(const std::string& address, std::uint32_t count, std::size_t payload = 100) {
    TrafficSocket("tap").send(std::vector<FrameBytes>(count, frame_from(address, payload)));
    sent_ += count;
    wait_until_received(sent_);
  }
  [[nodiscard]] std::uint64_t rejected(const char* reason) const {
    const nlohmann::json status = get("/v1/status").json();
    return status.at("rejected").value(reason, std::uint64_t{0});
  }
  [[nodiscard]] std::uint64_t accepted(const std::string& name) const {
    return session_now(name).at("accepted").get<std::uint64_t>();
  }
  [[nodiscard]] std::string relief() const { return session_now("piped").at("relief"); }
  [[nodiscard]] std::string threat() const {
    return get("/v1/policy").json().at("threat").at("level");
  }
  void read_pipe() const {
    std::array<char, 65536> buffer;
    while (::read(reader_.get(), buffer.data(), buffer.size()) > 0) {
    }
  }

  // "kind key=value", an event with such a field, or "kind".
  [[nodiscard]] static bool is(const nlohmann::json& event, const std::string& what) {
    const std::size_t blank = what.find(' ');
    if (event.at("kind") != what.substr(0, blank)) return false;
    if (blank == std::string::npos) return true;
    const std::size_t equal = what.find('=', blank);
    const auto& fields = event.at("fields");
    const std::string key = what.substr(blank + 1, equal - blank - 1);
    return fields.contains(key) && fields.at(key) == what.substr(equal + 1);
  }
  // All events so far have these, one behind the other, behind those that were expected before.
  void expect_next(const std::vector<std::string>& arrows) {
    const std::string told = ctl({"--json", "events", "--after", std::to_string(seen_)}).out;
    std::istringstream lines(told);
    std::string line;
    for (const std::string& arrow : arrows) {
      bool found = false;
      while (!found && std::getline(lines, line)) {
        const auto event = nlohmann::json::parse(line);
        found = is(event, arrow);
        if (found) seen_ = event.at("id").get<std::uint64_t>();
      }
      ASSERT_TRUE(found) << "not in its order: " << arrow << "\n" << told;
    }
  }
  // Until an event has come behind those that were expected.
  void wait_for(const std::string& arrow) const {
    for (;;) {
      std::istringstream lines(ctl({"--json", "events", "--after", std::to_string(seen_)}).out);
      for (std::string line; std::getline(lines, line);) {
        if (is(nlohmann::json::parse(line), arrow)) return;
      }
    }
  }

  const std::string store_ = dir_.file("out/packets");
  const std::string fifo_ = dir_.file("out/fifo");
  UniqueFd reader_;
  std::uint64_t seen_ = 0;
};

TEST_F(Sequence, EachArrowOfTheLoopHappensInItsOrder) {
  sign(1, "\"10.0.0.0/8\"");
  configure_with("udp");
  start_engine();

  // Security initialises policies; State initialises the capture, its rules and its outputs.
  expect_next({"policy_loaded version=1", "policy_enforced version=1", "session_state session=all",
               "engine_started"});

  // Buffer available and input validated; passes checks and filters; output successful.
  send_from("10.0.0.1", 100);
  EXPECT_EQ(accepted("all"), 100u);
  while (session_now("all").at("outputs").at(0).at("written") != 100) {
  }

  // Output blocked: signal of pressure, adjusted ingestion; and back.
  while (relief() != "drop") send_from("10.0.0.2", 500, 1400);
  const std::uint64_t stored = accepted("all");
  EXPECT_EQ(stored, sent_) << "the other session has nothing to do with it";
  expect_next({"pressure_changed resource=output", "relief_changed session=piped"});
  const std::uint64_t piped = accepted("piped");
  const nlohmann::json before = session_now("piped").at("dropped");
  send_from("10.0.0.2", 10);
  EXPECT_EQ(accepted("piped"), piped);
  EXPECT_EQ(session_now("piped").at("dropped").at("pressure").get<std::uint64_t>(),
            before.value("pressure", std::uint64_t{0}) + 10);
  while (!relief().empty()) read_pipe();
  wait_for("relief_changed to=none");
  expect_next({"pressure_changed to=normal", "relief_changed to=none"});
  send_from("10.0.0.3", 10);
  EXPECT_EQ(accepted("piped"), piped + 10);

  // Security rejection: told to the monitor; its metrics raise the threat.
  send_from("192.0.2.1", 10);
  EXPECT_EQ(rejected("source"), 10u);
  wait_for("threat_changed to=elevated");
  expect_next({"source_refused kind=address", "threat_changed to=elevated",
               "policy_enforced threat=elevated"});
  const std::uint64_t all = accepted("all");
  send_from("10.0.0.4", 10);
  EXPECT_EQ(accepted("all"), all + 10) << "nothing more is forbidden at this level";

  // Security block: what the policy says of that level is applied to the input; and back.
  while (threat() != "high") send_from("192.0.2.1", 60);
  wait_for("policy_enforced threat=high");
  expect_next({"threat_changed to=high", "policy_enforced threat=high"});
  const std::uint64_t blocked = rejected("policy");
  send_from("10.0.0.5", 10);
  EXPECT_EQ(accepted("all"), all + 10);
  EXPECT_EQ(rejected("policy"), blocked + 10);
  wait_for("policy_enforced threat=normal");
  expect_next(
      {"source_refused kind=blocked", "threat_changed to=normal", "policy_enforced threat=normal"});
  send_from("10.0.0.5", 10);
  EXPECT_EQ(accepted("all"), all + 20);

  // A change of State and Security: process, input and output are updated.
  sign(2, "\"10.0.0.0/8\", \"192.0.2.0/24\"");
  configure_with("udp and not host 10.0.0.6");
  ASSERT_EQ(post("/v1/config/reload").status, 200);
  expect_next({"policy_loaded version=2", "policy_enforced version=2", "config_committed"});
  send_from("192.0.2.1", 10);
  send_from("10.0.0.6", 10);
  EXPECT_EQ(accepted("all"), all + 30) << "the one is let in now, the other is filtered";

  while (session_now("piped").at("outputs").at(0).at("pending") != 0) read_pipe();
  const CommandResult ended = stop_engine();
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_TRUE(law_holds(stats())) << stats();
  EXPECT_EQ(run_weir({"store", "verify", store_}).status, 0);
}

TEST_F(Sequence, DestinationsAreValidatedBeforeAPacketLeavesAndAgainWhenThePolicyMoves) {
  sign(1, "\"10.0.0.0/8\"");
  configure_with("udp");
  write_file(config(),
             read_file(config()) + session("astray", "[session.pcapng]\npath = \"" +
                                                         dir_.file("elsewhere.pcapng") + "\"\n"));
  const CommandResult refused = run_weir({"run", "-c", config()});
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.err, testing::HasSubstr("session astray: security: " + dir_.path().string()));

  configure_with("udp");
  start_engine();
  send_from("10.0.0.1", 10);
  EXPECT_EQ(accepted("all"), 10u);
  expect_next({"policy_enforced version=1", "session_state session=all"});
  // The next policy has no pipes: that session loses its output, the other does not.
  sign_without_bounds(2, "\"store\"");
  ASSERT_EQ(post("/v1/config/reload").status, 200);
  wait_until("piped", "failed");
  expect_next({"policy_loaded version=2", "destination_refused session=piped",
               "output_failed session=piped"});
  send_from("10.0.0.1", 10);
  EXPECT_EQ(accepted("all"), 20u);
  EXPECT_EQ(accepted("piped"), 10u);
  // And back.
  sign(3, "\"10.0.0.0/8\"");
  ASSERT_EQ(post("/v1/config/reload").status, 200);
  wait_until("piped", "running");
  send_from("10.0.0.1", 10);
  EXPECT_EQ(accepted("all"), 30u);
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_TRUE(law_holds(stats())) << stats();
}

TEST_F(Sequence, AConfigurationMayAskForWhatThePolicyBesideItAllows) {
  sign(1, "\"10.0.0.0/8\"");
  configure_with("udp");
  start_engine();
  const std::string before = get("/v1/config").body;
  const std::string elsewhere =
      session("more", "[session.pcapng]\npath = \"" + dir_.file("more.pcapng") + "\"\n");
  write_file(config(), read_file(config()) + elsewhere);
  const HttpAnswer refused = post("/v1/config/reload");
  EXPECT_NE(refused.status, 200);
  EXPECT_THAT(refused.body, testing::HasSubstr("session more: security: " + dir_.path().string()));
  EXPECT_EQ(get("/v1/config").body, before);
  sign_without_bounds(2);
  ASSERT_EQ(post("/v1/config/reload").status, 200);
  send_from("10.0.0.1", 10);
  EXPECT_EQ(accepted("more"), 10u);
  EXPECT_EQ(stop_engine().status, 0);
}

}  // namespace
}  // namespace weir::test
