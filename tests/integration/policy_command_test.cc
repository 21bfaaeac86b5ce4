// `weir policy` as a user runs it, with the openssl command as the other side.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/weir_command.h"
#include "support/temp_dir.h"

namespace weir::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kGood =
    "version = 7\nissued = 2020-01-01T00:00:00Z\nexpires = 2200-01-01T00:00:00Z\n";

class PolicyCommand : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(dir_.file(name), std::ios::binary) << bytes;
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(dir_.file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  CommandResult policy(std::vector<std::string> words) const {
    words.insert(words.begin(), "policy");
    return run_weir(std::move(words), {.working_directory = dir_.path().string()});
  }
  CommandResult openssl(std::vector<std::string> words) const {
    words.insert(words.begin(), "openssl");
    return run_command(words, {.working_directory = dir_.path().string()});
  }
  [[nodiscard]] mode_t mode_of(const std::string& name) const {
    struct stat about {};
    EXPECT_EQ(::stat(dir_.file(name).c_str(), &about), 0);
    return about.st_mode & 07777;
  }

  TempDir dir_;
};

TEST_F(PolicyCommand, KeygenMakesKeysThatOpensslUnderstands) {
  const mode_t before = ::umask(0);
  const CommandResult made = policy({"keygen", "policy"});
  ::umask(before);
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_EQ(mode_of("policy.key"), 0600);
  EXPECT_EQ(mode_of("policy.pub"), 0644);
  const CommandResult derived = openssl({"pkey", "-in", "policy.key", "-pubout"});
  EXPECT_EQ(derived.out, read("policy.pub"));
  EXPECT_THAT(openssl({"pkey", "-in", "policy.key", "-noout", "-text"}).out,
              StartsWith("ED25519 Private-Key"));
}

TEST_F(PolicyCommand, KeygenOverwritesNeitherKey) {
  ASSERT_EQ(policy({"keygen", "policy"}).status, 0);
  const std::string key = read("policy.key");
  const std::string pub = read("policy.pub");
  const CommandResult again = policy({"keygen", "policy"});
  EXPECT_EQ(again.status, 2);
  EXPECT_THAT(again.err, HasSubstr("policy.key"));
  EXPECT_EQ(read("policy.key"), key);
  std::filesystem::remove(dir_.file("policy.key"));
  EXPECT_EQ(policy({"keygen", "policy"}).status, 2);
  EXPECT_EQ(read("policy.pub"), pub);
  EXPECT_FALSE(std::filesystem::exists(dir_.file("policy.key"))) << "no key without the other";
}

TEST_F(PolicyCommand, SignsAsOpensslDoes) {
  ASSERT_EQ(policy({"keygen", "policy"}).status, 0);
  write("policy.toml", kGood);
  const CommandResult made = policy({"sign", "policy.toml", "--key", "policy.key"});
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_EQ(made.out,
            "policy.toml.sig: signs version 7, from 2020-01-01T00:00:00.000Z until "
            "2200-01-01T00:00:00.000Z\n");
  EXPECT_EQ(read("policy.toml.sig").size(), 64u);
  const CommandResult theirs = openssl({"pkeyutl", "-sign", "-rawin", "-inkey", "policy.key", "-in",
                                        "policy.toml", "-out", "theirs.sig"});
  ASSERT_EQ(theirs.status, 0) << theirs.err;
  EXPECT_EQ(read("theirs.sig"), read("policy.toml.sig"));
  EXPECT_EQ(openssl({"pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "policy.pub", "-sigfile",
                     "policy.toml.sig", "-in", "policy.toml"})
                .status,
            0);
}

TEST_F(PolicyCommand, VerifiesWhatOpensslHasSignedWithItsOwnKey) {
  ASSERT_EQ(openssl({"genpkey", "-algorithm", "ed25519", "-out", "o.key"}).status, 0);
  ASSERT_EQ(openssl({"pkey", "-in", "o.key", "-pubout", "-out", "o.pub"}).status, 0);
  write("policy.toml", kGood);
  ASSERT_EQ(openssl({"pkeyutl", "-sign", "-rawin", "-inkey", "o.key", "-in", "policy.toml", "-out",
                     "policy.toml.sig"})
                .status,
            0);
  const CommandResult raw = policy({"verify", "policy.toml", "--pub", "o.pub"});
  EXPECT_EQ(raw.status, 0) << raw.err;
  EXPECT_THAT(raw.out, StartsWith("policy.toml: good (version 7,"));
  // And as text.
  ASSERT_EQ(openssl({"base64", "-in", "policy.toml.sig", "-out", "text.sig"}).status, 0);
  std::filesystem::rename(dir_.file("text.sig"), dir_.file("policy.toml.sig"));
  EXPECT_EQ(policy({"verify", "policy.toml", "--pub", "o.pub"}).status, 0);
}

TEST_F(PolicyCommand, VerifySaysWhyItRefuses) {
  ASSERT_EQ(policy({"keygen", "policy"}).status, 0);
  ASSERT_EQ(policy({"keygen", "other"}).status, 0);
  const auto verified = [&](const char* key) {
    return policy({"verify", "policy.toml", "--pub", key});
  };
  write("policy.toml", kGood);
  CommandResult result = verified("policy.pub");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("read policy.toml.sig: No such file"));
  ASSERT_EQ(policy({"sign", "policy.toml", "--key", "policy.key"}).status, 0);
  result = verified("other.pub");
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("the signature does not fit"));
  result = verified("policy.key");
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("read policy.key: no public key"));
  write("policy.toml",
        "version = 7\nissued = 2020-01-01T00:00:00Z\n"
        "expires = 2021-01-01T00:00:00Z\n");
  ASSERT_EQ(policy({"sign", "policy.toml", "--key", "policy.key"}).status, 0);
  result = verified("policy.pub");
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err,
            "weir: policy.toml: version 7: expired 2021-01-01T00:00:00.000Z (sign a new one)\n");
}

TEST_F(PolicyCommand, CheckTellsAllProblemsAndSignRefusesToSignThem) {
  ASSERT_EQ(policy({"keygen", "policy"}).status, 0);
  write("policy.toml",
        "version = 0\nisued = 2020-01-01T00:00:00Z\n"
        "expires = 2200-01-01T00:00:00Z\n");
  const CommandResult checked = policy({"check", "policy.toml"});
  EXPECT_EQ(checked.status, 2);
  EXPECT_THAT(checked.err, HasSubstr("policy.toml:1:1: version: 0: not 1 or more\n"));
  EXPECT_THAT(checked.err,
              HasSubstr("policy.toml:2:1: isued: unknown key (did you mean 'issued'?)"));
  const CommandResult made = policy({"sign", "policy.toml", "--key", "policy.key"});
  EXPECT_EQ(made.status, 2);
  EXPECT_EQ(made.err, checked.err);
  EXPECT_FALSE(std::filesystem::exists(dir_.file("policy.toml.sig")));
  write("policy.toml", kGood);
  EXPECT_EQ(policy({"check", "policy.toml"}).out,
            "policy.toml: good (version 7, from 2020-01-01T00:00:00.000Z until "
            "2200-01-01T00:00:00.000Z)\n");
}

TEST_F(PolicyCommand, SignTakesTheKeyOfNoOtherKind) {
  ASSERT_EQ(openssl({"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                     "ec.key"})
                .status,
            0);
  write("policy.toml", kGood);
  const CommandResult result = policy({"sign", "policy.toml", "--key", "ec.key"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("read ec.key: a key of type EC, not Ed25519"));
}

}  // namespace
}  // namespace weir::test
