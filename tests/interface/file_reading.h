// Reads bytes as one capture file, or as several.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "interface/capture_file.h"
#include "support/capture_bytes.h"
#include "support/drained.h"
#include "support/memory_stream.h"

namespace weir::test {

inline std::unique_ptr<interface::CaptureFileSource> source_over(
    const std::vector<Bytes>& files, std::size_t portion_bytes = SIZE_MAX) {
  std::vector<interface::CaptureFileSource::Input> inputs;
  for (const Bytes file : files) {
    inputs.push_back(
        {"f" + std::to_string(inputs.size()), std::make_unique<MemoryStream>(file, portion_bytes)});
  }
  auto source = interface::CaptureFileSource::over(std::move(inputs));
  EXPECT_TRUE(source.ok());
  return std::move(source).value();
}

inline Drained read_bytes(const ByteVector& file, std::size_t portion_bytes = SIZE_MAX) {
  return drain(*source_over({file}, portion_bytes));
}

}  // namespace weir::test
