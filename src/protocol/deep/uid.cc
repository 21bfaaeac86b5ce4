#include "protocol/deep/uid.h"

#include "protocol/deep/uid_text.h"
#include "protocol/deep/word_hash.h"
#include "protocol/headers/flow_hash.h"

namespace weir::protocol {
namespace {

// Eight of the key, time, incarnation.
constexpr std::size_t kWords = 10;
using Words = std::array<std::uint64_t, kWords>;

// The constants of two hashes that have nothing in common but the input. They are public, and the
// hash is not cryptographic: it keeps apart what comes by chance, not what someone makes who knows
// the seed.
struct Lane {
  Words secret;
  std::array<std::uint64_t, 2> finish;
};
constexpr std::array<Lane, 2> kLanes = [] {
  Prng prng(kFlowHashSeed);
  std::array<Lane, 2> lanes{};
  for (Lane& lane : lanes) {
    for (std::uint64_t& word : lane.secret) word = prng.next();
    for (std::uint64_t& word : lane.finish) word = prng.next();
  }
  return lanes;
}();

std::uint64_t hash(const Words& words, const Lane& lane) noexcept {
  return folded(keyed_sum(words, lane.secret), lane.finish[0], lane.finish[1]);
}

constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::uint32_t kBase = 62;
constexpr int kChunkDigits = 5;
constexpr std::uint32_t kChunk = kBase * kBase * kBase * kBase * kBase;  // 6 would not fit
static_assert(kDigits.size() == kBase);

// Divides by kChunk, as on paper, and returns the remainder.
std::uint32_t take_chunk(std::array<std::uint32_t, 3>& number) noexcept {
  std::uint64_t rest = 0;
  for (std::uint32_t& word : number) {
    const std::uint64_t part = (rest << 32) | word;
    word = static_cast<std::uint32_t>(part / kChunk);
    rest = part % kChunk;
  }
  return static_cast<std::uint32_t>(rest);
}

}  // namespace

UidText text_of(const Uid& uid) noexcept {
  UidText text;
  text.chars[0] = 'C';
  std::array<std::uint32_t, 3> number = uid.words;
  std::uint32_t chunk = 0;
  for (std::size_t i = 0; i < UidText::kBytes - 1; ++i) {
    if (i % kChunkDigits == 0) chunk = take_chunk(number);
    text.chars[UidText::kBytes - 1 - i] = kDigits[chunk % kBase];
    chunk /= kBase;
  }
  return text;
}

std::optional<Uid> parse_uid(std::string_view text) noexcept {
  if (text.size() != UidText::kBytes || text.front() != 'C') return std::nullopt;
  Uid uid;
  for (const char c : text.substr(1)) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    std::uint64_t carry = digit;
    for (std::size_t i = uid.words.size(); i-- > 0;) {
      carry += std::uint64_t{uid.words[i]} * kBase;
      uid.words[i] = static_cast<std::uint32_t>(carry);
      carry >>= 32;
    }
    if (carry != 0) return std::nullopt;  // above 96 bits
  }
  if (uid.empty()) return std::nullopt;
  return uid;
}

Uid make_uid(const FlowKey& key, Timestamp first_packet, std::uint32_t incarnation,
             std::uint64_t seed) noexcept {
  const auto of_key = words_of(key);
  const auto time = static_cast<std::uint64_t>(first_packet.ns);
  // As if the seed stood in every constant of both lanes.
  const std::uint64_t shift = detail::mix(seed);
  const Words words = {of_key[0] + shift, of_key[1] + shift,  of_key[2] + shift, of_key[3] + shift,
                       of_key[4] + shift, of_key[5] + shift,  of_key[6] + shift, of_key[7] + shift,
                       time + shift,      incarnation + shift};
  const std::uint64_t one = hash(words, kLanes[0]);
  const std::uint64_t other = hash(words, kLanes[1]);
  Uid uid{{static_cast<std::uint32_t>(one >> 32), static_cast<std::uint32_t>(one),
           static_cast<std::uint32_t>(other)}};
  if (uid.empty()) uid.words.back() = 1;
  return uid;
}

}  // namespace weir::protocol
