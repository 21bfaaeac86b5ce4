// Follows a stream of pcapng records as its bytes go by, in pieces of any length: where records
// end, and which of them are packets.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "storage/pcapng/blocks.h"

namespace weir::output {

// One thread.
class RecordMeter {
 public:
  // How many packets ended with these bytes. `described(block)` is called for each Section Header
  // and Interface Description that did.
  template <typename Described>
  std::uint64_t feed(Bytes bytes, Described&& described) {
    std::uint64_t packets = 0;
    while (!bytes.empty()) {
      if (left_ == 0) begin(bytes);
      if (left_ == 0) break;  // not even its head has gone by
      const auto now = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      if (describes_) [[unlikely]]
        description_.insert(description_.end(), bytes.begin(),
                            bytes.begin() + static_cast<std::ptrdiff_t>(now));
      bytes = bytes.subspan(now);
      left_ -= now;
      if (left_ != 0) break;
      packets += is_packet_ ? 1 : 0;
      whole_bytes_ += record_bytes_;
      head_bytes_ = 0;
      if (describes_) [[unlikely]] {
        described(Bytes(description_));
        describes_ = false;
      }
    }
    return packets;
  }
  std::uint64_t feed(Bytes bytes) {
    return feed(bytes, [](Bytes) {});
  }

  // Between two records.
  [[nodiscard]] bool between() const noexcept { return left_ == 0 && head_bytes_ == 0; }
  // Within one: how many more bytes are known to be of it.
  [[nodiscard]] std::uint64_t left() const noexcept {
    return left_ != 0 ? left_ : kHeadBytes - head_bytes_;
  }
  // Of all records that have ended.
  [[nodiscard]] std::uint64_t whole_bytes() const noexcept { return whole_bytes_; }

 private:
  static constexpr std::uint32_t kHeadBytes = 8;  // type and length

  // Takes what is missing of a head.
  void begin(Bytes& bytes) {
    const std::uint8_t* head = bytes.data();
    if (head_bytes_ == 0 && bytes.size() >= kHeadBytes) [[likely]] {
      read_head(head, 0);
      return;
    }
    const std::size_t now = std::min<std::size_t>(kHeadBytes - head_bytes_, bytes.size());
    std::memcpy(head_.data() + head_bytes_, bytes.data(), now);
    head_bytes_ += static_cast<std::uint32_t>(now);
    bytes = bytes.subspan(now);
    if (head_bytes_ == kHeadBytes) read_head(head_.data(), kHeadBytes);
  }
  void read_head(const std::uint8_t* head, std::uint32_t gone) {
    using storage::pcapng::BlockType;
    const std::uint32_t type = load_le32(head);
    record_bytes_ = load_le32(head + 4);
    left_ = record_bytes_ - gone;
    is_packet_ = storage::pcapng::is_packet(type);
    describes_ = type == static_cast<std::uint32_t>(BlockType::SectionHeader) ||
                 type == static_cast<std::uint32_t>(BlockType::InterfaceDescription);
    if (describes_) description_.assign(head, head + gone);
  }

  std::array<std::uint8_t, kHeadBytes> head_{};
  std::uint32_t head_bytes_ = 0;    // of a head that has not gone by as a whole
  std::uint32_t record_bytes_ = 0;  // of the record that has begun
  std::uint64_t left_ = 0;          // of it; 0: its length is not known
  bool is_packet_ = false;
  bool describes_ = false;
  std::uint64_t whole_bytes_ = 0;
  std::vector<std::uint8_t> description_;
};

}  // namespace weir::output
