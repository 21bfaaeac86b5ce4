#include "security/source_account.h"

#include "base/bytes.h"

namespace weir::security {
namespace {

using Words = std::array<std::uint64_t, 6>;

Words words_of(const SourceExample& example) noexcept {
  return {std::uint64_t{example.interface.index} | std::uint64_t{example.vni} << 32,
          std::uint64_t{example.frame.ip_version} | std::uint64_t{example.frame.has_mac} << 8,
          example.frame.mac,
          load_be64(example.frame.address.bytes.data()),
          load_be64(example.frame.address.bytes.data() + 8),
          example.gwlb_endpoint};
}

SourceExample example_of(const Words& words) noexcept {
  SourceExample example{.interface = {static_cast<std::uint32_t>(words[0])},
                        .frame = {.mac = words[2],
                                  .ip_version = static_cast<std::uint8_t>(words[1]),
                                  .has_mac = (words[1] >> 8 & 1) != 0},
                        .vni = static_cast<std::uint32_t>(words[0] >> 32),
                        .gwlb_endpoint = words[5]};
  store_be(example.frame.address.bytes.data(), words[3]);
  store_be(example.frame.address.bytes.data() + 8, words[4]);
  return example;
}

}  // namespace

void SourceAccount::count(const PacketBatch& batch, const KeysArray& keys,
                          const SourceVerdicts& verdicts) noexcept {
  std::array<std::uint32_t, kSourceRefusals> counts{};
  std::array<std::uint32_t, kSourceRefusals> last{};
  if (verdicts.refused == 0) return;
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    const auto kind = static_cast<std::size_t>(verdicts.refusals[i]);
    ++counts[kind];
    last[kind] = i;
  }
  for (std::size_t kind = 1; kind < kSourceRefusals; ++kind) {
    if (counts[kind] == 0) continue;
    // The example first: whoever sees a count finds one.
    const Packet& packet = batch.packets[last[kind]];
    const TenantIdentity& tenant = keys[last[kind]].tenant;
    write(slots_[kind], {.interface = packet.interface,
                         .frame = source_of(packet),
                         .vni = tenant.vni,
                         .gwlb_endpoint = tenant.gwlb_endpoint});
    counters_[kind].add(counts[kind]);
  }
}

// Each word is released, so who sees a word of this turn also sees that the turn has begun.
void SourceAccount::write(Slot& slot, const SourceExample& example) noexcept {
  const std::uint64_t sequence = slot.sequence.load(std::memory_order_relaxed);
  slot.sequence.store(sequence + 1, std::memory_order_relaxed);
  const Words words = words_of(example);
  for (std::size_t i = 0; i < words.size(); ++i) {
    slot.words[i].store(words[i], std::memory_order_release);
  }
  slot.sequence.store(sequence + 2, std::memory_order_release);
}

std::optional<SourceExample> SourceAccount::example(SourceRefusal kind) const noexcept {
  constexpr int kTriesMax = 16;
  const Slot& slot = slots_[static_cast<std::size_t>(kind)];
  for (int tries = 0; tries < kTriesMax; ++tries) {
    const std::uint64_t before = slot.sequence.load(std::memory_order_acquire);
    if (before == 0) return std::nullopt;
    if (before % 2 == 1) continue;
    Words words{};
    for (std::size_t i = 0; i < words.size(); ++i) {
      words[i] = slot.words[i].load(std::memory_order_acquire);
    }
    if (slot.sequence.load(std::memory_order_relaxed) == before) return example_of(words);
  }
  return std::nullopt;
}

}  // namespace weir::security
