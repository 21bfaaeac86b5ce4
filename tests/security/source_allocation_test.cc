// Sources are validated and counted without an allocation.
#include <memory>

#include <gtest/gtest.h>

#include "security/source_account.h"
#include "support/alloc_guard.h"
#include "support/packet_builder.h"

namespace weir::security {
namespace {

TEST(SourceAllocation, NoneAPacket) {
  SourceRules rules{.interfaces = {"eth0"}, .vnis = {{5, 9}}};
  for (int i = 0; i < 100; ++i) rules.nets.push_back("10.0." + std::to_string(2 * i) + ".0/24");
  auto validator = SourceValidator::compile(std::vector<SourceRules>{rules});
  ASSERT_TRUE(validator.ok());
  validator->prepare("eth0");
  std::vector<std::vector<std::uint8_t>> frames;
  const auto batch = std::make_unique<PacketBatch>();
  const auto keys = std::make_unique<KeysArray>();
  for (int i = 0; i < 200; ++i) {
    frames.push_back(test::PacketBuilder()
                         .ethernet()
                         .ipv4("10.0." + std::to_string(i) + ".1", "192.0.2.1")
                         .udp(1, 2)
                         .build());
  }
  for (const auto& frame : frames) {
    (*keys)[batch->count].tenant.vni = batch->count % 10;
    batch->packets[batch->count++] = {.data = frame.data(),
                                      .captured_bytes = static_cast<std::uint32_t>(frame.size())};
  }
  SourceVerdicts verdicts;
  SourceAccount account;
  const std::uint64_t before = test::allocations();
  for (int turn = 0; turn < 10; ++turn) {
    validator->check_frames(*batch, verdicts);
    validator->check_tenants(*batch, *keys, verdicts);
    account.count(*batch, *keys, verdicts);
  }
  EXPECT_EQ(test::allocations() - before, 0u);
  EXPECT_EQ(account.refused(SourceRefusal::Address), 1000u);
  EXPECT_EQ(account.refused(SourceRefusal::Vni), 600u) << "even numbers: 0, 2 and 4 of 0 to 8";
}

}  // namespace
}  // namespace weir::security
