// A sink that writes one plain pcapng file through a block device: 1 MiB blocks, several in flight,
// packets straddle them. (What the file's sections and interfaces look like: pcapng_encoder.h.)
//
// Ledger: a packet is `written` when its record and all before it are in the file, so the file is
// always a prefix of what was offered. After a failed write (disk full, I/O error) it is cut to the
// last whole record of that prefix.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "buffer/block_pool.h"
#include "output/pcapng_encoder.h"
#include "output/sink.h"
#include "storage/block_device.h"
#include "storage/block_writer.h"

namespace weir::output {

class PcapngFile final : public Sink {
 public:
  static constexpr std::uint32_t kBlockBytes = 1024 * 1024;
  // Behind every block in memory: where the last record that begins in the block may end.
  static constexpr std::uint32_t kSlackBytes = static_cast<std::uint32_t>(
      align_up(storage::pcapng::kPacketRecordBytesMax, buffer::kBlockAlignment));
  static constexpr std::uint32_t kBlocks = 8;
  // What reserve() guarantees: a batch of the largest size, and 128 KiB for the framing of side
  // blocks and for sections and interfaces that appear with it. A batch that brings more of those
  // makes write() wait for the device.
  static constexpr std::uint32_t kBatchRoomBytes =
      kBatchBytesMax + kBatchPacketsMax * storage::pcapng::kPacketFramingBytesMax + 128 * 1024;
  static_assert(kBatchRoomBytes <= kBlockBytes);

  struct Options {
    std::string path;
    storage::pcapng::SectionIdentity identity = storage::pcapng::local_identity();
    bool direct = true;    // O_DIRECT where the file system has it
    bool io_uring = true;  // where the kernel has it, with O_DIRECT
  };

  // Creates the file, or empties it. Errors: those of storage::open_block_device(), and Resource.
  static Result<std::unique_ptr<PcapngFile>> open(const Options& options);
  // On a device and a pool (blocks of kBlockBytes + kSlackBytes) that exist already.
  PcapngFile(std::unique_ptr<buffer::BlockPool> pool, std::unique_ptr<storage::BlockDevice> device,
             storage::pcapng::SectionIdentity identity);
  // An unclosed file ends somewhere in what was written.
  ~PcapngFile() override = default;

  Result<void> reserve() override;
  void write(const PacketBatch& batch, const InterfaceTable& interfaces, const Verdicts& verdicts,
             SessionMask session) override;
  // Makes the file end after the last record; readers see everything that was offered.
  Result<void> flush() override;
  Result<void> close() override;
  void cancel() noexcept override {}  // a disk answers

  [[nodiscard]] const SinkStatistics& statistics() const noexcept override { return statistics_; }
  [[nodiscard]] std::string_view kind() const noexcept override { return "pcapng"; }
  [[nodiscard]] std::string_view path() const noexcept override { return device_->path(); }
  [[nodiscard]] std::string_view mode() const noexcept override { return device_->mode(); }

 private:
  // What is known of a block when it is handed to the device.
  struct Submitted {
    Extent first;  // up to the first record that begins in the block (or behind it)
    Extent whole;  // all records that end in it or before
  };

  void fill();
  bool next_block(Window& window);
  void commit(std::uint32_t blocks) noexcept;
  void commit(const Extent& extent) noexcept;
  void settle_failure();
  void count_pending() noexcept;
  Result<void> state() const;

  // Destroyed last to first: the writer waits for its blocks, then the device goes, then the
  // memory.
  std::unique_ptr<buffer::BlockPool> pool_;
  std::unique_ptr<storage::BlockDevice> device_;
  storage::BlockWriter writer_;

  PcapngEncoder encoder_;
  buffer::Block block_;             // being filled
  std::uint64_t block_offset_ = 0;  // in the file
  Extent block_first_;              // Submitted::first of this block
  std::uint32_t used_ = 0;          // bytes filled
  std::uint32_t flushed_ = 0;       // of these in the file

  std::array<Submitted, kBlocks> submitted_{};  // ring, in file order, as the writer's
  std::uint32_t submitted_first_ = 0;
  std::uint32_t submitted_count_ = 0;

  Extent committed_;            // in the file, in order, whole records only
  std::optional<Error> error_;  // the first; final
  bool closed_ = false;
  SinkStatistics statistics_;
};

}  // namespace weir::output
