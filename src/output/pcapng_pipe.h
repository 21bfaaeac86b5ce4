// A sink that writes pcapng to a descriptor that takes bytes in order: standard output, a FIFO, a
// terminal, /dev/null.
//
// write() only encodes, into a ring; reserve(), flush() and close() hand on everything that is
// encoded. So a pipeline that reserves before every batch and flushes when the line is quiet keeps
// a reader (wireshark -k -i -) up to date with one system call a batch. Expects SIGPIPE to be
// ignored.
//
// FullPolicy::Block: reserve() and flush() wait for the reader, so that the ring has room for all
// credits. FullPolicy::Drop: they hand on what the reader takes at once; what then finds no room in
// the ring is lost{slow_reader}, and the next packet of its interface says so. In both, close()
// waits until the reader has everything or cancel() ends it: with several outputs, close those
// first that do not wait.
//
// Ledger: a packet is `written` when the kernel has taken its last byte. When the reader goes away
// in the middle of a record, that packet is lost.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "output/full_policy.h"
#include "output/pcapng_encoder.h"
#include "output/pipe_writer.h"
#include "output/record_meter.h"
#include "output/record_ring.h"
#include "output/sink.h"

namespace weir::output {

class PcapngPipe final : public Sink {
 public:
  // What the ring holds before Drop drops.
  static constexpr std::uint32_t kDropBytes = 4 * 1024 * 1024;
  static constexpr std::uint32_t kCreditsMax = 64;

  struct Options {
    std::string path;  // for messages and statistics ("-" for standard output)
    storage::pcapng::SectionIdentity identity = storage::pcapng::local_identity();
    std::uint32_t credits_max = 1;
    FullPolicy full_policy = FullPolicy::Block;
    std::optional<SectionCounts> counts = std::nullopt;  // none: no Interface Statistics Blocks
  };

  // Error: Resource.
  static Result<std::unique_ptr<PcapngPipe>> open(UniqueFd fd, const Options& options);

  Result<void> reserve() override;
  void write(const Offer& offer) override;
  Result<void> flush() override;
  Result<void> close() override;
  void cancel() noexcept override;

  [[nodiscard]] const SinkStatistics& statistics() const noexcept override { return statistics_; }
  [[nodiscard]] std::string_view kind() const noexcept override { return "pcapng"; }
  [[nodiscard]] std::string_view path() const noexcept override { return path_; }
  [[nodiscard]] std::string_view mode() const noexcept override { return "pipe"; }
  [[nodiscard]] double fill() const noexcept override {
    return failed_.load(std::memory_order_relaxed) ? 0 : ring_->fill();
  }

 private:
  PcapngPipe(PipeWriter pipe, std::unique_ptr<RecordRing> ring, const Options& options);

  void encode(FullPolicy policy);
  Result<void> push(FullPolicy policy);
  int send(FullPolicy policy) noexcept;
  [[nodiscard]] Result<void> state() const;

  PipeWriter pipe_;
  FullPolicy policy_;
  std::string path_;
  PcapngEncoder encoder_;
  std::unique_ptr<RecordRing> ring_;
  RecordMeter meter_;  // of what the kernel has taken

  std::optional<Error> error_;
  bool closed_ = false;
  std::atomic<bool> failed_ = false;  // for other threads
  SinkStatistics statistics_;
};

}  // namespace weir::output
