#include "sender.h"

#include <linux/bpf.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <limits>
#include <string_view>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

extern "C" {
// NOLINTBEGIN(readability-identifier-naming): symbols of weir_bpf_object()
extern const std::byte weir_bpf_wire[];
extern const std::byte weir_bpf_wire_end[];
// NOLINTEND(readability-identifier-naming)
}

namespace weir::wire {
namespace {

Error cannot(int sys_errno, std::string_view what) {
  Error error = system_error(sys_errno, what);
  if (error.code == ErrorCode::Permission) error.context += " (needs CAP_BPF and CAP_NET_ADMIN)";
  return error;
}

constexpr int kRunFramesMax = std::numeric_limits<int>::max();

// libbpf makes a map of each data section; its name ends with the section's.
bpf_map* find_section(bpf_object* object, std::string_view section) noexcept {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (std::string_view(bpf_map__name(map)).ends_with(section)) return map;
  }
  return nullptr;
}

}  // namespace

void Sender::ObjectCloser::operator()(bpf_object* object) const noexcept {
  bpf_object__close(object);
}

Result<Sender> Sender::open(const SenderOptions& options) {
  const unsigned index = ::if_nametoindex(options.interface.c_str());
  if (index == 0) {
    return Error{ErrorCode::UnknownInterface, ENODEV,
                 "--interface " + options.interface + ": no such interface"};
  }
  std::vector<std::uint8_t> frame = make_template(options.mix);
  FramePlan plan = make_plan(options.mix, frame);
  plan.seed = options.seed;
  plan.flows = options.flows;
  plan.interface = index;
  plan.frames = options.count != 0 ? options.count : std::numeric_limits<std::uint64_t>::max();
  if (options.packets_per_second != 0) {
    constexpr std::uint64_t kSecond = 1'000'000'000;
    plan.nanoseconds_each = (kSecond << kPaceShift) / options.packets_per_second;
  }

  libbpf_set_print(nullptr);  // it would write to standard error by itself
  LIBBPF_OPTS(bpf_object_open_opts, open_options, .object_name = "wire");
  const auto bytes = static_cast<std::size_t>(weir_bpf_wire_end - weir_bpf_wire);
  Object object(bpf_object__open_mem(weir_bpf_wire, bytes, &open_options));
  if (!object) return cannot(errno, "read the BPF program");
  bpf_map* data = find_section(object.get(), ".data");
  bpf_map* bss = find_section(object.get(), ".bss");
  bpf_program* program = bpf_object__find_program_by_name(object.get(), "wire");
  if (data == nullptr || bss == nullptr || program == nullptr) {
    return cannot(ENOENT, "find the parts of the BPF program");
  }
  if (const int failed = bpf_map__set_initial_value(data, &plan, sizeof plan); failed != 0) {
    return cannot(-failed, "give the BPF program its plan");
  }
  if (const int failed = bpf_object__load(object.get()); failed != 0) {
    return cannot(-failed, "load the BPF program");
  }
  const int program_fd = bpf_program__fd(program);
  return Sender(std::move(object), program_fd, bpf_map__fd(bss), plan, std::move(frame));
}

Result<void> Sender::run() {
  // The queue of a veth end has 256 places, and the other end empties it between batches.
  constexpr std::uint32_t kBatchFrames = 64;
  LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = template_.data(),
              .data_size_in = static_cast<std::uint32_t>(template_.size()), .repeat = kRunFramesMax,
              .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = kBatchFrames);
  for (;;) {
    WEIR_TRY(const FrameProgress done, progress());
    if (done.sent >= frames_) return ok();
    if (!paced_)
      run.repeat = static_cast<int>(std::min<std::uint64_t>(frames_ - done.sent, kRunFramesMax));
    const int failed = bpf_prog_test_run_opts(program_, &run);
    if (failed == -EINTR) return ok();
    if (failed != 0) return cannot(-failed, "run the BPF program on live frames");
  }
}

Result<FrameProgress> Sender::progress() const {
  constexpr std::uint32_t kOnly = 0;
  FrameProgress progress{};
  if (bpf_map_lookup_elem(progress_, &kOnly, &progress) != 0) {
    return cannot(errno, "read the progress of the BPF program");
  }
  return progress;
}

}  // namespace weir::wire
