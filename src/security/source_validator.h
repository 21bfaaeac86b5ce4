// Whether packets come from where they may: the diagram's "validate input source", in two steps.
// The first looks at raw frames (interface, MAC, outer address), the second at what the header
// parser found (VNI, GWLB endpoint). Both come before any packet can use room at an output.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/headers.h"
#include "base/packet_batch.h"
#include "base/packet_keys.h"
#include "base/result.h"
#include "security/number_table.h"
#include "security/range_set.h"
#include "security/source_rules.h"

namespace weir::security {

// Why a packet was refused: the first that was met, in this order.
enum class SourceRefusal : std::uint8_t {
  None,
  Blocked,  // a policy refuses everything
  Interface,
  Mac,
  Address,
  Vni,
  Endpoint,
  kCount,
};
inline constexpr std::size_t kSourceRefusals = static_cast<std::size_t>(SourceRefusal::kCount);
std::string_view name_of(SourceRefusal refusal) noexcept;

// Entry i belongs to packet i of the batch; without meaning while `refused` is 0.
struct SourceVerdicts {
  std::array<SourceRefusal, kBatchPacketsMax> refusals;
  std::uint32_t refused = 0;

  [[nodiscard]] SourceRefusal of(std::uint32_t packet) const noexcept {
    return refused == 0 ? SourceRefusal::None : refusals[packet];
  }
};

// What a raw frame says of where it came from, as far as it was captured: Ethernet and Linux cooked
// frames, IP and ARP behind them and their VLAN tags, and raw IP. An address behind anything else
// (MPLS, PPPoE, 802.3 with LLC) is not looked for. Reads nothing outside of the frame.
struct FrameSource {
  std::uint64_t mac = 0;
  IpAddress address{};          // IPv4 mapped, as in PacketKeys
  std::uint8_t ip_version = 0;  // 4 (also the sender of an ARP packet), 6; 0: no address
  bool has_mac = false;
};
FrameSource source_of(const Packet& packet) noexcept;

// Compiled rules. Immutable, but for prepare(). One thread; copies are independent.
// Memory, each copy: a table for IPv4 and one for VNIs (number_table.h: a list of 4,096 nets takes
// 1.2 MiB at most), 64 bytes a net of IPv6, 32 a MAC or endpoint, and for each of these three kinds
// 256 KiB at most to find them by.
class SourceValidator {
 public:
  // Refuses nothing.
  SourceValidator() = default;
  // All of the rules must let a packet pass. Errors: Usage, with all problems of all rules.
  static Result<SourceValidator> compile(std::span<const SourceRules> rules);

  // The next interface of the source, in the order of their ids: before its packets.
  void prepare(std::string_view interface_name);
  [[nodiscard]] std::uint32_t interfaces_prepared() const noexcept {
    return static_cast<std::uint32_t>(interfaces_.size());
  }

  // Whether there is anything to check.
  [[nodiscard]] bool active() const noexcept { return active_; }

  // Step 1: sets all verdicts of the batch.
  void check_frames(const PacketBatch& batch, SourceVerdicts& verdicts) const noexcept {
    verdicts.refused = 0;
    if (active_) check_frames_by_rules(batch, verdicts);
  }
  // Step 2: adds to them.
  void check_tenants(const PacketBatch& batch, const KeysArray& keys,
                     SourceVerdicts& verdicts) const noexcept {
    if (checks_tenants_) check_each_tenant(batch, keys, verdicts);
  }

 private:
  static constexpr std::uint32_t kAllInterfaces = ~std::uint32_t{0};

  void check_frames_by_rules(const PacketBatch& batch, SourceVerdicts& verdicts) const noexcept;
  template <typename Set>
  void check_each_frame(const Set& addresses_4, const PacketBatch& batch,
                        SourceVerdicts& verdicts) const noexcept;
  void check_others(const PacketBatch& batch, std::span<const std::uint16_t> others,
                    SourceVerdicts& verdicts) const noexcept;
  void check_each_tenant(const PacketBatch& batch, const KeysArray& keys,
                         SourceVerdicts& verdicts) const noexcept;
  [[nodiscard]] bool interface_may(InterfaceId interface) const noexcept;

  bool active_ = false;
  bool block_ = false;
  bool checks_macs_ = false;
  bool checks_frames_ = false;
  bool checks_tenants_ = false;
  bool checks_vnis_ = false;
  bool checks_endpoints_ = false;
  std::vector<std::vector<std::string>> names_;  // a packet's interface is in each of them
  std::vector<std::uint8_t> interfaces_;         // 1: may be; by id
  // All below may be, and of their packets no MAC is asked.
  std::uint32_t plain_interfaces_ = 0;
  // What may be. VNIs are shifted, so that each is a block of the table.
  RangeSet<std::uint64_t> macs_ = RangeSet<std::uint64_t>::everything();
  NumberTable addresses_4_;
  RangeSet<Uint128> addresses_6_ = RangeSet<Uint128>::everything();
  bool no_address_may_ = true;
  NumberTable vnis_;
  bool no_vni_may_ = true;
  RangeSet<std::uint64_t> endpoints_ = RangeSet<std::uint64_t>::everything();
};

}  // namespace weir::security
