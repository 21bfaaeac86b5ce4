// Queries for the packets of a tenant: by VLAN, VNI and GWLB endpoint, at whichever level they
// stand.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/retrieval/store_source.h"
#include "capture/retrieval/store_writer.h"
#include "support/drained.h"
#include "support/packet_builder.h"
#include "support/temp_dir.h"

namespace weir::capture::retrieval {
namespace {

using storage::segment::Column;
using test::PacketBuilder;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kBegin = 1'700'000'000'000'000'000;

PacketBuilder tagged(std::uint16_t outer, std::uint16_t inner) {
  PacketBuilder build;
  build.ethernet().vlan(outer).vlan(inner);
  return build;
}
PacketBuilder vxlan(std::uint32_t vni) {
  PacketBuilder build;
  build.ethernet().ipv4("10.0.0.1", "10.0.0.2").udp(5000, 4789).vxlan(vni).ethernet();
  return build;
}
std::vector<std::uint8_t> end(PacketBuilder build) {
  return build.ipv4("10.1.0.1", "10.1.0.2").tcp(1, 2).payload(2500).build();
}
// In a GENEVE header of a Gateway Load Balancer.
std::vector<std::uint8_t> balanced(std::uint8_t endpoint) {
  PacketBuilder build;
  build.ethernet()
      .ipv4("10.0.0.1", "10.0.0.2")
      .udp(1, 6081)
      .geneve(0, {0x01, 0x08, 0x01, 0x02, 0xab, 0, 0, 0, 0, 0, 0, endpoint});
  return end(build);
}

class TenantQuery : public testing::Test {
 protected:
  // One packet a chunk; its time is its place.
  void write(const std::vector<std::vector<std::uint8_t>>& frames) {
    test::StoreWriter writer(store_, {.chunk_bytes = 4096});
    for (std::size_t i = 0; i < frames.size(); ++i) {
      writer.add(0, {.frame = frames[i], .time_ns = kBegin + static_cast<std::int64_t>(i)});
    }
    writer.close(1);
  }
  std::vector<std::int64_t> ask(const TenantConditions& tenant,
                                const std::string& expression = "") {
    StoreQuery query{.stores = {store_}, .expression = expression, .tenant = tenant};
    auto source = StoreSource::open(std::move(query)).value();
    std::vector<std::int64_t> times;
    for (const auto& packet : test::drain(*source).packets) {
      times.push_back(packet.time_ns - kBegin);
    }
    counts_ = source->counts();
    return times;
  }
  [[nodiscard]] std::uint64_t skipped() const {
    return counts_.chunks.skipped_by_column[static_cast<std::size_t>(Column::Tenants)];
  }

  test::TempDir dir_;
  const std::string store_ = dir_.file("packets");
  QueryCounts counts_;
};

TEST_F(TenantQuery, FindsAVlanInEachTagAndInTunnels) {
  PacketBuilder inside = vxlan(7);
  inside.vlan(11);
  write(
      {end(tagged(11, 12)), end(tagged(12, 11)), end(tagged(13, 14)), end(inside), end(vxlan(11))});
  EXPECT_THAT(ask({.vlan = 11}), ElementsAre(0, 1, 3));
  EXPECT_EQ(skipped(), 2u);
  EXPECT_THAT(ask({.vlan = 13}), ElementsAre(2));
  EXPECT_THAT(ask({.vlan = 4095}), IsEmpty());
  EXPECT_EQ(counts_.segments.read, 0u);
}

TEST_F(TenantQuery, FindsANetworkInTheOuterTunnelAndInTheInnerOne) {
  PacketBuilder twice = vxlan(7);
  twice.ipv4("10.2.0.1", "10.2.0.2").udp(5000, 4789).vxlan(8).ethernet();
  write({end(vxlan(7)), end(twice), end(vxlan(8)), end(tagged(7, 8))});
  EXPECT_THAT(ask({.vni = 7}), ElementsAre(0, 1));
  EXPECT_THAT(ask({.vni = 8}), ElementsAre(1, 2));
  EXPECT_EQ(skipped(), 2u);
  EXPECT_THAT(ask({.vni = 0xffffff}), IsEmpty());
}

TEST_F(TenantQuery, FindsTheEndpointOfALoadBalancer) {
  write({balanced(1), balanced(2), end(vxlan(1))});
  EXPECT_THAT(ask({.gwlb_endpoint = 0xab00'0000'0000'0002}), ElementsAre(1));
  // The index has 56 bits of it; the packet decides.
  EXPECT_THAT(ask({.gwlb_endpoint = 0xcd00'0000'0000'0002}), IsEmpty());
  EXPECT_EQ(counts_.chunks.read, 1u);
}

TEST_F(TenantQuery, AllThatIsAskedForMustBeTrue) {
  PacketBuilder inside = vxlan(7);
  inside.vlan(11);
  write({end(inside), end(vxlan(7)), end(tagged(11, 7))});
  EXPECT_THAT(ask({.vlan = 11, .vni = 7}), ElementsAre(0));
  EXPECT_THAT(ask({.vlan = 11}, "vlan"), ElementsAre(2));
  EXPECT_THAT(ask({.vni = 7}, "tcp"), IsEmpty());
}

}  // namespace
}  // namespace weir::capture::retrieval
