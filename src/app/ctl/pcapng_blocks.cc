#include "app/ctl/pcapng_blocks.h"

#include <cstdint>
#include <cstring>

namespace weir::app {
namespace {

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::size_t kHeadBytes = 8;       // type and length
constexpr std::size_t kBlockBytesMin = 12;  // and the length again

std::uint32_t word_at(const std::string& bytes, std::size_t at) noexcept {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

}  // namespace

Result<std::string_view> PcapngBlocks::add(std::string_view bytes) {
  buffer_.erase(0, whole_);
  whole_ = 0;
  buffer_ += bytes;
  while (buffer_.size() - whole_ >= kHeadBytes) {
    const std::uint32_t type = word_at(buffer_, whole_);
    const std::size_t length = word_at(buffer_, whole_ + 4);
    const bool sound = length >= kBlockBytesMin && length % 4 == 0 && length <= kBlockBytesMax;
    if (!sound || (!begun_ && type != kSectionHeader)) {
      return Error{
          .code = ErrorCode::Damaged,
          .sys_errno = 0,
          .context = "what the engine sends is no pcapng (is it weir that listens there?)"};
    }
    if (buffer_.size() - whole_ < length) break;
    begun_ = true;
    whole_ += length;
  }
  return std::string_view(buffer_).substr(0, whole_);
}

}  // namespace weir::app
