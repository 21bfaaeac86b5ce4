// SSH (RFC 4253): banners, key exchange in clear, then a terminal session of many small encrypted
// packets.
#include <array>
#include <string_view>

#include "applications/applications.h"
#include "random_draws.h"

namespace weir::traffic {
namespace {

constexpr std::array<std::string_view, 10> kNameLists = {
    "curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group16-sha512",
    "ssh-ed25519,rsa-sha2-512,rsa-sha2-256",
    "chacha20-poly1305@openssh.com,aes128-ctr,aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com,aes128-ctr,aes256-gcm@openssh.com",
    "umac-64-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512",
    "umac-64-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512",
    "none,zlib@openssh.com",
    "none,zlib@openssh.com",
    "",
    ""};

// A binary packet in clear: length, padding length, payload written by `payload`, padding to a
// multiple of eight.
template <typename Payload>
void clear_packet(HeadBuffer& head, Prng& prng, Payload payload) {
  const std::size_t begin = head.size();
  head.u32(0).u8(0);
  payload();
  const std::size_t unpadded = head.size() - begin;
  const std::size_t padding = 4 + (8 - (unpadded + 4) % 8) % 8;
  head.random(prng, padding);
  const std::size_t length = head.size() - begin - 4;
  head.patch16(begin + 2, static_cast<std::uint16_t>(length));
  head.patch8(begin + 4, static_cast<std::uint8_t>(padding));
}

void key_exchange_init(HeadBuffer& head, Prng& prng) {
  clear_packet(head, prng, [&] {
    head.u8(20).random(prng, 16);
    for (const std::string_view names : kNameLists) {
      head.u32(static_cast<std::uint32_t>(names.size())).text(names);
    }
    head.u8(0).u32(0);
  });
}

}  // namespace

std::optional<Message> ssh_message(const Flow& flow, std::uint32_t index, HeadBuffer& head) {
  Prng constant = choices(flow, 1);
  const std::uint32_t keystrokes = draw_heavy_tailed(constant, 12, 3000);
  Prng prng = choices(flow, 16 + index);
  const Direction turn = index % 2 == 0 ? Direction::ToServer : Direction::ToClient;
  switch (index) {
    case 0:
      return head.text("SSH-2.0-OpenSSH_9.6\r\n"), Message{turn, 0, 0};
    case 1:
      return head.text("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), Message{turn, 0, 3'000'000};
    case 2:
    case 3:
      return key_exchange_init(head, prng), Message{turn, 0, 1'000'000};
    case 4:  // ECDH init
      clear_packet(head, prng, [&] { head.u8(30).u32(32).random(prng, 32); });
      return Message{turn, 0, 2'000'000};
    case 5:  // ECDH reply with host key and signature, new keys
      clear_packet(head, prng, [&] {
        head.u8(31).u32(51).u32(11).text("ssh-ed25519").u32(32).random(prng, 32);
        head.u32(32).random(prng, 32).u32(83).u32(11).text("ssh-ed25519").u32(64).random(prng, 64);
      });
      clear_packet(head, prng, [&] { head.u8(21); });
      return Message{turn, 0, 4'000'000};
    case 6:
      clear_packet(head, prng, [&] { head.u8(21); });
      return Message{turn, 44, 1'000'000};
    default:
      break;
  }
  if (index >= 7 + 2 * keystrokes) return std::nullopt;
  if (turn == Direction::ToServer) return Message{turn, 36, draw_exponential(prng, 180'000'000)};
  // Mostly the echo of a key, now and then the output of a command.
  const std::uint32_t bytes = prng.chance(1, 12) ? draw_heavy_tailed(prng, 100, 20'000) : 36;
  return Message{turn, bytes, draw_exponential(prng, 1'500'000)};
}

}  // namespace weir::traffic
