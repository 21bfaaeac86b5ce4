// A sink that writes pcapng to a descriptor that takes bytes in order: standard output, a FIFO, a
// terminal, /dev/null.
//
// write() only encodes; reserve(), flush() and close() hand on everything that is encoded and wait
// for the reader. So a pipeline that reserves before every batch and flushes when the line is quiet
// keeps a reader (wireshark -k -i -) up to date with one system call a batch. Expects SIGPIPE to be
// ignored. The descriptor may be blocking or not, and stays so: others may share it.
//
// Ledger: a packet is `written` when the kernel has taken its last byte. When the reader goes away
// in the middle of a record, that packet is lost.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "buffer/block_pool.h"
#include "output/pcapng_encoder.h"
#include "output/sink.h"

namespace weir::output {

class PcapngPipe final : public Sink {
 public:
  // Encoded bytes before write() itself hands on: more than any batch, as in pcapng_file.h.
  static constexpr std::uint32_t kBufferBytes = 1024 * 1024;

  // Takes `fd`; `path` is for messages and statistics ("-" for standard output). Error: Resource.
  static Result<std::unique_ptr<PcapngPipe>> open(UniqueFd fd, std::string path,
                                                  storage::pcapng::SectionIdentity identity);

  Result<void> reserve() override { return push(); }
  void write(const PacketBatch& batch, const InterfaceTable& interfaces, const Verdicts& verdicts,
             SessionMask session) override;
  Result<void> flush() override;
  Result<void> close() override;
  void cancel() noexcept override;

  [[nodiscard]] const SinkStatistics& statistics() const noexcept override { return statistics_; }
  [[nodiscard]] std::string_view kind() const noexcept override { return "pcapng"; }
  [[nodiscard]] std::string_view path() const noexcept override { return path_; }
  [[nodiscard]] std::string_view mode() const noexcept override { return "pipe"; }

 private:
  // How not to be caught in a write that cancel() could not end.
  enum class Style : std::uint8_t {
    Whole,   // files and devices: a write has an end
    NoWait,  // pipes: the kernel writes what fits (Linux 6.4)
    Pages,  // terminals, sockets, older kernels: so little at a time that it fits where poll() sees
            // room
  };

  PcapngPipe(UniqueFd fd, UniqueFd cancel, std::string path,
             std::unique_ptr<buffer::BlockPool> pool, storage::pcapng::SectionIdentity identity);

  void fill();
  Result<void> push();
  int send_all(Bytes bytes, std::size_t& sent) noexcept;
  int wait_writable() noexcept;
  void commit(const Extent& extent) noexcept;
  Result<void> state() const;

  UniqueFd fd_;
  UniqueFd cancel_;  // eventfd
  Style style_;
  std::string path_;
  std::unique_ptr<buffer::BlockPool> pool_;  // of one block: the buffer
  buffer::Block buffer_;
  PcapngEncoder encoder_;
  std::uint32_t used_ = 0;    // bytes in the buffer
  std::uint64_t offset_ = 0;  // of the buffer in the stream
  Extent first_;              // up to the first record that begins in the buffer

  Extent committed_;
  std::optional<Error> error_;
  bool closed_ = false;
  SinkStatistics statistics_;
};

}  // namespace weir::output
