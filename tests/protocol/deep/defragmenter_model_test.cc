// The defragmenter against a slow and obvious model: random datagrams, cut anywhere, shuffled,
// repeated, overlapping, several at a time.
#include <algorithm>
#include <array>
#include <map>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "protocol/deep/defragmenter.h"
#include "protocol/deep/fragments.h"

namespace weir::protocol {
namespace {

using test::FragmentFields;
using Buffer = std::vector<std::uint8_t>;

// One datagram, byte by byte, by the rules of Zeek's fragment reassembler.
class Model {
 public:
  struct Answer {
    bool complete = false;
    WeirdSet weirds;
    Buffer payload;
  };

  Answer take(const FragmentFields& fragment) {
    Answer answer;
    const auto end = fragment.offset + static_cast<std::uint32_t>(fragment.payload.size());
    if (!fragment.more && size_ == 0) {
      size_ = end;
    } else if (size_ != 0 && (end > size_ || (!fragment.more && end != size_))) {
      answer.weirds.add(Weird::FragmentSizeInconsistency);
      size_ = std::max(size_, end);
    }
    if (fragment.more && fragment.payload.size() + header_bytes(fragment) < 64) {
      answer.weirds.add(Weird::ExcessivelySmallFragment);
    }
    if (fragment.payload.empty()) return answer;
    put(fragment, answer.weirds);

    std::uint32_t contiguous = 0;
    while (bytes_.contains(contiguous)) ++contiguous;
    const std::uint32_t last = bytes_.rbegin()->first + 1;
    if (size_ == 0 || contiguous == 0 || contiguous < size_) return answer;
    if (last > size_) answer.weirds.add(Weird::FragmentSizeInconsistency);
    answer.complete = true;
    for (std::uint32_t i = 0; i < contiguous; ++i) answer.payload.push_back(bytes_[i]);
    return answer;
  }

 private:
  static std::size_t header_bytes(const FragmentFields& f) {
    return (f.version == 4 ? 20u : 48u) + f.more_header.size();
  }

  void put(const FragmentFields& fragment, WeirdSet& weirds) {
    bool same = false;
    bool different = false;
    std::uint32_t at = fragment.offset;
    for (const std::uint8_t byte : fragment.payload) {
      const auto [old, is_new] = bytes_.try_emplace(at++, byte);
      if (!is_new) (old->second == byte ? same : different) = true;
    }
    if (different) {
      weirds.add(Weird::FragmentInconsistency);
    } else if (same) {
      weirds.add(Weird::FragmentOverlap);
    }
  }

  std::map<std::uint32_t, std::uint8_t> bytes_;
  std::uint32_t size_ = 0;
};

Buffer random_bytes(Prng& random, std::size_t count) {
  Buffer out(count);
  for (auto& byte : out) byte = static_cast<std::uint8_t>(random.next());
  return out;
}

// A datagram's fragments in the order of their sender, or of someone who means harm.
std::vector<FragmentFields> random_datagram(Prng& random, std::uint32_t id, bool hostile) {
  static constexpr std::array<std::uint32_t, 4> kSizes = {40, 700, 5000, 20000};
  const Buffer payload = random_bytes(random, 1 + random.below(kSizes[random.below(4)]));
  FragmentFields common{.version = random.chance(1, 2) ? 4u : 6u, .id = id};
  if (random.chance(1, 3)) {
    common.more_header = common.version == 4 ? Buffer{1, 1, 1, 0} : Buffer{44, 0, 1, 4, 0, 0, 0, 0};
    common.first_extension = 60;
  }
  std::vector<FragmentFields> out;
  for (std::size_t offset = 0; offset < payload.size();) {
    const std::size_t step = 8 * (1 + random.below(1 + payload.size() / 40));
    const std::size_t end = std::min(payload.size(), offset + step);
    FragmentFields fragment = common;
    fragment.offset = static_cast<std::uint32_t>(offset);
    fragment.more = end < payload.size();
    // Some reach into the next one.
    const std::size_t reach =
        hostile && random.chance(1, 4) ? std::min(payload.size(), end + random.below(100)) : end;
    fragment.payload.assign(payload.begin() + static_cast<std::ptrdiff_t>(offset),
                            payload.begin() + static_cast<std::ptrdiff_t>(reach));
    if (hostile && random.chance(1, 12)) fragment.more = !fragment.more;
    if (hostile && random.chance(1, 12)) fragment.payload.clear();
    if (hostile && random.chance(1, 12))
      fragment.offset += static_cast<std::uint32_t>(8 * random.below(40));
    if (hostile && random.chance(1, 12) && !fragment.payload.empty()) {
      fragment.payload[random.below(fragment.payload.size())] ^= 0x55;
    }
    out.push_back(fragment);
    if (random.chance(1, 10)) out.push_back(fragment);
    offset = end;
  }
  return out;
}

template <typename T>
void shuffle(Prng& random, std::vector<T>& items) {
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.below(i)]);
}

void run(std::uint64_t seed, bool hostile) {
  SCOPED_TRACE(testing::Message() << "seed " << seed << (hostile ? ", hostile" : ""));
  Prng random(seed);
  std::vector<FragmentFields> fragments;
  const std::uint32_t datagrams = 1 + static_cast<std::uint32_t>(random.below(6));
  for (std::uint32_t id = 0; id < datagrams; ++id) {
    const auto more = random_datagram(random, id, hostile);
    fragments.insert(fragments.end(), more.begin(), more.end());
  }
  if (random.chance(3, 4)) shuffle(random, fragments);

  Defragmenter defragmenter({.datagrams_max = 8, .seed = seed});
  std::map<std::uint32_t, Model> models;
  std::size_t completed = 0;
  for (const FragmentFields& fields : fragments) {
    const Buffer bytes = test::fragment(fields);
    const auto outcome = defragmenter.take({.captured = bytes,
                                            .wire_bytes = static_cast<std::uint32_t>(bytes.size()),
                                            .tenant = {},
                                            .now = {}});
    if (fields.version == 4 && fields.offset == 0 && !fields.more) {
      ASSERT_EQ(outcome.fate, FragmentFate::Refused);  // a whole packet
      ++completed;
      continue;
    }
    const Model::Answer expected = models[fields.id].take(fields);
    ASSERT_EQ(test::broken_law(defragmenter.statistics()), nullptr);
    ASSERT_EQ(outcome.weirds.bits(), expected.weirds.bits());
    ASSERT_EQ(outcome.fate, expected.complete ? FragmentFate::Complete : FragmentFate::Held);
    if (!expected.complete) continue;
    ++completed;
    models.erase(fields.id);
    ASSERT_EQ(test::not_whole(outcome.packet), nullptr);
    const std::size_t header = (fields.version == 4 ? 20 : 40) + fields.more_header.size();
    ASSERT_EQ(outcome.packet.size(), header + expected.payload.size());
    ASSERT_TRUE(std::equal(expected.payload.begin(), expected.payload.end(),
                           outcome.packet.begin() + static_cast<std::ptrdiff_t>(header)));
  }
  EXPECT_EQ(defragmenter.statistics().datagrams_waiting.value(), models.size());
  if (!hostile) {
    EXPECT_GE(completed, datagrams);
  }
}

TEST(DefragmenterModel, HonestDatagramsComeOutAsTheModelSays) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) run(seed, false);
}

TEST(DefragmenterModel, HostileFragmentsComeOutAsTheModelSays) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) run(seed, true);
}

}  // namespace
}  // namespace weir::protocol
