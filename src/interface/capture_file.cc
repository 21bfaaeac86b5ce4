#include "interface/capture_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "interface/decompressing_stream.h"
#include "interface/pcap_format.h"
#include "interface/pcapng_format.h"
#include "interface/segment_stream.h"

namespace weir::interface {
namespace {

// A call reads at most this often without finding a packet (16 MiB of skipped blocks), so that its
// caller can stop.
constexpr int kReadsPerCall = 64;
// Below it, reading behind what is held would only fetch crumbs.
constexpr std::size_t kReadBytesMin = 16 * 1024;

constexpr std::string_view kStandardInput = "-";

std::string spoken(const std::string& name) {
  return name == kStandardInput ? "standard input" : name;
}

LeftOut operator+(LeftOut a, const LeftOut& b) noexcept {
  a.unknown_blocks += b.unknown_blocks;
  a.damaged_blocks += b.damaged_blocks;
  a.oversized_blocks += b.oversized_blocks;
  a.packet_options += b.packet_options;
  return a;
}

std::string hex(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    if (!text.empty()) text += ' ';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// Length of what `path` names, 0 when it has none (a pipe).
Result<std::uint64_t> examine(const std::string& path) {
  const bool standard_input = path == kStandardInput;
  struct stat status {};
  const int outcome =
      standard_input ? ::fstat(STDIN_FILENO, &status) : ::stat(path.c_str(), &status);
  if (outcome != 0) return system_error(errno, "open " + spoken(path));
  if (S_ISDIR(status.st_mode)) {
    return Error{ErrorCode::UnknownFormat, 0,
                 "read " + spoken(path) + ": it is a directory (name the capture files in it)"};
  }
  if (standard_input && ::isatty(STDIN_FILENO) != 0) {
    return Error{ErrorCode::Usage, 0,
                 "read standard input: it is a terminal (pipe a capture into it, or name a file)"};
  }
  if (!standard_input && ::access(path.c_str(), R_OK) != 0)
    return system_error(errno, "open " + path);
  return S_ISREG(status.st_mode) ? static_cast<std::uint64_t>(status.st_size) : 0;
}

}  // namespace

void CaptureFileSource::Unmap::operator()(std::uint8_t* memory) const noexcept {
  ::munmap(memory, kHeadroomBytes + kWindowBytes);
}

CaptureFileSource::CaptureFileSource(std::vector<Input> inputs, std::uint64_t bytes_total,
                                     Waker waker, Buffer buffer) noexcept
    : inputs_(std::move(inputs)),
      waker_(std::move(waker)),
      buffer_(std::move(buffer)),
      bytes_total_(bytes_total) {}

Result<std::unique_ptr<CaptureFileSource>> CaptureFileSource::open(
    const std::vector<std::string>& paths) {
  std::vector<Input> inputs;
  std::uint64_t bytes_total = 0;
  bool all_have_length = true;
  bool standard_input = false;
  for (const std::string& path : paths) {
    if (path == kStandardInput && std::exchange(standard_input, true)) {
      return Error{ErrorCode::Usage, 0, "read standard input: named twice (it can be read once)"};
    }
    WEIR_TRY(const std::uint64_t bytes, examine(path));
    all_have_length = all_have_length && bytes > 0;
    bytes_total += bytes;
    inputs.push_back({path, nullptr});
  }
  return create(std::move(inputs), all_have_length ? bytes_total : 0);
}

Result<std::unique_ptr<CaptureFileSource>> CaptureFileSource::over(std::vector<Input> inputs) {
  return create(std::move(inputs), 0);
}

Result<std::unique_ptr<CaptureFileSource>> CaptureFileSource::create(std::vector<Input> inputs,
                                                                     std::uint64_t bytes_total) {
  WEIR_TRY(Waker waker, Waker::create());
  void* const memory = ::mmap(nullptr, kHeadroomBytes + kWindowBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return system_error(errno, "allocate the read buffer");
  return std::unique_ptr<CaptureFileSource>(
      new CaptureFileSource(std::move(inputs), bytes_total, std::move(waker),
                            Buffer(static_cast<std::uint8_t*>(memory))));
}

void CaptureFileSource::look_ahead(Duration timeout) {
  auto batch = std::make_unique<PacketBatch>();
  // Idle is asked again later, the end and a fault are remembered anyway.
  if (pull(*batch, 1, timeout) == Pull::Packets) ahead_ = std::move(batch);
}

Pull CaptureFileSource::next_batch(PacketBatch& batch, std::uint32_t packets_max,
                                   Duration timeout) {
  if (ahead_) {
    batch.packets[0] = ahead_->packets[0];
    batch.count = ahead_->count;
    batch.side_blocks = ahead_->side_blocks;
    ahead_.reset();
    return Pull::Packets;
  }
  return pull(batch, packets_max, timeout);
}

Pull CaptureFileSource::pull(PacketBatch& batch, std::uint32_t packets_max, Duration timeout) {
  WEIR_ASSERT(!lent_);
  WEIR_ASSERT(packets_max > 0 && packets_max <= kBatchPacketsMax);
  batch.count = 0;
  batch.side_blocks = {};
  for (int reads = 0; reads < kReadsPerCall; ++reads) {
    if (error_) return Pull::Failed;
    if (closed_ || input_ == inputs_.size()) return Pull::End;
    Step step = Step::GoOn;
    if (!stream_) step = open_input();
    if (step == Step::GoOn && !format_) step = recognise(timeout);
    if (step == Step::GoOn && format_) {
      walk(batch, packets_max);
      if (lent_) return Pull::Packets;
      step = damaged_ ? fail_at(offset_of_held(), format_->damage().code, format_->damage().what,
                                format_->damage().hint)
                      : read_more(timeout);
    }
    if (step == Step::Idle) return Pull::Idle;
    if (step == Step::Failed) return Pull::Failed;
  }
  return Pull::Idle;
}

void CaptureFileSource::release(PacketBatch& batch) {
  lent_ = false;
  batch.count = 0;
  batch.side_blocks = {};
}

LeftOut CaptureFileSource::left_out() const noexcept {
  return format_ ? left_out_of_finished_ + format_->left_out() : left_out_of_finished_;
}

CaptureFileSource::Step CaptureFileSource::open_input() {
  std::unique_ptr<ByteStream> raw = std::move(inputs_[input_].stream);
  if (!raw) {
    auto opened = open_byte_stream(name(), waker_);
    if (!opened) {
      error_ = std::move(opened).error().with_context(spoken(name()));
      return Step::Failed;
    }
    raw = std::move(opened).value();
  }
  if (name() != "-") stream_ = SegmentStream::open(name());
  if (!stream_) stream_ = std::make_unique<DecompressingStream>(std::move(raw));
  interfaces_.begin_file();
  at_ = end_ = kHeadroomBytes;
  stream_bytes_ = 0;
  skip_bytes_ = 0;
  wanted_bytes_ = 0;
  return Step::GoOn;
}

// Looks at the beginning of the input and sets format_ once it tells. GoOn without format_: there
// was more to read.
CaptureFileSource::Step CaptureFileSource::recognise(Duration timeout) {
  const std::uint8_t* const beginning = buffer_.get() + at_;
  wanted_bytes_ = kPcapMagicBytes;
  if (held() < kPcapMagicBytes) return read_more(timeout);
  if (const auto header_bytes =
          pcap_header_bytes(std::span<const std::uint8_t, kPcapMagicBytes>(beginning, 4))) {
    return recognise_pcap(*header_bytes, timeout);
  }
  if (!begins_like_pcapng(std::span<const std::uint8_t, 4>(beginning, 4)))
    return fail_not_a_capture();
  wanted_bytes_ = kPcapngMagicBytes;
  if (held() < kPcapngMagicBytes) return read_more(timeout);
  if (!is_pcapng(std::span<const std::uint8_t, kPcapngMagicBytes>(beginning, kPcapngMagicBytes))) {
    return fail_not_a_capture();
  }
  format_ = make_pcapng_format(interfaces_);
  return Step::GoOn;
}

CaptureFileSource::Step CaptureFileSource::recognise_pcap(std::uint32_t header_bytes,
                                                          Duration timeout) {
  wanted_bytes_ = header_bytes;
  if (held() < header_bytes) return read_more(timeout);
  auto header = decode_pcap_header({buffer_.get() + at_, header_bytes});
  if (!header) {
    error_ = std::move(header).error().with_context(spoken(name()));
    return Step::Failed;
  }
  const auto id = interfaces_.add(header->interface);
  if (!id) {
    return fail_at(0, ErrorCode::Resource, "more interfaces than weir keeps",
                   "65536, with 16 MiB of names and options");
  }
  at_ += header_bytes;
  format_ = make_pcap_format(*header, *id);
  return Step::GoOn;
}

void CaptureFileSource::walk(PacketBatch& batch, std::uint32_t packets_max) {
  if (damaged_ || skip_bytes_ > 0) return;
  BatchFill fill{.batch = batch, .side_blocks = side_blocks_, .packets_max = packets_max};
  const Walk walk = format_->walk({buffer_.get() + at_, held()}, fill);
  at_ += walk.consumed;
  wanted_bytes_ = 0;
  switch (walk.stop) {
    case Walk::Stop::BatchFull:
      break;
    case Walk::Stop::NeedBytes:
      wanted_bytes_ = walk.length;
      break;
    case Walk::Stop::Skip:
      skip_bytes_ = walk.length;
      drop_skipped();
      break;
    case Walk::Stop::Damaged:
      damaged_ = true;
      break;
  }
  lent_ = !fill.empty();
  batch.side_blocks = {side_blocks_.data(), fill.side_count};
  account(batch, fill.wire_bytes);
}

void CaptureFileSource::account(const PacketBatch& batch, std::uint64_t wire_bytes) noexcept {
  statistics_.received.add(batch.count);
  statistics_.received_bytes.add(wire_bytes);
  statistics_.delivered.add(batch.count);
}

CaptureFileSource::Step CaptureFileSource::read_more(Duration timeout) {
  const std::size_t room = make_room();
  const ReadResult got = stream_->read({buffer_.get() + end_, room}, timeout);
  bytes_done_.set(bytes_of_finished_ + stream_->raw_bytes());
  switch (got.status) {
    case ReadStatus::Data:
      end_ += got.bytes;
      stream_bytes_ += got.bytes;
      drop_skipped();
      return Step::GoOn;
    case ReadStatus::Idle:
      return Step::Idle;
    case ReadStatus::Failed: {
      Error why = *stream_->error();
      error_ = std::move(why).with_context(spoken(name()));
      return Step::Failed;
    }
    case ReadStatus::End:
      break;
  }
  return finish_input();
}

void CaptureFileSource::drop_skipped() noexcept {
  const auto dropped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_bytes_, held()));
  at_ += dropped;
  skip_bytes_ -= dropped;
}

// Room behind end_ for the next read. Bytes that are still needed move to the front of the window
// only when what is behind them has become small: a pipe that trickles appends.
std::size_t CaptureFileSource::make_room() noexcept {
  constexpr std::size_t kBufferBytes = kHeadroomBytes + kWindowBytes;
  const std::size_t kept = held();
  if (kept == 0) {
    at_ = end_ = kHeadroomBytes;
  } else if (kBufferBytes - end_ < kReadBytesMin) {
    WEIR_ASSERT(kept <= kHeadroomBytes);
    std::memmove(buffer_.get() + kHeadroomBytes - kept, buffer_.get() + at_, kept);
    at_ = kHeadroomBytes - kept;
    end_ = kHeadroomBytes;
  }
  return kBufferBytes - end_;
}

// The stream has ended: rightly, or inside a record.
CaptureFileSource::Step CaptureFileSource::finish_input() {
  constexpr std::string_view kCut = "the file was cut short; the packets before it are good";
  if (!format_) {
    if (stream_bytes_ == 0)
      return fail(ErrorCode::Truncated, "the file is empty", "a capture has at least a header");
    return fail_at(0, ErrorCode::Truncated,
                   "the file ends inside its header: " + std::to_string(held()) + " bytes of " +
                       std::to_string(wanted_bytes_),
                   "the file was cut short, or is no capture");
  }
  if (skip_bytes_ > 0 || held() > 0 || format_->unfinished()) {
    const std::string_view inside = format_->record_name();
    std::string what = "the file ends inside a " + std::string(inside);
    if (held() > 0) {
      what += ": " + std::to_string(held()) + " bytes of " + std::to_string(wanted_bytes_);
    }
    return fail_at(offset_of_held(), ErrorCode::Truncated, what, kCut);
  }
  bytes_of_finished_ += stream_->raw_bytes();
  left_out_of_finished_ = left_out();
  format_.reset();
  stream_.reset();
  ++input_;
  return Step::GoOn;
}

CaptureFileSource::Step CaptureFileSource::fail(ErrorCode code, std::string what,
                                                std::string_view hint) {
  error_ = Error{code, 0, spoken(name()) + ": " + std::move(what) + " (" + std::string(hint) + ")"};
  return Step::Failed;
}

CaptureFileSource::Step CaptureFileSource::fail_at(std::uint64_t offset, ErrorCode code,
                                                   std::string_view what, std::string_view hint) {
  std::string where = "offset " + std::to_string(offset);
  if (!stream_->is_raw()) where += " of the decompressed data";
  return fail(code, where + ": " + std::string(what), hint);
}

CaptureFileSource::Step CaptureFileSource::fail_not_a_capture() {
  const Bytes beginning{buffer_.get() + at_, std::min<std::size_t>(held(), 8)};
  return fail(
      ErrorCode::UnknownFormat, "not a capture file that weir reads",
      "first bytes " + hex(beginning) + "; weir reads pcap and pcapng, also in gzip or zstd");
}

}  // namespace weir::interface
