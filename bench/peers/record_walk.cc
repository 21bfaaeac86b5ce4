// record-walk FILE: counts the packets of a little-endian pcap file by its record headers alone.
// Nothing that reads packets one by one can be faster than this: it is the reference of the table.
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/unique_fd.h"

namespace {

constexpr std::size_t kFileHeaderBytes = 24;
constexpr std::size_t kRecordHeaderBytes = 16;
constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr std::uint32_t kCapturedMax = 262144;

struct Walk {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
};

// Walks the whole records of `bytes`; returns how many bytes they take, or npos when one cannot be
// right.
std::size_t walk_records(weir::Bytes bytes, Walk& walk) {
  std::size_t at = 0;
  while (bytes.size() - at >= kRecordHeaderBytes) {
    const std::uint32_t captured = weir::load_le32(bytes.data() + at + 8);
    if (captured > kCapturedMax) return std::string::npos;
    if (bytes.size() - at - kRecordHeaderBytes < captured) break;
    walk.packets += 1;
    walk.bytes += weir::load_le32(bytes.data() + at + 12);
    at += kRecordHeaderBytes + captured;
  }
  return at;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: record-walk FILE\n", stderr);
    return 2;
  }
  const weir::UniqueFd fd(::open(argv[1], O_RDONLY | O_CLOEXEC));
  std::vector<std::uint8_t> buffer(kBufferBytes);
  Walk walk;
  if (!fd || ::read(fd.get(), buffer.data(), kFileHeaderBytes) != kFileHeaderBytes) {
    std::perror("record-walk");
    return 1;
  }
  std::size_t held = 0;
  ssize_t got = 0;
  while ((got = ::read(fd.get(), buffer.data() + held, buffer.size() - held)) > 0) {
    held += static_cast<std::size_t>(got);
    const std::size_t used = walk_records({buffer.data(), held}, walk);
    if (used == std::string::npos) {
      std::fputs("record-walk: not a little-endian pcap file\n", stderr);
      return 1;
    }
    held -= used;
    std::memmove(buffer.data(), buffer.data() + used, held);
  }
  std::printf("%llu packets, %llu bytes\n", static_cast<unsigned long long>(walk.packets),
              static_cast<unsigned long long>(walk.bytes));
  return got < 0 || held != 0 ? 1 : 0;
}
