#include "capture_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace weir::traffic {
namespace {

constexpr std::uint16_t kLinkTypeEthernet = 1;
constexpr std::size_t kPcapRecordBytes = 16;
constexpr std::size_t kEnhancedPacketBytes = 32;  // without data and padding

}  // namespace

Result<CaptureWriter> CaptureWriter::open(const std::string& path, const WriterOptions& options) {
  const bool to_stdout = path == "-";
  UniqueFd fd(to_stdout ? ::dup(STDOUT_FILENO)
                        : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return system_error(errno, "open " + path + " for writing");
  CaptureWriter writer(std::move(fd), path, options);
  if (options.format == FileFormat::Pcap) {
    writer.write_pcap_header();
  } else {
    writer.write_pcapng_header();
  }
  return writer;
}

CaptureWriter::CaptureWriter(UniqueFd fd, std::string path, const WriterOptions& options)
    : fd_(std::move(fd)),
      path_(std::move(path)),
      options_(options),
      buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(kBufferBytes)) {}

std::uint8_t* CaptureWriter::room(std::size_t count) {
  if (kBufferBytes - used_ < count) flush();
  std::uint8_t* at = buffer_.get() + used_;
  used_ += count;
  return at;
}

void CaptureWriter::flush() {
  std::size_t done = 0;
  while (done < used_ && error_ == 0) {
    const ssize_t written = ::write(fd_.get(), buffer_.get() + done, used_ - done);
    if (written >= 0) {
      done += static_cast<std::size_t>(written);
    } else if (errno != EINTR) {
      error_ = errno;
    }
  }
  flushed_ += done;
  used_ = 0;
}

Result<void> CaptureWriter::finish() {
  flush();
  if (error_ == 0 && ::close(fd_.release()) != 0) error_ = errno;
  if (error_ != 0) return system_error(error_, "write " + path_);
  return ok();
}

void CaptureWriter::write_pcap_header() {
  std::uint8_t* at = room(24);
  store_le(at, options_.nanoseconds ? std::uint32_t{0xa1b23c4d} : std::uint32_t{0xa1b2c3d4});
  store_le(at + 4, std::uint16_t{2});
  store_le(at + 6, std::uint16_t{4});
  store_le(at + 8, std::uint64_t{0});  // time zone and accuracy: always zero
  store_le(at + 16, options_.snaplen);
  store_le(at + 20, std::uint32_t{kLinkTypeEthernet});
}

void CaptureWriter::write_pcapng_header() {
  constexpr std::uint32_t kSectionBytes = 28 + 4 + 12 + 4;  // with the option "weir-traffic"
  std::uint8_t* at = room(kSectionBytes);
  store_le(at, std::uint32_t{0x0a0d0d0a});
  store_le(at + 4, kSectionBytes);
  store_le(at + 8, std::uint32_t{0x1a2b3c4d});
  store_le(at + 12, std::uint32_t{1});   // version 1.0
  store_le(at + 16, ~std::uint64_t{0});  // section length: not stated
  store_le(at + 24, std::uint16_t{4});   // shb_userappl
  store_le(at + 26, std::uint16_t{12});
  std::memcpy(at + 28, "weir-traffic", 12);
  store_le(at + 40, std::uint32_t{0});
  store_le(at + 44, kSectionBytes);

  constexpr std::uint32_t kInterfaceBytes = 20 + 8 + 4;
  at = room(kInterfaceBytes);
  store_le(at, std::uint32_t{1});
  store_le(at + 4, kInterfaceBytes);
  store_le(at + 8, std::uint32_t{kLinkTypeEthernet});
  store_le(at + 12, options_.snaplen);
  store_le(at + 16, std::uint16_t{9});  // if_tsresol
  store_le(at + 18, std::uint16_t{1});
  store_le(at + 20, options_.nanoseconds ? std::uint32_t{9} : std::uint32_t{6});
  store_le(at + 24, std::uint32_t{0});
  store_le(at + 28, kInterfaceBytes);
}

void CaptureWriter::packet(std::int64_t time_ns, Bytes captured, std::uint32_t wire_bytes) {
  if (error_ != 0) return;
  const auto ns = static_cast<std::uint64_t>(time_ns);
  const auto size = static_cast<std::uint32_t>(captured.size());
  if (options_.format == FileFormat::Pcap) {
    std::uint8_t* at = room(kPcapRecordBytes + size);
    const auto fraction = static_cast<std::uint32_t>(ns % 1'000'000'000);
    store_le(at, static_cast<std::uint32_t>(ns / 1'000'000'000));
    store_le(at + 4, options_.nanoseconds ? fraction : fraction / 1000);
    store_le(at + 8, size);
    store_le(at + 12, wire_bytes);
    std::memcpy(at + kPcapRecordBytes, captured.data(), size);
    return;
  }
  const auto padded = static_cast<std::uint32_t>(align_up(size, 4));
  const auto total = static_cast<std::uint32_t>(kEnhancedPacketBytes + padded);
  std::uint8_t* at = room(total);
  const std::uint64_t units = options_.nanoseconds ? ns : ns / 1000;
  store_le(at, std::uint32_t{6});
  store_le(at + 4, total);
  store_le(at + 8, std::uint32_t{0});
  store_le(at + 12, static_cast<std::uint32_t>(units >> 32));
  store_le(at + 16, static_cast<std::uint32_t>(units));
  store_le(at + 20, size);
  store_le(at + 24, wire_bytes);
  std::memcpy(at + 28, captured.data(), size);
  std::memset(at + 28 + size, 0, padded - size);
  store_le(at + 28 + padded, total);
}

}  // namespace weir::traffic
