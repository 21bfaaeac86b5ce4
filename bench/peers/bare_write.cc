// bare-write IF FILE [DEPTH]: copies the packets of an interface from a TPACKET_V3 ring into blocks
// of 1 MiB, with the 16 bytes in front of each that a pcap file needs, and writes the blocks past
// the page cache. It parses, filters and counts nothing that the file does not need: the reference
// for writing to disk. DEPTH blocks are in flight at most, by io_uring; 0: pwrite, one after the
// other. Ends at SIGINT.
#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <liburing.h>

#include "bare_ring.h"

namespace {

using weir::bare::kBlockBytes;

constexpr std::uint32_t kDepthMax = 8;
constexpr std::uint32_t kCapturedMax = 262144;
constexpr std::uint32_t kSectorBytes = 4096;
// What the last record of a block may stand over its end; copied into the next one.
constexpr std::uint32_t kSlackBytes = kCapturedMax + kSectorBytes;

struct FileHeader {
  std::uint32_t magic = 0xa1b23c4d;  // nanoseconds
  std::uint16_t version_major = 2;
  std::uint16_t version_minor = 4;
  std::uint32_t zone = 0;
  std::uint32_t accuracy = 0;
  std::uint32_t snaplen = kCapturedMax;
  std::uint32_t link_type = 1;
};

struct RecordHeader {
  std::uint32_t seconds;
  std::uint32_t nanoseconds;
  std::uint32_t captured_bytes;
  std::uint32_t wire_bytes;
};
static_assert(sizeof(RecordHeader) == 16);

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

class File {
 public:
  File(const char* path, std::uint32_t depth)
      : fd_(::open(path, O_CREAT | O_TRUNC | O_WRONLY | O_DIRECT | O_CLOEXEC, 0600)),
        depth_(depth) {
    if (!fd_) die(path);
    void* memory = ::mmap(nullptr, kBuffersBytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) die("mmap");
    memory_ = static_cast<std::uint8_t*>(memory);
    for (std::uint32_t i = 0; i <= kDepthMax; ++i) free_[free_count_++] = i;
    if (depth_ > 0) start_ring();
    take_buffer();
    const FileHeader header;
    std::memcpy(at_, &header, sizeof header);
    at_ += sizeof header;
  }

  void append(const tpacket3_hdr* packet) {
    const RecordHeader header{packet->tp_sec, packet->tp_nsec,
                              std::min(packet->tp_snaplen, kCapturedMax), packet->tp_len};
    std::memcpy(at_, &header, sizeof header);
    std::memcpy(at_ + sizeof header, weir::bare::frame_of(packet), header.captured_bytes);
    at_ += sizeof header + header.captured_bytes;
    if (at_ >= buffer(current_) + kBlockBytes) next_block();
  }

  // Writes what is left: padded to whole sectors, and the padding cut off again.
  void finish() {
    const auto rest = static_cast<std::uint64_t>(at_ - buffer(current_));
    const std::uint64_t size = offset_ + rest;
    const std::uint64_t padded = (rest + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
    while (in_flight_ > 0) reap(1);
    if (::pwrite(fd_.get(), buffer(current_), padded, static_cast<off_t>(offset_)) !=
            static_cast<ssize_t>(padded) ||
        ::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
      die("write the end");
    }
  }

 private:
  static constexpr std::size_t kBufferBytes = kBlockBytes + kSlackBytes;
  static constexpr std::size_t kBuffersBytes = kBufferBytes * (kDepthMax + 1);

  [[nodiscard]] std::uint8_t* buffer(std::uint32_t index) const {
    return memory_ + kBufferBytes * index;
  }

  void start_ring() {
    const iovec memory{memory_, kBuffersBytes};
    const int fd = fd_.get();
    if (io_uring_queue_init(depth_, &ring_, IORING_SETUP_COOP_TASKRUN) < 0 ||
        io_uring_register_buffers(&ring_, &memory, 1) < 0 ||
        io_uring_register_files(&ring_, &fd, 1) < 0) {
      die("io_uring");
    }
  }

  void take_buffer() {
    while (free_count_ == 0) reap(1);
    current_ = free_[--free_count_];
    at_ = buffer(current_);
  }

  void next_block() {
    const std::uint32_t full = current_;
    const std::uint8_t* const end = buffer(full) + kBlockBytes;
    const auto over = static_cast<std::size_t>(at_ - end);
    take_buffer();
    std::memcpy(at_, end, over);
    at_ += over;
    write(full);
    offset_ += kBlockBytes;
  }

  void write(std::uint32_t index) {
    if (depth_ == 0) {
      if (::pwrite(fd_.get(), buffer(index), kBlockBytes, static_cast<off_t>(offset_)) !=
          static_cast<ssize_t>(kBlockBytes)) {
        die("write");
      }
      free_[free_count_++] = index;
      return;
    }
    while (in_flight_ == depth_) reap(1);
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    io_uring_prep_write_fixed(sqe, 0, buffer(index), kBlockBytes, offset_, 0);
    sqe->flags |= IOSQE_FIXED_FILE;
    sqe->user_data = index;
    ++in_flight_;
    if (io_uring_submit(&ring_) < 0) die("submit");
    reap(0);
  }

  void reap(unsigned least) {
    io_uring_cqe* cqe = nullptr;
    if (least > 0 && io_uring_wait_cqe(&ring_, &cqe) < 0) return;  // interrupted
    while (io_uring_peek_cqe(&ring_, &cqe) == 0) {
      if (cqe->res != static_cast<int>(kBlockBytes)) die("write");
      free_[free_count_++] = static_cast<std::uint32_t>(cqe->user_data);
      io_uring_cqe_seen(&ring_, cqe);
      --in_flight_;
    }
  }

  weir::UniqueFd fd_;
  std::uint32_t depth_;
  io_uring ring_{};
  std::uint8_t* memory_ = nullptr;
  std::array<std::uint32_t, kDepthMax + 1> free_{};
  std::uint32_t free_count_ = 0;
  std::uint32_t in_flight_ = 0;
  std::uint32_t current_ = 0;
  std::uint8_t* at_ = nullptr;
  std::uint64_t offset_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::fputs("usage: bare-write IF FILE [DEPTH]\n", stderr);
    return 2;
  }
  const int depth = argc == 4 ? std::atoi(argv[3]) : static_cast<int>(kDepthMax);
  File file(argv[2], static_cast<std::uint32_t>(std::clamp<int>(depth, 0, kDepthMax)));
  auto ring = weir::bare::Ring::open(argv[1]);
  if (!ring) return 1;
  std::fputs("bare-write: capturing\n", stderr);
  std::uint64_t packets = 0;
  while (const auto block = ring->next()) {
    const tpacket3_hdr* packet = block->first;
    for (std::uint32_t i = 0; i < block->packets; ++i) {
      file.append(packet);
      packet = weir::bare::next_packet(packet);
    }
    packets += block->packets;
  }
  const std::uint64_t drops = ring->take_drops();
  file.finish();
  std::printf("{\"captured\": %llu, \"dropped\": %llu}\n", static_cast<unsigned long long>(packets),
              static_cast<unsigned long long>(drops));
  return 0;
}
