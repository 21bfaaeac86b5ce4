// What an application says: a head that it writes byte by byte, then a body of incompressible
// bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/prng.h"
#include "flow.h"

namespace weir::traffic {

struct Message {
  Direction direction = Direction::ToServer;
  std::uint32_t body_bytes = 0;  // behind the head
  std::int64_t think_ns =
      0;  // time between the message before and this one, besides the round trip
};

// The head of one message. Appending past the capacity is a bug of the application's script.
class HeadBuffer {
 public:
  static constexpr std::size_t kCapacity = 4608;

  void clear() noexcept { size_ = 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] Bytes view() const noexcept { return {bytes_.data(), size_}; }

  HeadBuffer& text(std::string_view value);
  HeadBuffer& decimal(std::uint64_t value);
  HeadBuffer& hex(std::uint64_t value, unsigned digits);
  HeadBuffer& dotted(const Address& address);  // for text protocols; IPv6 in full form
  HeadBuffer& u8(std::uint8_t value);
  HeadBuffer& u16(std::uint16_t value);
  HeadBuffer& u24(std::uint32_t value);
  HeadBuffer& u32(std::uint32_t value);
  HeadBuffer& u64(std::uint64_t value);
  HeadBuffer& bytes(Bytes value);
  HeadBuffer& zeros(std::size_t count);
  HeadBuffer& random(Prng& prng, std::size_t count);
  // Sets a 16-bit length written before: "what follows `at` + 2".
  void patch_length16(std::size_t at);
  void patch16(std::size_t at, std::uint16_t value);
  void patch8(std::size_t at, std::uint8_t value);

 private:
  std::uint8_t* take(std::size_t count) noexcept {
    WEIR_ASSERT(count <= kCapacity - size_);
    std::uint8_t* at = bytes_.data() + size_;
    size_ += count;
    return at;
  }

  std::size_t size_ = 0;
  std::array<std::uint8_t, kCapacity> bytes_;  // written before read
};

// Choices of one flow, the same whenever they are asked for; `stream` separates unrelated choices.
inline Prng choices(const Flow& flow, std::uint64_t stream) noexcept {
  return Prng(flow.seed ^ (stream * 0x9e3779b97f4a7c15));
}

// Fills `out` with bytes [position, position + out.size()) of the endless stream that `key` names:
// random access, so that a retransmission repeats what was sent.
void fill_incompressible(std::uint64_t key, std::uint64_t position, std::uint8_t* out,
                         std::size_t count) noexcept;

}  // namespace weir::traffic
