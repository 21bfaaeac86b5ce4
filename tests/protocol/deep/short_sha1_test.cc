// SHA-1 of short messages, by the examples of the standard and at every length.
#include "protocol/deep/short_sha1.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace weir::protocol {
namespace {

std::string hex_sha1(std::string_view text) {
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  std::string hex;
  for (const std::uint8_t byte : short_sha1(bytes)) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

TEST(ShortSha1, IsThatOfTheKnownExamples) {
  EXPECT_EQ(hex_sha1("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");  // NIST
  EXPECT_EQ(hex_sha1(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(hex_sha1("The quick brown fox jumps over the lazy dog"),
            "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12");
}

// The first byte of each digest, of "", "x", "xx" and so on; as sha1sum has them.
TEST(ShortSha1, IsRightAtEveryLength) {
  std::string firsts;
  for (std::size_t length = 0; length <= kShortSha1BytesMax; ++length) {
    firsts += hex_sha1(std::string(length, 'x')).substr(0, 2);
  }
  EXPECT_EQ(firsts,
            "da11ddb64a9a012dbc70ffc2493533f2a73f38dcd067222af705d76f"
            "a9ed5da7686094a5b4de4d93479d301f0bfb65f89b79c3c8e74731ce");
}

TEST(ShortSha1, OnAnyProcessorIsThatOfThisOne) {
  std::vector<std::uint8_t> message;
  for (std::size_t length = 0; length <= kShortSha1BytesMax; ++length) {
    EXPECT_EQ(short_sha1(message), short_sha1_portable(message)) << length;
    message.push_back(static_cast<std::uint8_t>(200 + 37 * length));
  }
}

}  // namespace
}  // namespace weir::protocol
