// Where an output puts packets for which its reader has no time yet: a bounded queue, first in,
// first out. Declared here, implemented by storage (storage/spill/spill_queue.h), used by outputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"

namespace weir::buffer {

// What is in a queue, and has been.
struct SpillCounts {
  std::uint64_t bytes = 0;      // of disk and memory that it takes now
  std::uint64_t packets = 0;    // that were ever put into it
  std::uint64_t bytes_max = 0;  // that it may take; 0: it has no bound
};

// What goes in is a stream of pcapng blocks, cut into pieces; the pieces come out in the same order
// with the same bytes. One thread at a time, but for counts().
class SpillTarget {
 public:
  SpillTarget() = default;
  SpillTarget(const SpillTarget&) = delete;
  SpillTarget& operator=(const SpillTarget&) = delete;
  virtual ~SpillTarget() = default;

  // A whole Section Header or Interface Description, which stands in the stream before all that is
  // put from now on, whether or not it went through the queue itself.
  virtual void describe(Bytes block) = 0;

  // Whole packets and other blocks of a section, none longer than kPutBytesMax. How many of the
  // bytes were taken, from the front on, in whole blocks: fewer only when there is no room.
  static constexpr std::uint32_t kPutBytesMax = 512 * 1024;
  virtual std::size_t put(Bytes blocks) = 0;
  // Bytes that are not such: descriptions, longer blocks, and pieces of blocks. They are kept in
  // memory. False: no room.
  virtual bool put_apart(Bytes bytes) = 0;

  [[nodiscard]] virtual bool empty() const noexcept = 0;
  // The oldest piece, valid until pop(); empty() is false. Error: it cannot be read back, and is
  // lost with pop().
  virtual Result<Bytes> front() = 0;
  // Behind the oldest piece: how many packets began in it.
  virtual std::uint64_t pop() = 0;

  // Gives back what the queue takes: its reader has caught up, or is gone. What is still in it
  // goes.
  virtual void rest() = 0;

  // Trouble that ended nothing, each kind told once.
  virtual std::optional<Error> take_warning() = 0;
  // Any thread.
  [[nodiscard]] virtual SpillCounts counts() const noexcept = 0;
};

}  // namespace weir::buffer
