// Capture files as a source: pcap and pcapng, plain, gzip or zstd, from paths or standard input,
// one after the other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "interface/byte_stream.h"
#include "interface/file_interfaces.h"
#include "interface/record_format.h"
#include "interface/source.h"

namespace weir::interface {

// What a file is, its content says, never its name. Records are read into one buffer of fixed size
// and lent from there; a record is copied once more only where a buffer ends in it. Memory does not
// depend on the files: the buffer, a decompressor where needed, and the interface table with its
// own limits.
//
// A file that is damaged, cut short or no capture file ends the source: the packets before the
// fault are delivered, then next_batch() returns Failed, and the files after it are not read.
class CaptureFileSource final : public Source {
 public:
  struct Input {
    std::string name;                    // as messages say it; a path, or "-" for standard input
    std::unique_ptr<ByteStream> stream;  // what to read; null: open `name` when its turn comes
  };

  // Checks that every path can be read ("-" at most once), and opens each when its turn comes.
  static Result<std::unique_ptr<CaptureFileSource>> open(const std::vector<std::string>& paths);
  // Over streams that are already open.
  static Result<std::unique_ptr<CaptureFileSource>> over(std::vector<Input> inputs);

  // Reads as far as the first packet, which the next next_batch() delivers, so that interfaces()
  // shows what the packets come from before anything is done with them. At most once, before the
  // first next_batch().
  void look_ahead(Duration timeout);

  Pull next_batch(PacketBatch& batch, std::uint32_t packets_max, Duration timeout) override;
  void release(PacketBatch& batch) override;
  void close_intake() override { closed_ = true; }
  void close() override { closed_ = true; }
  void wake() noexcept override { waker_.ring(); }
  void refresh_statistics() override {}
  [[nodiscard]] const SourceStatistics& statistics() const noexcept override { return statistics_; }
  [[nodiscard]] const InterfaceTable& interfaces() const noexcept override {
    return interfaces_.table();
  }
  [[nodiscard]] std::string_view mode() const noexcept override { return "file"; }
  [[nodiscard]] bool lossless() const noexcept override { return true; }
  [[nodiscard]] Progress progress() const noexcept override {
    return {bytes_done_.value(), bytes_total_};
  }
  [[nodiscard]] const std::optional<Error>& error() const noexcept override { return error_; }

  // Over all files so far.
  [[nodiscard]] LeftOut left_out() const noexcept;

 private:
  // One read fills at most the window; what is left of the last one is moved to just before it. The
  // window is small enough to stay in the second-level cache together with what the pipeline keeps
  // per batch.
  static constexpr std::size_t kWindowBytes = 256 * 1024;
  static constexpr std::size_t kHeadroomBytes = kRecordBytesMax;
  struct Unmap {
    void operator()(std::uint8_t* memory) const noexcept;
  };
  using Buffer = std::unique_ptr<std::uint8_t[], Unmap>;

  CaptureFileSource(std::vector<Input> inputs, std::uint64_t bytes_total, Waker waker,
                    Buffer buffer) noexcept;
  static Result<std::unique_ptr<CaptureFileSource>> create(std::vector<Input> inputs,
                                                           std::uint64_t bytes_total);

  // What a step on the way to the next packets came to.
  enum class Step : std::uint8_t { GoOn, Idle, Failed };

  Pull pull(PacketBatch& batch, std::uint32_t packets_max, Duration timeout);
  Step open_input();
  Step recognise(Duration timeout);
  Step recognise_pcap(std::uint32_t header_bytes, Duration timeout);
  void walk(PacketBatch& batch, std::uint32_t packets_max);
  void account(const PacketBatch& batch, std::uint64_t wire_bytes) noexcept;
  Step read_more(Duration timeout);
  Step finish_input();
  void drop_skipped() noexcept;
  std::size_t make_room() noexcept;
  Step fail(ErrorCode code, std::string what, std::string_view hint);
  Step fail_at(std::uint64_t offset, ErrorCode code, std::string_view what, std::string_view hint);
  Step fail_not_a_capture();

  [[nodiscard]] std::size_t held() const noexcept { return end_ - at_; }
  [[nodiscard]] std::uint64_t offset_of_held() const noexcept { return stream_bytes_ - held(); }
  [[nodiscard]] const std::string& name() const noexcept { return inputs_[input_].name; }

  std::vector<Input> inputs_;
  std::size_t input_ = 0;  // the one being read
  Waker waker_;
  std::unique_ptr<ByteStream> stream_;    // null: open the input first
  std::unique_ptr<RecordFormat> format_;  // null: recognise the input first
  FileInterfaces interfaces_;

  Buffer buffer_;                    // headroom, window
  std::size_t at_ = kHeadroomBytes;  // unread bytes are [at_, end_) of the buffer
  std::size_t end_ = kHeadroomBytes;
  std::uint64_t stream_bytes_ = 0;  // read from the stream so far
  std::uint64_t skip_bytes_ = 0;    // of the stream's next bytes, to be thrown away
  std::size_t wanted_bytes_ = 0;    // the last walk needs this many from at_ on
  bool damaged_ = false;  // the format found damage at at_; the batch before it comes first
  bool lent_ = false;
  bool closed_ = false;
  std::unique_ptr<PacketBatch>
      ahead_;  // what look_ahead() found: at most one packet, lent with the next batch

  std::array<SideBlock, kSideBlocksMax> side_blocks_;
  SourceStatistics statistics_;
  telemetry::Counter bytes_done_;
  std::uint64_t bytes_of_finished_ = 0;
  std::uint64_t bytes_total_ = 0;  // 0: one of the inputs has no length
  LeftOut left_out_of_finished_;
  std::optional<Error> error_;
};

}  // namespace weir::interface
