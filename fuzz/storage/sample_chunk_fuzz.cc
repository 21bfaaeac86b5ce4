// Any bytes as the pieces that samples are stored in: nothing is read out of bounds, what a decoder
// accepts is within its limits, and is the same after it was encoded anew.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "storage/sample_codec.h"
#include "storage/sample_compression.h"

namespace {

using weir::Bytes;
using weir::storage::SampleColumn;

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::bit_cast<std::uint64_t>(a[i]) != std::bit_cast<std::uint64_t>(b[i])) return false;
  }
  return true;
}

void try_columns(Bytes bytes) {
  const auto columns = weir::storage::decode_columns(bytes, {});
  if (!columns || columns->empty()) return;
  WEIR_ASSERT(columns->size() <= weir::storage::kSeriesInBlockMax);
  std::vector<const SampleColumn*> pointers;
  for (const SampleColumn& column : *columns) {
    WEIR_ASSERT(!column.at.empty() && column.at.size() == column.values.size());
    for (std::size_t i = 1; i < column.at.size(); ++i) {
      WEIR_ASSERT(column.at[i - 1] < column.at[i]);
    }
    WEIR_ASSERT(column.at.back() < weir::storage::kColumnSamplesMax);
    pointers.push_back(&column);
  }
  const auto again = weir::storage::decode_columns(weir::storage::encode_columns(pointers), {});
  WEIR_ASSERT(again && again->size() == columns->size());
  for (std::size_t i = 0; i < again->size(); ++i) {
    WEIR_ASSERT((*again)[i].series == (*columns)[i].series);
    WEIR_ASSERT((*again)[i].at == (*columns)[i].at);
    WEIR_ASSERT(same_bits((*again)[i].values, (*columns)[i].values));
  }
  // One of them alone is the same.
  const std::vector<std::uint32_t> wanted = {columns->back().series};
  const auto one = weir::storage::decode_columns(bytes, wanted);
  WEIR_ASSERT(one && !one->empty() && one->back().at == columns->back().at);
}

void try_times(Bytes bytes) {
  const auto times = weir::storage::decode_times(bytes);
  if (!times) return;
  WEIR_ASSERT(times->size() <= weir::storage::kColumnSamplesMax);
  WEIR_ASSERT(weir::storage::decode_times(weir::storage::encode_times(*times)) == times);
}

void try_batch(Bytes bytes) {
  const auto samples = weir::storage::decode_batch(bytes);
  if (!samples) return;
  const auto again = weir::storage::decode_batch(weir::storage::encode_batch(*samples));
  WEIR_ASSERT(again && again->size() == samples->size());
  for (std::size_t i = 0; i < samples->size(); ++i) {
    WEIR_ASSERT((*again)[i].series == (*samples)[i].series);
    WEIR_ASSERT(std::bit_cast<std::uint64_t>((*again)[i].value) ==
                std::bit_cast<std::uint64_t>((*samples)[i].value));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes bytes(data + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      try_columns(bytes);
      break;
    case 1:
      try_times(bytes);
      break;
    case 2:
      try_batch(bytes);
      break;
    default: {
      weir::storage::SampleDecompressor decompressor;
      const auto plain = decompressor.decompress(bytes, 1U << 20);
      if (plain) try_columns(*plain);
    }
  }
  return 0;
}
