// One packet, byte for byte, for every protocol and variant that the header parser knows, with the
// layers that it must find there.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "base/headers.h"

namespace weir::test {

struct Sample {
  std::string_view name;
  LinkType link_type;
  std::vector<std::uint8_t> bytes;
  std::vector<Layer> layers;
  std::uint16_t payload_offset;  // after the last layer
};

std::vector<Sample> all_samples();

}  // namespace weir::test
