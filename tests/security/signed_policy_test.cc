// Documents, signatures and keys as files: whole, broken, forged, and exchanged while they are
// read.
#include "security/signed_policy.h"

#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace weir::security {
namespace {

using testing::HasSubstr;

class SignedPolicy : public testing::Test {
 protected:
  void SetUp() override {
    auto keys = make_keys();
    ASSERT_TRUE(keys.ok());
    keys_ = *keys;
    key_ = *read_public_key(keys_.public_pem);
  }
  [[nodiscard]] std::string path() const { return dir_.file("policy.toml"); }
  static void write(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  [[nodiscard]] std::string signature_of(const std::string& text) const {
    const auto signature = sign(text, keys_.private_pem);
    return {signature->begin(), signature->end()};
  }
  void write_signed(const std::string& text) const {
    write(path(), text);
    write(path() + ".sig", signature_of(text));
  }
  // Why it was refused; nothing: it was not.
  [[nodiscard]] std::optional<PolicyRefusal> refusal() const {
    const auto loaded = load_signed_text(path(), key_);
    const auto* refused = std::get_if<RefusedPolicy>(&loaded);
    if (refused == nullptr) return std::nullopt;
    EXPECT_NE(refused->error.context, "");
    return refused->reason;
  }

  test::TempDir dir_;
  KeyPair keys_;
  PublicKey key_;
};

TEST_F(SignedPolicy, IsTheTextThatWasSigned) {
  write_signed("version = 1\n");
  const auto loaded = load_signed_text(path(), key_);
  ASSERT_TRUE(std::holds_alternative<SignedText>(loaded));
  EXPECT_EQ(std::get<SignedText>(loaded).text, "version = 1\n");
  EXPECT_EQ(std::get<SignedText>(loaded).digest, *digest_of("version = 1\n"));
}

TEST_F(SignedPolicy, EveryFlippedBitOfTheTextIsForged) {
  const std::string text = "version = 1\nissued = 2026-11-29T20:00:00Z\n[sources]\nblock = true\n";
  write_signed(text);
  ASSERT_EQ(refusal(), std::nullopt);
  for (std::size_t i = 0; i < text.size() * 8; ++i) {
    std::string flipped = text;
    flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << i % 8));
    write(path(), flipped);
    ASSERT_EQ(refusal(), PolicyRefusal::Forged) << "bit " << i;
  }
}

TEST_F(SignedPolicy, EveryFlippedBitOfTheSignatureIsForged) {
  const std::string text = "version = 1\n";
  write_signed(text);
  const std::string signature = signature_of(text);
  for (std::size_t i = 0; i < signature.size() * 8; ++i) {
    std::string flipped = signature;
    flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << i % 8));
    write(path() + ".sig", flipped);
    ASSERT_EQ(refusal(), PolicyRefusal::Forged) << "bit " << i;
  }
}

TEST_F(SignedPolicy, EveryTruncationAndEveryAdditionIsForged) {
  const std::string text = "version = 1\n";
  write_signed(text);
  const std::string signature = signature_of(text);
  for (std::size_t size = 0; size < text.size(); ++size) {
    write(path(), text.substr(0, size));
    ASSERT_EQ(refusal(), PolicyRefusal::Forged) << size;
  }
  write(path(), text + "\n");
  EXPECT_EQ(refusal(), PolicyRefusal::Forged);
  write(path(), text);
  for (std::size_t size = 0; size < signature.size(); ++size) {
    write(path() + ".sig", signature.substr(0, size));
    ASSERT_EQ(refusal(), PolicyRefusal::Forged) << size;
  }
}

TEST_F(SignedPolicy, OfAnotherKeyIsForged) {
  const std::string text = "version = 1\n";
  write_signed(text);
  const auto other = make_keys();
  const auto signature = sign(text, other->private_pem);
  write(path() + ".sig", {signature->begin(), signature->end()});
  EXPECT_EQ(refusal(), PolicyRefusal::Forged);
}

TEST_F(SignedPolicy, IsMissingWithoutEitherFile) {
  EXPECT_EQ(refusal(), PolicyRefusal::Missing);
  write(path(), "version = 1\n");
  EXPECT_EQ(refusal(), PolicyRefusal::Missing);
  const auto loaded = load_signed_text(path(), key_);
  EXPECT_EQ(std::get<RefusedPolicy>(loaded).error.code, ErrorCode::NotFound);
  EXPECT_THAT(std::get<RefusedPolicy>(loaded).error.context, HasSubstr("policy.toml.sig"));
}

TEST_F(SignedPolicy, IsNeverReadBeyondItsBound) {
  write_signed(std::string(kPolicyBytesMax, '#'));
  EXPECT_EQ(refusal(), std::nullopt);
  write_signed(std::string(kPolicyBytesMax + 1, '#'));
  EXPECT_EQ(refusal(), PolicyRefusal::TooLarge);
  write_signed("version = 1\n");
  write(path() + ".sig", std::string(kSignatureFileBytesMax + 1, 'A'));
  EXPECT_EQ(refusal(), PolicyRefusal::TooLarge);
}

// Nobody is waited for who may never write.
TEST_F(SignedPolicy, IsNoPipeAndNoDirectory) {
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_EQ(refusal(), PolicyRefusal::Missing);
  std::filesystem::remove(path());
  std::filesystem::create_directory(path());
  EXPECT_EQ(refusal(), PolicyRefusal::Missing);
}

TEST_F(SignedPolicy, KeysAreNamedByTheirFileWhenTheyAreNone) {
  write(dir_.file("policy.pub"), keys_.public_pem);
  EXPECT_EQ(*load_public_key(dir_.file("policy.pub")), key_);
  write(dir_.file("policy.pub"), keys_.private_pem);
  const auto none = load_public_key(dir_.file("policy.pub"));
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.error().context, HasSubstr("policy.pub: no public key"));
}

// Whatever is read while somebody exchanges both files is one of the two texts, or refused.
TEST_F(SignedPolicy, ExchangedWhileItIsReadIsOneOrTheOtherOrRefused) {
  const std::string one = "version = 1\n" + std::string(20'000, '1');
  const std::string two = "version = 2\n" + std::string(20'000, '2');
  const std::string one_sig = signature_of(one);
  const std::string two_sig = signature_of(two);
  write_signed(one);
  std::atomic<bool> done = false;
  std::thread exchanger([&] {
    for (int i = 0; !done; ++i) {
      write(path() + ".new", i % 2 == 0 ? two : one);
      write(path() + ".sig.new", i % 2 == 0 ? two_sig : one_sig);
      std::filesystem::rename(path() + ".new", path());
      std::filesystem::rename(path() + ".sig.new", path() + ".sig");
      // And in place, as an editor might.
      write(path(), i % 2 == 0 ? two : one);
    }
  });
  int whole = 0;
  for (int i = 0; i < 300 || whole == 0; ++i) {
    const auto loaded = load_signed_text(path(), key_);
    const auto* text = std::get_if<SignedText>(&loaded);
    if (text == nullptr) continue;
    ++whole;
    EXPECT_TRUE(text->text == one || text->text == two);
  }
  done = true;
  exchanger.join();
}

}  // namespace
}  // namespace weir::security
