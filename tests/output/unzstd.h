// What a zstd-compressed file holds.
#pragma once

#include <string>

namespace weir::output {

// A whole frame with its checksum; anything else fails the test and is empty.
std::string unzstd(const std::string& path);

}  // namespace weir::output
