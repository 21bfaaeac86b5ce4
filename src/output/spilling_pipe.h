// A pipe whose reader may be slow without holding anybody up: what it does not take goes to a spill
// queue, and from there to it, in the order of old. The stream is the one that PcapngPipe writes.
//
// While the reader keeps up this is a PcapngPipe: write() encodes into a ring, reserve() and
// flush() hand on what the reader takes. When the ring has no room for the batches that may come,
// or the line is quiet and the reader has not taken all, the far end of the ring goes over to a
// thread. That sends what there is as the reader takes it (the queue first, then the ring) and puts
// what is in the ring into the queue when room there gets short. When all is gone the far end comes
// back. So the worker never waits for the reader, and for the disk of the queue only when that is
// slower than the packets come.
//
// FullPolicy, when the queue is full or its disk has failed. Block: reserve() waits for the reader.
// Drop: what finds no room in the ring is lost{slow_reader}, and the next packet of its interface
// says so. In both, close() waits until the reader has everything or cancel() ends it.
//
// Ledger: as PcapngPipe; packets in the queue are pending. What cannot be read back from the queue
// is lost{write_error}. What the reader has not taken when it goes away or cancel() is called is
// lost, and the queue's files are deleted.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "buffer/spill_target.h"
#include "output/full_policy.h"
#include "output/pcapng_encoder.h"
#include "output/pipe_writer.h"
#include "output/record_meter.h"
#include "output/record_ring.h"
#include "output/sink.h"
#include "output/spill_state.h"

namespace weir::output {

class SpillingPipe final : public Sink {
 public:
  // Of the ring, beside room for the batches of all credits: what is on its way to the queue.
  static constexpr std::uint64_t kTransitBytes = 4 * 1024 * 1024;
  static constexpr std::uint32_t kCreditsMax = 64;

  struct Options {
    std::string path;  // for messages and statistics ("-" for standard output)
    storage::pcapng::SectionIdentity identity = storage::pcapng::local_identity();
    std::uint32_t credits_max = 1;
    FullPolicy full_policy = FullPolicy::Block;
    std::optional<SectionCounts> counts = std::nullopt;  // none: no Interface Statistics Blocks
  };

  // Error: Resource.
  static Result<std::unique_ptr<SpillingPipe>> open(UniqueFd fd,
                                                    std::unique_ptr<buffer::SpillTarget> queue,
                                                    const Options& options);
  ~SpillingPipe() override;

  Result<void> reserve() override;
  void write(const Offer& offer) override;
  Result<void> flush() override;
  Result<void> close() override;
  void cancel() noexcept override;

  [[nodiscard]] SinkCounts counts() const noexcept override;
  // As of the last call of the worker; counts() is as of now.
  [[nodiscard]] const SinkStatistics& statistics() const noexcept override { return statistics_; }
  [[nodiscard]] std::string_view kind() const noexcept override { return "pcapng"; }
  [[nodiscard]] std::string_view path() const noexcept override { return path_; }
  [[nodiscard]] std::string_view mode() const noexcept override { return "pipe"; }
  // Of the queue: that is where its packets wait.
  [[nodiscard]] double fill() const noexcept override;
  [[nodiscard]] std::optional<SpillStatus> spill() const noexcept override;
  std::optional<Error> take_warning() override;

 private:
  // Who sends: has the far end of the ring, the descriptor and the queue.
  enum class Sender : std::uint8_t { Nobody, Worker, Thread };

  SpillingPipe(PipeWriter pipe, UniqueFd bell, std::unique_ptr<RecordRing> ring,
               std::unique_ptr<buffer::SpillTarget> queue, const Options& options);

  // The worker:
  bool become_sender() noexcept;
  void send_directly();
  void hand_over();
  bool begin_thread();
  void end_thread();
  void ring_bell() noexcept;
  enum class Patience : std::uint8_t { ByPolicy, Endless };
  bool wait_for_room(std::uint64_t bytes, Patience patience);
  void encode(Patience patience);
  void settle();
  void take_failure();
  [[nodiscard]] Result<void> state() const;

  // Whoever sends:
  int send_from_ring(std::uint64_t bytes_max);
  void count(RecordMeter& meter, Bytes sent);
  [[nodiscard]] bool short_of_room() const noexcept {
    return ring_->free() < room_bytes_ + kTransitBytes / 2;
  }
  void note(SpillEvent event) noexcept;

  // The thread:
  void run();
  void serve();
  int send_some();
  int send_from_queue();
  bool move_to_queue();
  bool move_piece();
  bool move_run();
  bool let_go() noexcept;
  void set_stuck(bool stuck) noexcept;
  void fail(int sys_errno) noexcept;
  void tell_progress() noexcept;
  void leave(Bytes bytes);
  bool wait_for_reader() noexcept;
  void quiet_bell() noexcept;
  void collect_warning();

  const FullPolicy policy_;
  const std::string path_;
  const std::uint64_t room_bytes_;  // for the batches of all credits
  std::unique_ptr<RecordRing> ring_;
  std::unique_ptr<buffer::SpillTarget> queue_;
  PipeWriter pipe_;

  // Of the worker.
  PcapngEncoder encoder_;
  std::optional<Error> error_;
  bool closed_ = false;
  SinkStatistics statistics_;  // as settle() found it; `offered` as it is
  std::array<telemetry::Counter, kReasonCount<LostReason>> lost_;  // but for what is unreadable

  // Of whoever sends.
  RecordMeter from_ring_;   // what has left the ring
  RecordMeter from_queue_;  // what the kernel has taken, while the queue holds something
  Bytes front_;             // the queue's oldest piece, what is left of it
  telemetry::Counter written_;
  telemetry::Counter written_bytes_;  // of whole records
  telemetry::Counter sent_bytes_;
  telemetry::Counter unreadable_;  // packets that could not be read back

  // Between the two.
  std::atomic<Sender> sender_{Sender::Nobody};
  std::atomic<SpillState> state_{SpillState::Writing};
  std::atomic<bool> stuck_{false};  // the queue takes nothing
  std::atomic<int> failure_{0};     // errno that ended the sending
  std::atomic<bool> stopping_{false};
  std::atomic<bool> rung_{false};
  std::atomic<std::uint32_t> progress_{0};  // grows with all that the worker may wait for
  UniqueFd bell_;                           // eventfd: wakes the thread
  std::mutex warning_lock_;
  std::optional<Error> warning_;
  std::thread thread_;
};

}  // namespace weir::output
