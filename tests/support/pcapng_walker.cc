#include "support/pcapng_walker.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace weir::test {
namespace {

// Throws std::runtime_error at anything that breaks the format.
class Walker {
 public:
  explicit Walker(std::span<const std::uint8_t> file) : file_(file) {}

  void run(WalkedFile& result) {
    while (at_ < file_.size()) block(result);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error(what + " in the block at " + std::to_string(at_));
  }
  template <typename T>
  T get(std::size_t offset) const {
    if (offset > file_.size() || file_.size() - offset < sizeof(T)) fail("the file ends");
    T value;
    std::memcpy(&value, file_.data() + offset, sizeof value);
    return value;
  }
  std::string text(std::size_t offset, std::size_t length) const {
    if (offset > file_.size() || file_.size() - offset < length) fail("the file ends");
    return {file_.begin() + static_cast<std::ptrdiff_t>(offset),
            file_.begin() + static_cast<std::ptrdiff_t>(offset + length)};
  }
  static std::size_t padded(std::size_t length) { return (length + 3) / 4 * 4; }

  std::string padded_text(std::size_t offset, std::size_t length) const {
    const std::string padding = text(offset + length, padded(length) - length);
    if (std::any_of(padding.begin(), padding.end(), [](char c) { return c != 0; }))
      fail("padding is not zero");
    return text(offset, length);
  }

  std::vector<WalkedOption> options(std::size_t from, std::size_t end) const {
    std::vector<WalkedOption> found;
    while (from < end) {
      const auto code = get<std::uint16_t>(from);
      const auto length = get<std::uint16_t>(from + 2);
      from += 4;
      if (code == 0) {
        if (length != 0 || from != end) fail("something follows the end of options");
        return found;
      }
      if (from + padded(length) > end) fail("an option is longer than its block");
      found.push_back({code, padded_text(from, length)});
      from += padded(length);
    }
    return found;
  }

  void block(WalkedFile& result) {
    const auto type = get<std::uint32_t>(at_);
    const auto total = get<std::uint32_t>(at_ + 4);
    if (total < 12 || total % 4 != 0) fail("impossible length");
    if (get<std::uint32_t>(at_ + total - 4) != total) fail("lengths differ");
    const std::size_t body = at_ + 8;
    const std::size_t end = at_ + total - 4;
    if (type == 0x0a0d0d0a) {
      if (get<std::uint32_t>(body) != 0x1a2b3c4d) fail("wrong byte-order magic");
      if (get<std::uint16_t>(body + 4) != 1) fail("wrong version");
      result.sections.push_back({options(body + 16, end), {}});
    } else if (result.sections.empty()) {
      fail("no section");
    } else if (type == 1) {
      result.sections.back().interfaces.push_back(
          {get<std::uint16_t>(body), get<std::uint32_t>(body + 4), options(body + 8, end)});
    } else if (type == 6 || type == 3) {
      packet(result, type, body, end);
    } else {
      result.others.push_back({type, text(body, end - body), result.packets.size()});
    }
    at_ += total;
  }

  void packet(WalkedFile& result, std::uint32_t type, std::size_t body, std::size_t end) {
    const auto& interfaces = result.sections.back().interfaces;
    WalkedPacket packet;
    packet.block_type = type;
    packet.section = static_cast<std::uint32_t>(result.sections.size() - 1);
    std::size_t data = body + 4;
    if (type == 6) {
      packet.interface = get<std::uint32_t>(body);
      packet.time =
          std::uint64_t{get<std::uint32_t>(body + 4)} << 32 | get<std::uint32_t>(body + 8);
      packet.captured = get<std::uint32_t>(body + 12);
      packet.wire = get<std::uint32_t>(body + 16);
      data = body + 20;
    } else {
      packet.wire = get<std::uint32_t>(body);
      packet.captured = packet.wire;
    }
    if (packet.interface >= interfaces.size()) fail("unknown interface");
    const std::uint32_t snaplen = interfaces[packet.interface].snaplen;
    if (type == 3 && snaplen != 0) packet.captured = std::min(packet.wire, snaplen);
    if (data + padded(packet.captured) > end) fail("a frame is longer than its block");
    packet.data = padded_text(data, packet.captured);
    packet.options = options(data + padded(packet.captured), end);
    packet.end = end + 4;
    result.packets.push_back(std::move(packet));
  }

  std::span<const std::uint8_t> file_;
  std::size_t at_ = 0;
};

}  // namespace

WalkedFile walk_pcapng(std::span<const std::uint8_t> file) {
  WalkedFile result;
  try {
    Walker(file).run(result);
  } catch (const std::runtime_error& error) {
    result.error = error.what();
  }
  return result;
}

WalkedFile walk_pcapng_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::vector<std::uint8_t> content{std::istreambuf_iterator<char>(stream), {}};
  return walk_pcapng(content);
}

}  // namespace weir::test
