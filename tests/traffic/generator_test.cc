#include "generator.h"

#include <gtest/gtest.h>

#include "traffic/generated_file.h"

namespace weir::traffic {
namespace {

TEST(Generator, TheSameSeedGivesTheSameBytes) {
  const GeneratedFile one({"--seed", "7", "--packets", "20000"});
  const GeneratedFile two({"--seed", "7", "--packets", "20000"});
  const GeneratedFile other({"--seed", "8", "--packets", "20000"});
  EXPECT_TRUE(one.bytes() == two.bytes());
  EXPECT_FALSE(one.bytes() == other.bytes());
}

TEST(Generator, WritesExactlyTheStatedPackets) {
  const GeneratedFile file({"--packets", "12345"});
  EXPECT_EQ(file.number("packets"), 12345u);
}

TEST(Generator, StopsAtTheFirstPacketThatReachesTheStatedSize) {
  const GeneratedFile file({"--bytes", "3MiB"});
  const std::uint64_t size = file.bytes().size();
  EXPECT_EQ(size, file.number("file_bytes"));
  EXPECT_GE(size, 3u << 20);
  EXPECT_LT(size, (3u << 20) + 5000)
      << "the last step of a flow is at most one fragmented datagram";
}

TEST(Generator, TheNeedleHasExactlyItsPackets) {
  for (const std::string count : {"0", "1", "37", "1000"}) {
    const GeneratedFile by_packets({"--packets", "5000", "--needle-packets", count});
    const GeneratedFile by_bytes({"--bytes", "2MiB", "--needle-packets", count});
    EXPECT_EQ(by_packets.number("host 198.51.100.77"), std::stoull(count));
    EXPECT_EQ(by_bytes.number("host 198.51.100.77"), std::stoull(count));
  }
}

// The brackets of the performance targets were measured with frames of 268 bytes.
TEST(Generator, TheMeanFrameOfALongDefaultFileIsNearTheStatedOne) {
  const GeneratedFile file({"--seed", "1", "--packets", "1000000", "--flows", "3000"});
  const std::uint64_t mean = file.number("bytes") / file.number("packets");
  EXPECT_GE(mean, 250u);
  EXPECT_LE(mean, 290u);
}

TEST(Generator, EveryShareOfTheDefaultMixIsPresent) {
  const GeneratedFile file({"--seed", "3", "--packets", "200000"});
  const std::uint64_t packets = file.number("packets");
  for (const Application& application : applications()) {
    EXPECT_GT(file.number(application.name), 0u) << application.name;
  }
  for (std::uint32_t tenant = 0; tenant < kTenantCount; ++tenant) {
    EXPECT_GT(file.number(std::to_string(vni_of(tenant))), 0u) << "VNI " << vni_of(tenant);
  }
  for (const std::string_view name : {"vlan", "qinq", "geneve", "gre", "fragments"}) {
    EXPECT_GT(file.number(name), 0u) << name;
  }
  EXPECT_NEAR(static_cast<double>(file.number("vxlan")), 0.09 * static_cast<double>(packets),
              0.03 * static_cast<double>(packets));
  EXPECT_NEAR(static_cast<double>(file.number("ipv6")), 0.15 * static_cast<double>(packets),
              0.04 * static_cast<double>(packets));
  EXPECT_NEAR(static_cast<double>(file.number("malformed")), 0.001 * static_cast<double>(packets),
              60);
  EXPECT_NEAR(static_cast<double>(file.number("bad_checksums")),
              0.0005 * static_cast<double>(packets), 40);
}

TEST(Generator, FlowsInterleaveAndEnd) {
  const GeneratedFile file({"--packets", "50000", "--flows", "200"});
  EXPECT_EQ(file.number("flows_at_a_time"), 200u);
  EXPECT_GT(file.number("flows_begun"), 1000u);
  EXPECT_LE(file.number("flows_begun") - file.number("flows_ended"), 200u);
}

}  // namespace
}  // namespace weir::traffic
