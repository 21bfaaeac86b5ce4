// `weir run` under a policy document: what it starts with, what it takes and refuses, and what
// becomes of refused requests.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/run_fixture.h"

namespace weir::test {
namespace {

using testing::HasSubstr;

class RunPolicy : public Run {
 protected:
  void SetUp() override {
    Run::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_EQ(run_weir({"policy", "keygen", dir_.file("policy")}).status, 0);
    configure(head() + "[security]\npolicy = \"" + document() + "\"\npolicy_key = \"" +
              dir_.file("policy.pub") + "\"\n" + session("all"));
  }
  [[nodiscard]] std::string document() const { return dir_.file("policy.toml"); }
  static std::string times() {
    return "issued = 2020-01-01T00:00:00Z\nexpires = 2200-01-01T00:00:00Z\n";
  }
  void sign(const std::string& text) const {
    write_file(document(), text);
    ASSERT_EQ(run_weir({"policy", "sign", document(), "--key", dir_.file("policy.key")}).status, 0);
  }
  void sign(int version, const std::string& rest = "") const {
    sign("version = " + std::to_string(version) + "\n" + times() + rest);
  }
  CommandResult run_once() { return run_weir({"run", "-c", config()}); }
  [[nodiscard]] nlohmann::json policy_now() const { return get("/v1/policy").json(); }
  void expect_no_start(int status, const char* why) {
    const CommandResult ended = run_once();
    EXPECT_EQ(ended.status, status) << why;
    EXPECT_THAT(ended.err, HasSubstr(why));
    EXPECT_FALSE(std::filesystem::exists(socket()));
  }
};

TEST_F(RunPolicy, NothingStartsUnderAPolicyThatMustNotBeInForce) {
  expect_no_start(1, "policy.toml: No such file");
  write_file(document(), "version = 1\n" + times());
  expect_no_start(1, "policy.toml.sig: No such file");
  write_file(document() + ".sig", std::string(64, 'x'));
  expect_no_start(1, "the signature does not fit");
  sign("version = 1\nissued = 2020-01-01T00:00:00Z\nexpires = 2021-01-01T00:00:00Z\n");
  expect_no_start(1, "version 1: expired 2021-01-01");
  sign("version = 1\nissued = 2200-01-01T00:00:00Z\nexpires = 2201-01-01T00:00:00Z\n");
  expect_no_start(1, "version 1: issued 2200-01-01");
  sign(1);
  write_file(dir_.file("policy.pub"), "no key");
  expect_no_start(2, "security.policy_key: read ");
}

TEST_F(RunPolicy, APolicyWithoutItsKeyIsAProblemOfTheConfiguration) {
  configure(head() + "[security]\npolicy = \"" + document() + "\"\n" + session("all"));
  expect_no_start(2, "security.policy_key: empty, and the other one of policy and policy_key");
}

TEST_F(RunPolicy, AReloadTakesAGoodOneAndRefusesABadOneWhole) {
  sign(1);
  start_engine();
  EXPECT_EQ(policy_now().at("version"), 1);
  sign(2, "[sources]\ndeny_nets = [\"192.0.2.0/24\"]\n");
  const HttpAnswer taken = post("/v1/config/reload");
  EXPECT_EQ(taken.status, 200) << taken.body;
  EXPECT_THAT(taken.body, HasSubstr("policy version 2: in force"));
  EXPECT_EQ(policy_now().at("version"), 2);
  // A sound configuration beside it is not taken either.
  const std::string before = get("/v1/config").body;
  write_file(config(), read_file(config()) + session("more"));
  write_file(document(), read_file(document()) + "# meant well\n");
  const HttpAnswer refused = post("/v1/config/reload");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(refused.body, HasSubstr("the signature does not fit"));
  EXPECT_EQ(policy_now().at("version"), 2);
  EXPECT_EQ(policy_now().at("refused").at("forged"), 1);
  EXPECT_EQ(get("/v1/config").body, before);
  EXPECT_THAT(ctl({"events"}).out, HasSubstr("policy refused"));
  EXPECT_THAT(ctl({"journal"}).out, HasSubstr("policy refused"));
  EXPECT_THAT(ctl({"policy"}).out, HasSubstr("version 2, loaded"));
  sign(3);
  EXPECT_EQ(ctl({"reload"}).status, 0);
  EXPECT_EQ(session_now("more").at("state"), "running");
  EXPECT_THAT(get("/metrics").body, HasSubstr("\nweir_policy_version 3\n"));
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunPolicy, ASignalTakesANewOneToo) {
  sign(1);
  start_engine();
  sign(2);
  engine_->signal(SIGHUP);
  while (policy_now().at("version") != 2) {
  }
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunPolicy, AnOlderOneIsRefusedAlsoAfterARestart) {
  sign(1);
  const std::string old = read_file(document());
  const std::string old_signature = read_file(document() + ".sig");
  start_engine();
  sign(2);
  EXPECT_EQ(post("/v1/config/reload").status, 200);
  write_file(document(), old);
  write_file(document() + ".sig", old_signature);
  const HttpAnswer replayed = post("/v1/config/reload");
  EXPECT_EQ(replayed.status, 400);
  EXPECT_THAT(replayed.body, HasSubstr("version 1: version 2 has been accepted here"));
  EXPECT_EQ(stop_engine().status, 0);
  expect_no_start(1, "version 1: version 2 has been accepted here");
  sign(2);
  start_engine();
  EXPECT_EQ(policy_now().at("version"), 2);
  EXPECT_EQ(stop_engine().status, 0);
}

TEST_F(RunPolicy, RefusedRequestsRaiseTheThreatAndQuietLetsItFall) {
  sign(1,
       "[threat]\nrefused_requests = [2, 3, 1000]\nwindow = \"1s\"\nrecovery = \"1s\"\n"
       "[threat.high]\nblock = true\n");
  start_engine();
  std::filesystem::permissions(dir_.path(), std::filesystem::perms::all);
  std::filesystem::permissions(socket(), std::filesystem::perms::all);
  EXPECT_EQ(policy_now().at("threat").at("level"), "normal");
  // Somebody without a role, until the engine has noticed.
  while (policy_now().at("threat").at("level") != "high") {
    const CommandResult stranger =
        run_command({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "curl", "-s",
                     "--unix-socket", socket(), "http://weir/v1/status", "http://weir/v1/status",
                     "http://weir/v1/health", "http://weir/metrics"});
    ASSERT_EQ(stranger.status, 0) << stranger.err;
  }
  EXPECT_EQ(policy_now().at("level"), "high");
  while (policy_now().at("threat").at("level") != "normal") {
  }
  EXPECT_EQ(policy_now().at("block"), false);
  const std::string journal = ctl({"journal", "-n", "50"}).out;
  EXPECT_THAT(journal, HasSubstr("refused requests of the API"));
  EXPECT_THAT(ctl({"events"}).out, HasSubstr("the threat is high"));
  EXPECT_EQ(stop_engine().status, 0);
}

}  // namespace
}  // namespace weir::test
