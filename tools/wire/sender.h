// Sends frames by running an XDP program on live frames: the kernel hands it page after page, it
// makes a frame in each and redirects it to the interface. Nothing is copied and no socket buffer
// is made on the sending side; on one core nothing faster was found.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "frames.h"

struct bpf_object;

namespace weir::wire {

struct SenderOptions {
  std::string interface;
  Mix mix = Mix::Imix;
  std::uint32_t flows = 1;
  std::uint64_t seed = 1;
  std::uint64_t count = 0;               // 0: no limit
  std::uint64_t packets_per_second = 0;  // 0: as fast as it goes
};

class Sender {
 public:
  // Needs CAP_BPF and CAP_NET_ADMIN.
  static Result<Sender> open(const SenderOptions& options);

  // Sends until a signal interrupts it, or every frame that was asked for has left. With a pace, or
  // without a count, only a signal ends it.
  Result<void> run();

  // Handed to the interface so far.
  [[nodiscard]] Result<FrameProgress> progress() const;

 private:
  struct ObjectCloser {
    void operator()(bpf_object* object) const noexcept;
  };
  using Object = std::unique_ptr<bpf_object, ObjectCloser>;

  Sender(Object object, int program, int progress, const FramePlan& plan,
         std::vector<std::uint8_t> frame)
      : object_(std::move(object)),
        program_(program),
        progress_(progress),
        frames_(plan.frames),
        paced_(plan.nanoseconds_each != 0),
        template_(std::move(frame)) {}

  Object object_;
  int program_;   // of object_
  int progress_;  // of object_: the map that the program writes
  std::uint64_t frames_;
  bool paced_;
  std::vector<std::uint8_t> template_;
};

}  // namespace weir::wire
