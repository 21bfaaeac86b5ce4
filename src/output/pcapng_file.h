// A sink that writes one plain pcapng file, or a rotated series of them, through a block device:
// 1 MiB blocks, several in flight, packets straddle them. (What the file's sections and interfaces
// look like: pcapng_encoder.h. When and where the next file begins: rotation.h.)
//
// Ledger: a packet is `written` when its record and all before it are in the file, so the file is
// always a prefix of what was offered. After a failed write (disk full, I/O error) it is cut to the
// last whole record of that prefix. A series has one ledger; when its next file cannot be opened,
// those before it are whole.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "buffer/block_pool.h"
#include "output/pcapng_encoder.h"
#include "output/rotation.h"
#include "output/sink.h"
#include "storage/block_device.h"
#include "storage/block_writer.h"

namespace weir::output {

class PcapngFile final : public Sink {
 public:
  static constexpr std::uint32_t kBlockBytes = 1024 * 1024;
  // Behind every block in memory: where the last record that begins in the block may end.
  static constexpr std::uint32_t kSlackBytes = kWindowSlackBytes;
  static constexpr std::uint32_t kCreditsMax = 64;
  // A batch that needs more room than this makes write() wait for the device, and so does a change
  // of files.
  static_assert(kBatchRoomBytes <= kBlockBytes);
  // A block for each credit, and those that are in flight meanwhile.
  [[nodiscard]] static constexpr std::uint32_t blocks(std::uint32_t credits_max) noexcept {
    return 7 + credits_max;
  }
  static_assert(7 + kCreditsMax <= storage::kQueueDepthMax);

  struct Options {
    std::string path;
    storage::pcapng::SectionIdentity identity = storage::pcapng::local_identity();
    bool direct = true;    // O_DIRECT where the file system has it
    bool io_uring = true;  // where the kernel has it, with O_DIRECT
    std::uint32_t credits_max = 1;
    std::optional<SectionCounts> counts = std::nullopt;  // none: no Interface Statistics Blocks
    // Live traffic cannot wait until memory is there; others may need little of it.
    bool live = true;
  };

  // Creates the file, or empties it. Errors: those of storage::open_block_device(), and Resource.
  static Result<std::unique_ptr<PcapngFile>> open(const Options& options);

  // What a sink is made of: a pool of blocks of kBlockBytes + kSlackBytes, and the file that is
  // open.
  struct Parts {
    std::unique_ptr<buffer::BlockPool> pool;
    std::unique_ptr<storage::BlockDevice> device;
    storage::pcapng::SectionIdentity identity;
    std::uint32_t credits_max = 1;
    std::optional<SectionCounts> counts = std::nullopt;
    std::unique_ptr<Rotation> rotation = {};  // has opened `device`; null: one file
  };
  explicit PcapngFile(Parts parts);
  // An unclosed file ends somewhere in what was written.
  ~PcapngFile() override = default;

  Result<void> reserve() override;
  void write(const Offer& offer) override;
  // Makes the file end after the last record; readers see everything that was offered. Changes
  // files when an interval is over.
  Result<void> flush() override;
  Result<void> close() override;
  void cancel() noexcept override {}  // a disk answers

  [[nodiscard]] const SinkStatistics& statistics() const noexcept override { return statistics_; }
  [[nodiscard]] std::string_view kind() const noexcept override { return "pcapng"; }
  [[nodiscard]] std::string_view path() const noexcept override { return path_; }
  [[nodiscard]] std::string file() const override { return rotation_ ? rotation_->file() : path_; }
  [[nodiscard]] std::string_view mode() const noexcept override { return device_->mode(); }
  [[nodiscard]] std::uint64_t files() const noexcept override {
    return rotation_ ? rotation_->files() : 1;
  }
  [[nodiscard]] double fill() const noexcept override {
    return static_cast<double>(fill_.value()) / 1000;
  }
  std::optional<Error> take_warning() override {
    return rotation_ ? rotation_->take_warning() : std::nullopt;
  }

 private:
  // What is known of a block when it is handed to the device.
  struct Submitted {
    Extent first;  // up to the first record that begins in the block (or behind it)
    Extent whole;  // all records that end in it or before
  };

  Fill fill_blocks();
  bool next_block(Window& window);
  bool write_out();
  bool finish_file();
  bool end_interval();
  bool next_file(const Packet* packet);
  bool fail(Error error);
  void lose_pending(LostReason reason) noexcept;
  void commit(std::uint32_t blocks) noexcept;
  void commit(const Extent& extent) noexcept;
  void settle_failure();
  void count_pending() noexcept;
  [[nodiscard]] std::uint64_t room() const noexcept;
  void note_fill(std::uint64_t wanted) noexcept;
  Result<void> state() const;

  // Destroyed last to first: the writer waits for its blocks, then the device goes, then the
  // memory.
  std::unique_ptr<buffer::BlockPool> pool_;
  std::unique_ptr<Rotation> rotation_;
  std::unique_ptr<storage::BlockDevice> device_;
  std::optional<storage::BlockWriter> writer_;  // one for each file
  std::string path_;                            // of the file, or that of the series as given

  PcapngEncoder encoder_;
  buffer::Block block_;             // being filled
  std::uint64_t block_offset_ = 0;  // in the file
  Extent block_first_;              // Submitted::first of this block
  std::uint32_t used_ = 0;          // bytes filled
  std::uint32_t flushed_ = 0;       // of these in the file

  std::vector<Submitted> submitted_;  // ring, in file order, as the writer's
  std::size_t submitted_first_ = 0;
  std::size_t submitted_count_ = 0;

  std::uint32_t credits_max_;
  std::uint32_t credits_ = 0;   // that are out
  Extent earlier_;              // in files before this one
  Extent committed_;            // in this file, in order, whole records only
  std::optional<Error> error_;  // the first; final
  bool closed_ = false;
  SinkStatistics statistics_;
  telemetry::Counter fill_;  // gauge, in thousandths
};

}  // namespace weir::output
