// Ed25519 by the vectors of RFC 8032, and keys and signatures as files have them.
#include "security/signing.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::security {
namespace {

using testing::HasSubstr;

// RFC 8032, section 7.1, TEST 2: the message is the byte 0x72.
constexpr const char* kPrivate =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
    "-----END PRIVATE KEY-----\n";
constexpr const char* kPublic =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n"
    "-----END PUBLIC KEY-----\n";
constexpr std::string_view kMessage = "\x72";
constexpr std::string_view kSignature =
    "kqAJqfDUyrhyDoILX2QlQKKye1QWUD+Ps3YiI+vbadoIWsHkPhWZbkWPNhPQ8R2M"
    "OHsurrQwKu6wDSkWErsMAA==";

std::string raw(const Signature& signature) { return {signature.begin(), signature.end()}; }

TEST(Signing, MakesTheSignatureOfTheStandard) {
  const auto expected = read_signature(kSignature);
  ASSERT_TRUE(expected.ok());
  EXPECT_EQ((*expected)[0], 0x92);
  EXPECT_EQ((*expected)[63], 0x00);
  const auto signature = sign(kMessage, kPrivate);
  ASSERT_TRUE(signature.ok());
  EXPECT_EQ(*signature, *expected);
}

TEST(Signing, FindsThatItFitsItsMessageAndKeyAndNoOther) {
  const auto key = read_public_key(kPublic);
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->bytes[0], 0x3d);
  const auto signature = read_signature(kSignature);
  ASSERT_TRUE(signature.ok());
  EXPECT_TRUE(verify(kMessage, *signature, *key));
  EXPECT_FALSE(verify("\x73", *signature, *key));
  EXPECT_FALSE(verify("", *signature, *key));
  PublicKey other = *key;
  other.bytes[5] ^= 1;
  EXPECT_FALSE(verify(kMessage, *signature, other));
}

TEST(Signing, KeysThatItMakesFitEachOtherAndNoOthers) {
  const auto one = make_keys();
  const auto other = make_keys();
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_NE(one->private_pem, other->private_pem);
  const auto signature = sign("text", one->private_pem);
  ASSERT_TRUE(signature.ok());
  EXPECT_TRUE(verify("text", *signature, *read_public_key(one->public_pem)));
  EXPECT_FALSE(verify("text", *signature, *read_public_key(other->public_pem)));
}

TEST(Signing, TakesASignatureAsItIsAndAsBase64WithLineEnds) {
  const auto signature = read_signature(kSignature);
  ASSERT_TRUE(signature.ok());
  EXPECT_EQ(*read_signature(raw(*signature)), *signature);
  std::string lines(kSignature);
  lines.insert(64, "\r\n");
  EXPECT_EQ(*read_signature(lines + "\n"), *signature);
}

TEST(Signing, RefusesWhatIsNoSignature) {
  const std::string good(kSignature);
  std::string letter = good;
  letter[3] = '*';
  std::string spare = good;  // bits that belong to no byte
  spare[85] = 'B';
  for (const std::string& text : {std::string(), std::string(63, 'x'), std::string(65, 'x'),
                                  good.substr(0, 87), good + "A", letter, spare}) {
    const auto signature = read_signature(text);
    ASSERT_FALSE(signature.ok()) << text;
    EXPECT_EQ(signature.error().code, ErrorCode::Damaged);
  }
}

TEST(Signing, NamesAKeyOfAnotherKind) {
  // openssl genpkey -algorithm ed448 | openssl pkey -pubout
  const auto other = read_public_key(
      "-----BEGIN PUBLIC KEY-----\n"
      "MEMwBQYDK2VxAzoAjo2+epPtn6+3LA6mBDnLRAFH785yp4cu6j+N9u4zodOKk4E1\n"
      "leS0NSaKfaBO8a9uxA+tsr3L9e+A\n"
      "-----END PUBLIC KEY-----\n");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::Usage);
  EXPECT_THAT(other.error().context, HasSubstr("ED448"));
}

TEST(Signing, TakesNeitherKeyForTheOtherAndNothingElse) {
  EXPECT_FALSE(read_public_key(kPrivate).ok());
  EXPECT_FALSE(sign("x", kPublic).ok());
  for (const std::string_view text : {"", "x", "-----BEGIN PUBLIC KEY-----\n"}) {
    EXPECT_FALSE(read_public_key(text).ok());
    EXPECT_FALSE(sign("x", text).ok());
  }
}

// The library would ask on the terminal for the password.
TEST(Signing, DoesNotReadAKeyBehindAPassword) {
  const auto refused = sign("x",
                            "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                            "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhepZT2ekjIswICCAAw\n"
                            "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEAXgLiPHMdOR/a2LF0mS+R0EQPD3\n"
                            "UPGBcTc97BuDVLFBb4cVwxCE9tTodxXfrXcJATplQlPyne8adkR3OLF/SuBCPfpJ\n"
                            "DnbWiT95aUm01PpD6uU=\n"
                            "-----END ENCRYPTED PRIVATE KEY-----\n");
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().context, HasSubstr("password"));
}

TEST(Signing, TakesTheDigestOfTheStandard) {
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(*digest_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace weir::security
