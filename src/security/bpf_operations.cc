// The eBPF half of InProcessPrivileges.
#include <fcntl.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "security/privileged_operations.h"

namespace weir::security {
namespace {

constexpr const char* kLicense = "Apache-2.0";

// The end of what the verifier says is the reason.
constexpr std::size_t kVerifierTextBytes = 64 * 1024;
constexpr std::size_t kVerifierTextShown = 300;

Error cannot(int sys_errno, std::string_view what) {
  Error error = system_error(sys_errno, what);
  if (error.code == ErrorCode::Permission) error.context += " (needs CAP_BPF)";
  return error;
}

Error refused(int sys_errno, const std::string& verifier_text) {
  Error error = cannot(sys_errno, "load a socket program");
  const std::string_view text = verifier_text.c_str();
  if (!text.empty()) {
    error.context +=
        ": " + std::string(text.substr(text.size() - std::min(text.size(), kVerifierTextShown)));
  }
  return error;
}

struct ObjectCloser {
  void operator()(bpf_object* object) const noexcept { bpf_object__close(object); }
};

}  // namespace

Result<UniqueFd> InProcessPrivileges::load_socket_filter(
    std::span<const std::uint64_t> instructions) {
  static_assert(sizeof(bpf_insn) == sizeof(std::uint64_t));
  std::string text(kVerifierTextBytes, '\0');
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  std::vector<bpf_insn> program;
  program.reserve(instructions.size());
  for (const std::uint64_t in : instructions) program.push_back(std::bit_cast<bpf_insn>(in));
  UniqueFd fd(bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "weir_filter", kLicense, program.data(),
                            program.size(), &options));
  if (fd) return fd;
  // Once more for the reason: writing it down makes loading slower.
  options.log_buf = text.data();
  options.log_size = static_cast<std::uint32_t>(text.size());
  options.log_level = 1;
  fd = UniqueFd(bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "weir_filter", kLicense, program.data(),
                              program.size(), &options));
  if (!fd) return refused(errno, text);
  return fd;
}

Result<UniqueFd> InProcessPrivileges::load_socket_program(std::span<const std::byte> object) {
  libbpf_set_print(nullptr);  // it would write to standard error by itself
  std::string text(kVerifierTextBytes, '\0');
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "weir", .kernel_log_buf = text.data(),
              .kernel_log_size = text.size());
  const std::unique_ptr<bpf_object, ObjectCloser> opened(
      bpf_object__open_mem(object.data(), object.size(), &options));
  if (!opened) return cannot(errno, "read a socket program");
  bpf_program* program = bpf_object__next_program(opened.get(), nullptr);
  if (program == nullptr) return cannot(ENOENT, "find the program in its object file");
  bpf_program__set_type(program, BPF_PROG_TYPE_SOCKET_FILTER);
  if (const int failed = bpf_object__load(opened.get()); failed != 0) return refused(-failed, text);
  UniqueFd fd(::fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0));
  if (!fd) return cannot(errno, "keep a socket program");
  return fd;
}

Result<UniqueFd> InProcessPrivileges::create_counters(std::uint32_t count) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
  // One value: only of such an array a program may have the address, without a look-up per packet.
  constexpr std::uint32_t kValues = 1;
  UniqueFd fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_counters", sizeof(std::uint32_t),
                             static_cast<std::uint32_t>(count * sizeof(std::uint64_t)), kValues,
                             &options));
  if (!fd) return cannot(errno, "create counters for a socket program");
  return fd;
}

}  // namespace weir::security
