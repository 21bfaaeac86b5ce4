// Puts exact frames on an interface, byte for byte, by a packet socket of its own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace weir::test {

using FrameBytes = std::vector<std::uint8_t>;

class TrafficSocket {
 public:
  // In the calling thread's network namespace.
  explicit TrafficSocket(const std::string& interface);
  // Every frame has passed the interface's taps when this returns; a failure fails the test.
  void send(std::span<const FrameBytes> frames);
  void send_one(const FrameBytes& frame) { send({&frame, 1}); }

 private:
  UniqueFd fd_;
};

}  // namespace weir::test
