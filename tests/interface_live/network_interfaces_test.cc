#include "interface/network_interfaces.h"

#include <net/if.h>
#include <net/if_arp.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/network_namespace.h"

namespace weir::interface {
namespace {

using test::InNamespace;
using test::NetworkNamespace;
using testing::ElementsAre;

TEST(NetworkInterfaces, FactsAreThoseOfTheCallersNamespace) {
  WEIR_SKIP_WITHOUT_NAMESPACES();
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::ip({"link", "add", "left", "mtu", "9000", "type", "veth", "peer", "name", "right"});
  test::ip({"link", "set", "left", "up"});

  const auto all = list_network_interfaces();
  ASSERT_TRUE(all.ok());
  ASSERT_EQ(all->size(), 3u);
  const auto left = find_network_interface("left");
  ASSERT_TRUE(left.ok());
  EXPECT_EQ(left->index, static_cast<int>(::if_nametoindex("left")));
  EXPECT_EQ(left->hardware_type, ARPHRD_ETHER);
  EXPECT_EQ(left->mtu, 9000u);
  EXPECT_EQ(left->speed, 10'000'000'000u);
  EXPECT_TRUE(left->up);
  EXPECT_FALSE(left->running) << "the other end has never been up";
  EXPECT_FALSE(left->loopback);
  EXPECT_FALSE(find_network_interface("right")->up);
  const auto lo = find_network_interface("lo");
  EXPECT_TRUE(lo->loopback);
  EXPECT_TRUE(lo->running);
  EXPECT_EQ(lo->speed, 0u);
}

TEST(NetworkInterfaces, NearestNamesComeFirst) {
  const std::vector<NetworkInterface> all = {
      {.name = "lo"}, {.name = "eth0"}, {.name = "eth1"}, {.name = "wlan0"}, {.name = "enp3s0"}};

  EXPECT_THAT(nearest_names(all, "eth2"), ElementsAre("eth0", "eth1", "lo", "wlan0", "enp3s0"));
  EXPECT_THAT(nearest_names(all, "wlan1").front(), "wlan0");
  EXPECT_THAT(nearest_names({}, "eth0"), ElementsAre());
}

}  // namespace
}  // namespace weir::interface
