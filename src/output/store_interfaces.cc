#include "output/store_interfaces.h"

#include <algorithm>

#include "base/packet_batch.h"

namespace weir::output {

std::uint32_t StoreInterfaces::find(const CaptureInterface& interface) const noexcept {
  const auto at = std::find(originals_.begin(), originals_.end(), interface);
  return at == originals_.end() ? kNotDescribed
                                : static_cast<std::uint32_t>(at - originals_.begin());
}

void StoreInterfaces::begin(const InterfaceTable& table) {
  numbers_.clear();
  originals_.clear();
  sources_.clear();
  for (std::uint32_t i = 0; i < table.count(); ++i) {
    const CaptureInterface& interface = table.at({i});
    std::uint32_t number = find(interface);
    if (number == kNotDescribed) {
      number = static_cast<std::uint32_t>(originals_.size());
      originals_.push_back(interface);
      sources_.push_back({i});
    }
    numbers_.push_back(number);
  }
  described_ = originals_;
  const auto differs = [&](const CaptureInterface& one) {
    return one.snaplen != described_.front().snaplen;
  };
  if (std::none_of(described_.begin(), described_.end(), differs)) return;
  std::uint32_t widest = 0;
  for (const CaptureInterface& one : described_) {
    widest = std::max(widest, one.snaplen == 0 ? kPacketBytesMax : one.snaplen);
  }
  for (CaptureInterface& one : described_) one.snaplen = widest;
}

void StoreInterfaces::see(const InterfaceTable& table) {
  while (numbers_.size() < table.count()) {
    numbers_.push_back(find(table.at({static_cast<std::uint32_t>(numbers_.size())})));
  }
}

}  // namespace weir::output
