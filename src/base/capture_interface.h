// Where packets were captured: one entry per pcapng Interface Description Block, pcap file header
// or live interface.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/assert.h"
#include "base/link_type.h"

namespace weir {

// Index into a source's InterfaceTable. Stable for the life of the source.
struct InterfaceId {
  std::uint32_t index = 0;
  friend constexpr bool operator==(InterfaceId, InterfaceId) = default;
};

struct CaptureInterface {
  LinkType link_type = LinkType::Ethernet;
  std::uint32_t snaplen = 0;  // bytes; 0 = no limit stated
  std::uint8_t fcs_bytes =
      0;  // frame check sequence at the end of each frame (if_fcslen); 0 = none or unknown
  std::string name = {};  // if_name; empty when unknown
  // Further pcapng options of the interface as the source gave them: TLVs, little-endian, padded to
  // 32 bits, without if_name, if_fcslen, if_tsresol, if_tsoffset and opt_endofopt. A writer copies
  // them.
  std::vector<std::uint8_t> options = {};

  friend bool operator==(const CaptureInterface&, const CaptureInterface&) = default;
};

// The interfaces of one source; grows while files are read, never shrinks or changes. Owned by the
// source, read by the same thread between batches.
class InterfaceTable {
 public:
  InterfaceId add(CaptureInterface interface) {
    interfaces_.push_back(std::move(interface));
    return {static_cast<std::uint32_t>(interfaces_.size() - 1)};
  }
  [[nodiscard]] std::uint32_t count() const noexcept {
    return static_cast<std::uint32_t>(interfaces_.size());
  }
  [[nodiscard]] const CaptureInterface& at(InterfaceId id) const noexcept {
    WEIR_ASSERT(id.index < interfaces_.size());
    return interfaces_[id.index];
  }

 private:
  std::vector<CaptureInterface> interfaces_;
};

}  // namespace weir
