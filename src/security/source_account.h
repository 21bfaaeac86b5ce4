// What a worker remembers of packets whose source was refused: how many of each kind, and the last
// one as an example. Written by the worker without a lock, read by any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "security/source_validator.h"
#include "telemetry/counter.h"

namespace weir::security {

struct SourceExample {
  InterfaceId interface {};
  FrameSource frame{};
  std::uint32_t vni = TenantIdentity::kNoVni;
  std::uint64_t gwlb_endpoint = 0;  // 0 = none
};

class SourceAccount {
 public:
  // Once a batch, with its verdicts; a batch of which nothing was refused need not be counted.
  // What the parser found is for the examples only.
  void count(const PacketBatch& batch, const KeysArray& keys,
             const SourceVerdicts& verdicts) noexcept;

  [[nodiscard]] std::uint64_t refused(SourceRefusal kind) const noexcept {
    return counters_[static_cast<std::size_t>(kind)].value();
  }
  // Nothing: there was none yet, or the worker is writing it and wrote it again and again.
  [[nodiscard]] std::optional<SourceExample> example(SourceRefusal kind) const noexcept;

 private:
  // A sequence lock: odd while the worker writes.
  struct Slot {
    static constexpr std::size_t kWords = 6;
    std::atomic<std::uint64_t> sequence = 0;
    std::array<std::atomic<std::uint64_t>, kWords> words{};
  };
  static void write(Slot& slot, const SourceExample& example) noexcept;

  std::array<telemetry::Counter, kSourceRefusals> counters_;
  std::array<Slot, kSourceRefusals> slots_;
};

}  // namespace weir::security
