// Writes capture files: pcap (magic a1b2c3d4 or a1b23c4d) or pcapng, Ethernet, little-endian.
// Deliberately shares no code with weir's own storage, so that a mistake in one cannot hide in the
// other.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace weir::traffic {

enum class FileFormat : std::uint8_t { Pcap, Pcapng };

struct WriterOptions {
  FileFormat format = FileFormat::Pcap;
  bool nanoseconds = false;
  std::uint32_t snaplen = 262144;
};

// One thread. The first failed write is kept and reported by finish(); later packets are ignored.
class CaptureWriter {
 public:
  // `path` is created or overwritten; "-" is standard output.
  static Result<CaptureWriter> open(const std::string& path, const WriterOptions& options);

  void packet(std::int64_t time_ns, Bytes captured, std::uint32_t wire_bytes);
  [[nodiscard]] bool failed() const noexcept { return error_ != 0; }
  // Including what is still buffered.
  [[nodiscard]] std::uint64_t file_bytes() const noexcept { return flushed_ + used_; }
  Result<void> finish();

 private:
  CaptureWriter(UniqueFd fd, std::string path, const WriterOptions& options);
  std::uint8_t* room(std::size_t count);
  void flush();
  void write_pcap_header();
  void write_pcapng_header();

  static constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

  UniqueFd fd_;
  std::string path_;
  WriterOptions options_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t used_ = 0;
  std::uint64_t flushed_ = 0;
  int error_ = 0;
};

}  // namespace weir::traffic
