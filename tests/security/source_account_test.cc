#include "security/source_account.h"

#include <atomic>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "support/packet_builder.h"

namespace weir::security {
namespace {

struct Scratch {
  PacketBatch batch;
  KeysArray keys;
  SourceVerdicts verdicts;
};

std::vector<std::uint8_t> frame_from(const std::string& address) {
  return test::PacketBuilder().ethernet().ipv4(address, "192.0.2.9").udp(1, 2).build();
}

TEST(SourceAccount, KindsAreCountedAndTheLastOfEachIsAnExample) {
  const auto scratch = std::make_unique<Scratch>();
  std::vector<std::vector<std::uint8_t>> frames;
  const std::vector<SourceRefusal> refusals = {SourceRefusal::Mac, SourceRefusal::None,
                                               SourceRefusal::Vni, SourceRefusal::Mac};
  for (std::uint32_t i = 0; i < refusals.size(); ++i) {
    frames.push_back(frame_from("10.0.0." + std::to_string(i)));
  }
  for (std::uint32_t i = 0; i < refusals.size(); ++i) {
    scratch->batch.packets[i] = {.data = frames[i].data(),
                                 .captured_bytes = static_cast<std::uint32_t>(frames[i].size()),
                                 .interface = {i}};
    scratch->verdicts.refusals[i] = refusals[i];
  }
  scratch->keys[2].tenant = {.gwlb_endpoint = 0xfedcba9876543210, .vni = 77};
  scratch->batch.count = 4;
  scratch->verdicts.refused = 3;
  SourceAccount account;
  EXPECT_FALSE(account.example(SourceRefusal::Mac).has_value());
  account.count(scratch->batch, scratch->keys, scratch->verdicts);
  EXPECT_EQ(account.refused(SourceRefusal::Mac), 2u);
  EXPECT_EQ(account.refused(SourceRefusal::Vni), 1u);
  EXPECT_EQ(account.refused(SourceRefusal::Address), 0u);
  const auto mac = account.example(SourceRefusal::Mac);
  ASSERT_TRUE(mac.has_value());
  EXPECT_EQ(mac->interface.index, 3u);
  EXPECT_TRUE(mac->frame.has_mac);
  EXPECT_EQ(mac->frame.mac, 0x020000000001u);
  EXPECT_EQ(mac->frame.ip_version, 4);
  EXPECT_EQ(mac->frame.address.bytes[15], 3);
  EXPECT_EQ(mac->vni, TenantIdentity::kNoVni);
  const auto vni = account.example(SourceRefusal::Vni);
  ASSERT_TRUE(vni.has_value());
  EXPECT_EQ(vni->vni, 77u);
  EXPECT_EQ(vni->gwlb_endpoint, 0xfedcba9876543210u);
  EXPECT_FALSE(account.example(SourceRefusal::Address).has_value());
}

// Two sources that differ in everything: a reader must never see a mixture.
TEST(SourceAccount, AReaderSeesAWholeExampleWhileTheWorkerWrites) {
  const auto scratch = std::make_unique<Scratch>();
  const auto one = frame_from("10.1.1.1");
  auto other = frame_from("10.2.2.2");
  other[11] = 2;
  SourceAccount account;
  std::atomic<bool> done = false;
  std::thread worker([&] {
    scratch->batch.count = 1;
    scratch->verdicts.refused = 1;
    scratch->verdicts.refusals[0] = SourceRefusal::Address;
    for (std::uint32_t turn = 0; turn < 200'000; ++turn) {
      const auto& frame = turn % 2 == 0 ? one : other;
      scratch->batch.packets[0] = {.data = frame.data(),
                                   .captured_bytes = static_cast<std::uint32_t>(frame.size()),
                                   .interface = {1 + turn % 2}};
      scratch->keys[0].tenant.vni = 1 + turn % 2;
      account.count(scratch->batch, scratch->keys, scratch->verdicts);
    }
    done = true;
  });
  std::uint64_t mixed = 0;
  while (!done) {
    const auto seen = account.example(SourceRefusal::Address);
    if (!seen) continue;
    const std::uint32_t who = seen->interface.index;
    const bool whole = (who == 1 || who == 2) && seen->vni == who &&
                       seen->frame.mac == 0x020000000000u + who &&
                       seen->frame.address.bytes[15] == who;
    mixed += whole ? 0u : 1u;
  }
  worker.join();
  EXPECT_EQ(mixed, 0u);
  EXPECT_EQ(account.refused(SourceRefusal::Address), 200'000u);
  EXPECT_TRUE(account.example(SourceRefusal::Address).has_value());
}

}  // namespace
}  // namespace weir::security
