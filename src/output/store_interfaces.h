// The interfaces of a segment: those of a source, each different one once. A pcapng section that
// libpcap reads has one snaplen for all.
#pragma once

#include <cstdint>
#include <vector>

#include "base/capture_interface.h"

namespace weir::output {

// One thread. Allocates when interfaces appear.
class StoreInterfaces {
 public:
  static constexpr std::uint32_t kNotDescribed = 0xffff'ffff;

  // All of the table, as the segment that begins describes them.
  void begin(const InterfaceTable& table);
  // Interfaces that the table has got since then: one that is described already needs nothing.
  void see(const InterfaceTable& table);

  // Its number in the segment, or kNotDescribed. see() knows it.
  [[nodiscard]] std::uint32_t number(InterfaceId interface) const noexcept {
    return numbers_[interface.index];
  }
  [[nodiscard]] std::uint32_t seen() const noexcept {
    return static_cast<std::uint32_t>(numbers_.size());
  }
  [[nodiscard]] const std::vector<CaptureInterface>& described() const noexcept {
    return described_;
  }
  // In the source's table, the first of those that share the number.
  [[nodiscard]] InterfaceId source_of(std::uint32_t number) const noexcept {
    return sources_[number];
  }
  [[nodiscard]] std::uint32_t snaplen() const noexcept {
    return described_.empty() ? 0 : described_.front().snaplen;
  }

 private:
  [[nodiscard]] std::uint32_t find(const CaptureInterface& interface) const noexcept;

  std::vector<std::uint32_t> numbers_;       // by table index
  std::vector<CaptureInterface> originals_;  // as the source has them
  std::vector<CaptureInterface> described_;  // with one snaplen
  std::vector<InterfaceId> sources_;
};

}  // namespace weir::output
