// The generator: a fixed number of places, each holding one active flow; when a flow ends, its
// place stays empty for an exponential time and takes the next. Many such places together make
// arrivals close to a Poisson process. Memory is proportional to the places, not to the file.
#pragma once

#include <cstdint>
#include <vector>

#include "conversation.h"
#include "flow_factory.h"
#include "oddities.h"
#include "recorder.h"

namespace weir::traffic {

struct GeneratorOptions {
  std::uint64_t seed = 1;
  std::uint64_t packets = 0;     // exactly this many, or
  std::uint64_t file_bytes = 0;  // the first packet that makes the file this large is the last
  std::uint32_t flows = 0;       // active at a time; 0: chosen from the size
  std::uint64_t needle_packets = 100;
  const Mix* mix = nullptr;
};

// Packets start at this time, 2023-11-14 22:13:20 UTC.
inline constexpr std::int64_t kFirstPacketNs = 1'700'000'000'000'000'000;

class Generator {
 public:
  Generator(const GeneratorOptions& options, CaptureWriter& writer, Recorder& recorder);

  // Runs until the size is reached or the writer has failed.
  void run();

  [[nodiscard]] std::uint64_t flows_begun() const noexcept { return factory_.made() - waiting_; }
  [[nodiscard]] std::uint64_t flows_ended() const noexcept { return ended_; }
  [[nodiscard]] std::size_t places() const noexcept { return places_.size(); }

 private:
  struct Event {
    std::int64_t time_ns;
    std::uint32_t place;
    friend bool operator<(const Event& a, const Event& b) noexcept {
      return a.time_ns != b.time_ns ? a.time_ns < b.time_ns : a.place < b.place;
    }
  };

  [[nodiscard]] bool done() const noexcept;
  // Of the target: how far the file has come.
  [[nodiscard]] std::uint64_t progress() const noexcept;
  void send_due_needles(std::int64_t now_ns);
  void send_oddities(std::int64_t now_ns);
  void advance_first_event();
  void sift_down() noexcept;

  GeneratorOptions options_;
  CaptureWriter* writer_;
  Recorder* recorder_;
  Prng prng_;
  FlowFactory factory_;
  PacketAssembler assembler_;
  Oddities oddities_;
  std::vector<Flow> places_;
  std::vector<Event> events_;  // a binary heap, earliest first; one event for each place
  std::uint64_t needles_sent_ = 0;
  std::uint64_t ended_ = 0;
  std::uint64_t waiting_ = 0;  // made, but not one packet yet
};

}  // namespace weir::traffic
