#include "unzstd.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include "record_logs_fixture.h"

namespace weir::output {

std::string unzstd(const std::string& path) {
  const std::string frame = contents(path);
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR) {
    ADD_FAILURE() << path << ": no zstd frame that tells its size";
    return {};
  }
  std::string text(size, '\0');
  const std::size_t got = ZSTD_decompress(text.data(), text.size(), frame.data(), frame.size());
  if (ZSTD_isError(got) != 0 || got != size) {
    ADD_FAILURE() << path << ": " << ZSTD_getErrorName(got);
    return {};
  }
  return text;
}

}  // namespace weir::output
