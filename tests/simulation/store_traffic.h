// Random packets for one lane of a store, and what has to be known of them to recognise each in
// what is left of the store: a packet can be made again from its number.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/capture_interface.h"
#include "base/prng.h"
#include "base/verdicts.h"
#include "output/sink.h"
#include "storage/segment/records.h"

namespace weir::test {

struct OfferedPacket {
  std::uint32_t bytes = 0;
  std::uint32_t wire_bytes = 0;
  Timestamp time;
  std::uint32_t interface = 0;  // in the lane's table
  std::uint32_t missing = 0;    // packets that are lost before it: its epb_dropcount
  std::uint8_t form = 0;        // of its headers
  bool has_time = true;
};

// What frames are made of: headers, and bytes to fill them. Shared by the lanes of a run.
class FrameForms {
 public:
  static constexpr std::size_t kForms = 24;
  explicit FrameForms(Prng& random);
  // `to` has `bytes` bytes.
  void fill(std::uint8_t* to, std::uint32_t bytes, std::uint8_t form, std::uint32_t number) const;

 private:
  std::array<std::vector<std::uint8_t>, kForms> headers_;
  std::vector<std::uint8_t> noise_;
};

class LaneTraffic {
 public:
  static constexpr SessionMask kSession = 2;

  LaneTraffic(std::uint64_t seed, const FrameForms& forms);

  // The next batch; those of its packets that are wanted are offered from now on. Borrowed until
  // the next call. `now`: the wall clock.
  output::Offer next(Timestamp now);
  void add_interface();

  [[nodiscard]] const std::vector<OfferedPacket>& offered() const noexcept { return offered_; }
  [[nodiscard]] const InterfaceTable& interfaces() const noexcept { return interfaces_; }
  // Which of the offered packets it is, by what it holds alone. Nothing: none of them, or not as it
  // was offered.
  [[nodiscard]] std::optional<std::uint32_t> recognise(const storage::segment::Record& record,
                                                       const CaptureInterface& interface) const;

 private:
  void fill(std::uint32_t index, std::uint8_t* at, Timestamp now, bool wanted);
  std::uint32_t draw_bytes();
  void add_side_blocks();

  Prng random_;
  const FrameForms& forms_;
  std::uint64_t largest_;  // packets of this run are mostly so long
  InterfaceTable interfaces_;
  std::vector<OfferedPacket> offered_;
  std::vector<std::uint32_t> missing_;  // by interface: lost since its last packet
  PacketBatch batch_;
  Verdicts verdicts_{};
  std::vector<SideBlock> side_blocks_;
  std::vector<std::uint8_t> bytes_;
  mutable std::vector<std::uint8_t> frame_;
  std::unique_ptr<HeadersArray> headers_ = std::make_unique<HeadersArray>();
  std::unique_ptr<KeysArray> keys_ = std::make_unique<KeysArray>();
};

}  // namespace weir::test
