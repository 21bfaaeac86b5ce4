// Cuts a stream of pcapng into whole blocks, so that what is written of it can end anywhere and
// still be a file that every tool reads. In the byte order of the engine, which runs on this host.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::app {

class PcapngBlocks {
 public:
  static constexpr std::size_t kBlockBytesMax = std::size_t{16} * 1024 * 1024;

  // The blocks that are whole with these bytes, one after another; valid until the next call. Error
  // Damaged: this is no pcapng.
  Result<std::string_view> add(std::string_view bytes);
  // Bytes of a block that is not whole.
  [[nodiscard]] std::size_t held_back() const noexcept { return buffer_.size() - whole_; }

 private:
  std::string buffer_;
  std::size_t whole_ = 0;  // bytes of `buffer_` that add() has handed out
  bool begun_ = false;     // a section header was there
};

}  // namespace weir::app
