// Every protocol, byte for byte: the layers where they are, and no read past the end of any cut of
// them.
#include "samples.h"

#include <memory>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "support/headers_of.h"
#include "support/sound_headers.h"

namespace weir {

// In the messages of failed comparisons.
static bool operator==(const Layer& a, const Layer& b) {
  return a.type == b.type && a.offset == b.offset;
}
static void PrintTo(const Layer& layer, std::ostream* out) {
  *out << name_of(layer.type) << '@' << layer.offset;
}

namespace test {
namespace {

using testing::PrintToString;

// A copy without a byte to spare behind it, so that AddressSanitizer sees the first read too far.
struct ExactCopy {
  explicit ExactCopy(const Sample& sample, std::size_t captured, std::size_t wire)
      : bytes(std::make_unique<std::uint8_t[]>(captured)) {
    std::copy_n(sample.bytes.begin(), captured, bytes.get());
    packet.data = bytes.get();
    packet.captured_bytes = static_cast<std::uint32_t>(captured);
    packet.wire_bytes = static_cast<std::uint32_t>(wire);
    packet.link_type = sample.link_type;
  }
  std::unique_ptr<std::uint8_t[]> bytes;
  Packet packet;
};

std::vector<Layer> layers_of(const Parsed& parsed) {
  return {parsed.layers().begin(), parsed.layers().end()};
}

TEST(Samples, EveryLayerIsFoundWhereItIs) {
  for (const Sample& sample : all_samples()) {
    SCOPED_TRACE(sample.name);
    const ExactCopy copy(sample, sample.bytes.size(), sample.bytes.size());
    const Parsed parsed = parse(copy.packet);
    EXPECT_EQ(layers_of(parsed), sample.layers);
    EXPECT_EQ(name_of(parsed.headers.malformed), "none");
    EXPECT_EQ(parsed.headers.payload_offset, sample.payload_offset);
    EXPECT_STREQ(unsound(copy.packet, parsed.headers, parsed.keys), nullptr);
  }
}

TEST(Samples, EveryLayerTypeHasASample) {
  std::vector<bool> seen(static_cast<std::size_t>(LayerType::kCount));
  for (const Sample& sample : all_samples()) {
    for (const Layer& layer : sample.layers) seen[static_cast<std::size_t>(layer.type)] = true;
  }
  for (std::size_t type = 0; type < seen.size(); ++type) {
    EXPECT_TRUE(seen[type]) << name_of(static_cast<LayerType>(type));
  }
}

// Whatever the cut: the layers before it are as in the whole packet.
void expect_beginning(const Sample& sample, const Parsed& parsed, std::size_t captured) {
  const std::vector<Layer> layers = layers_of(parsed);
  ASSERT_LE(layers.size(), sample.layers.size());
  const auto count = static_cast<std::ptrdiff_t>(layers.size());
  EXPECT_EQ(layers, std::vector<Layer>(sample.layers.begin(), sample.layers.begin() + count));
  // A layer that is there as a whole is found, if the one after it has begun.
  for (std::size_t i = 0; i + 1 < sample.layers.size(); ++i) {
    if (sample.layers[i + 1].offset >= captured) break;
    // What a cut leaves of a tunnel or a pseudo-wire may not be recognisable as one.
    if (sample.layers[i].type == LayerType::Udp || sample.layers[i].type == LayerType::Mpls) break;
    EXPECT_GT(layers.size(), i);
  }
}

TEST(Samples, ACutByTheSnaplenIsCountedAsOne) {
  for (const Sample& sample : all_samples()) {
    for (std::size_t captured = 0; captured < sample.bytes.size(); ++captured) {
      SCOPED_TRACE(std::string(sample.name) + " cut to " + std::to_string(captured));
      const ExactCopy copy(sample, captured, sample.bytes.size());
      const Parsed parsed = parse(copy.packet);
      expect_beginning(sample, parsed, captured);
      EXPECT_STREQ(unsound(copy.packet, parsed.headers, parsed.keys), nullptr);
      const MalformedReason reason = parsed.headers.malformed;
      EXPECT_TRUE(reason == MalformedReason::None || reason == MalformedReason::SnappedHeader)
          << name_of(reason);
      const bool whole = layers_of(parsed) == sample.layers;
      if (reason == MalformedReason::None && !whole && parsed.headers.layer_count > 0) {
        // Only payload that could not be told yet is missing without a reason.
        const LayerType last = parsed.layers().back().type;
        EXPECT_TRUE(last == LayerType::Udp || last == LayerType::Mpls || last == LayerType::GtpU)
            << name_of(last);
      }
    }
  }
}

TEST(Samples, AFrameThatEndsEarlyIsCountedOrParsed) {
  for (const Sample& sample : all_samples()) {
    for (std::size_t captured = 0; captured < sample.bytes.size(); ++captured) {
      SCOPED_TRACE(std::string(sample.name) + " ends at " + std::to_string(captured));
      const ExactCopy copy(sample, captured, captured);
      const Parsed parsed = parse(copy.packet);
      expect_beginning(sample, parsed, captured);
      EXPECT_STREQ(unsound(copy.packet, parsed.headers, parsed.keys), nullptr);
      EXPECT_NE(parsed.headers.malformed, MalformedReason::SnappedHeader);
    }
  }
}

TEST(Samples, NoByteChangedLeadsOutOfTheFrame) {
  const std::uint64_t seed = 20261121;
  Prng prng(seed);
  for (const Sample& sample : all_samples()) {
    SCOPED_TRACE(std::string(sample.name) + ", seed " + std::to_string(seed));
    for (int round = 0; round < 400; ++round) {
      Sample damaged = sample;
      for (std::uint64_t changes = 1 + prng.below(4); changes > 0; --changes) {
        damaged.bytes[prng.below(damaged.bytes.size())] = static_cast<std::uint8_t>(prng.next());
      }
      const std::size_t captured = prng.below(damaged.bytes.size() + 1);
      const ExactCopy copy(damaged, captured, captured + prng.below(100));
      const Parsed parsed = parse(copy.packet);
      EXPECT_STREQ(unsound(copy.packet, parsed.headers, parsed.keys), nullptr);
    }
  }
}

TEST(Samples, RandomBytesOfEveryLinkTypeAreSurvived) {
  const std::uint64_t seed = 4711;
  Prng prng(seed);
  for (int round = 0; round < 20000; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round));
    Sample noise{.name = "noise",
                 .link_type = static_cast<LinkType>(prng.below(300)),
                 .bytes = {},
                 .layers = {},
                 .payload_offset = 0};
    noise.bytes.resize(prng.below(200));
    for (std::uint8_t& byte : noise.bytes) byte = static_cast<std::uint8_t>(prng.next());
    const ExactCopy copy(noise, noise.bytes.size(), noise.bytes.size());
    const Parsed parsed = parse(copy.packet);
    ASSERT_STREQ(unsound(copy.packet, parsed.headers, parsed.keys), nullptr);
  }
}

// Entries of a batch are used again and again: nothing of the packet before may shine through.
TEST(Samples, AnEntryDoesNotRememberThePacketBefore) {
  const std::vector<Sample> samples = all_samples();
  std::vector<Packet> packets;
  Prng prng(1);
  for (int i = 0; i < 4000; ++i) {
    const Sample& sample = samples[prng.below(samples.size())];
    Packet packet;
    packet.data = sample.bytes.data();
    packet.captured_bytes = packet.wire_bytes = static_cast<std::uint32_t>(sample.bytes.size());
    packet.link_type = sample.link_type;
    packets.push_back(packet);
  }
  const std::vector<Parsed> together = parse_all(packets);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const Parsed alone = parse(packets[i]);
    ASSERT_EQ(layers_of(together[i]), layers_of(alone));
    ASSERT_EQ(together[i].headers.flow_hash, alone.headers.flow_hash);
    ASSERT_EQ(together[i].headers.network_offset, alone.headers.network_offset);
    ASSERT_EQ(together[i].headers.transport_offset, alone.headers.transport_offset);
    ASSERT_EQ(together[i].headers.inner_frame_offset, alone.headers.inner_frame_offset);
    ASSERT_EQ(together[i].headers.tcp_flags, alone.headers.tcp_flags);
    ASSERT_EQ(together[i].headers.fragment, alone.headers.fragment);
    ASSERT_EQ(together[i].keys.source, alone.keys.source);
    ASSERT_EQ(together[i].keys.source_port, alone.keys.source_port);
    ASSERT_EQ(together[i].keys.tenant, alone.keys.tenant);
  }
}

}  // namespace
}  // namespace test
}  // namespace weir
