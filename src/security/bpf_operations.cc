// The eBPF half of InProcessPrivileges.
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "security/privileged_operations.h"
#include "security/rights.h"

namespace weir::security {
namespace {

constexpr const char* kLicense = "Apache-2.0";
constexpr std::string_view kLoading = "load a socket program";

constexpr std::size_t kVerifierTextBytes = 64 * 1024;

// The kernel's own, for which there is no header.
constexpr int kNotSupportedInKernel = 524;

std::string message_of(int error) {
  if (error == kNotSupportedInKernel) error = EOPNOTSUPP;
  if (error < __LIBBPF_ERRNO__START) return std::generic_category().message(error);
  std::array<char, 128> text{};
  libbpf_strerror(error, text.data(), text.size());
  return text.data();
}

// The verifier's reason stands in the last line but its statistics.
std::string_view reason_in(std::string_view verifier_text) {
  std::string_view reason;
  while (!verifier_text.empty()) {
    const std::string_view line = verifier_text.substr(0, verifier_text.find('\n'));
    verifier_text.remove_prefix(std::min(line.size() + 1, verifier_text.size()));
    if (!line.empty() && !line.starts_with("processed ")) reason = line;
  }
  return reason;
}

// Only EPERM speaks of rights: with EACCES the verifier refuses what a program does.
Error cannot(int error, std::string_view what, const std::string& verifier_text = {}) {
  Error refused = system_error(error, what);
  refused.context = std::string(what) + ": " + message_of(error);
  if (refused.code != ErrorCode::Resource && error != EPERM) refused.code = ErrorCode::Unsupported;
  const std::string_view reason = reason_in(verifier_text.c_str());
  if (!reason.empty()) refused.context += ": " + std::string(reason);
  if (error == EPERM) refused.context += " (" + how_to_grant(Capability::Bpf) + ")";
  return refused;
}

// Options of libbpf: zero but for their size, by which it knows which version of them it got.
template <typename Options>
Options sized() noexcept {
  Options options{};
  options.sz = sizeof options;
  return options;
}

struct ObjectCloser {
  void operator()(bpf_object* object) const noexcept { bpf_object__close(object); }
};

}  // namespace

Result<UniqueFd> InProcessPrivileges::load_socket_filter(
    std::span<const std::uint64_t> instructions) {
  std::string text(kVerifierTextBytes, '\0');
  auto options = sized<bpf_prog_load_opts>();
  std::vector<bpf_insn> program(instructions.size());
  std::transform(instructions.begin(), instructions.end(), program.begin(),
                 [](std::uint64_t word) { return std::bit_cast<bpf_insn>(word); });
  UniqueFd fd(bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "weir_filter", kLicense, program.data(),
                            instructions.size(), &options));
  if (fd) return fd;
  const int error = errno;
  // Once more for the reason: writing it down makes loading slower.
  options.log_buf = text.data();
  options.log_size = static_cast<std::uint32_t>(text.size());
  options.log_level = 1;
  fd = UniqueFd(bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "weir_filter", kLicense, program.data(),
                              instructions.size(), &options));
  if (!fd) return cannot(error, kLoading, text);
  return fd;
}

Result<UniqueFd> InProcessPrivileges::load_socket_program(std::span<const std::byte> object) {
  libbpf_set_print(nullptr);  // it would write to standard error by itself
  std::string text(kVerifierTextBytes, '\0');
  auto options = sized<bpf_object_open_opts>();
  options.object_name = "weir";
  options.kernel_log_buf = text.data();
  options.kernel_log_size = text.size();
  const std::unique_ptr<bpf_object, ObjectCloser> opened(
      bpf_object__open_mem(object.data(), object.size(), &options));
  if (!opened) return cannot(errno, "read a socket program");
  bpf_program* program = bpf_object__next_program(opened.get(), nullptr);
  if (program == nullptr) return cannot(ENOENT, "find the program in its object file");
  bpf_program__set_type(program, BPF_PROG_TYPE_SOCKET_FILTER);
  if (const int failed = bpf_object__load(opened.get()); failed != 0)
    return cannot(-failed, kLoading, text);
  UniqueFd fd(::fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0));
  if (!fd) return cannot(errno, "keep a socket program");
  return fd;
}

Result<UniqueFd> InProcessPrivileges::create_counters(std::uint32_t count) {
  auto options = sized<bpf_map_create_opts>();
  options.map_flags = BPF_F_MMAPABLE;
  // One value: only of such an array a program may have the address, without a look-up per packet.
  constexpr std::uint32_t kValues = 1;
  UniqueFd fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_counters", sizeof(std::uint32_t),
                             static_cast<std::uint32_t>(count * sizeof(std::uint64_t)), kValues,
                             &options));
  if (!fd) return cannot(errno, "create counters for a socket program");
  return fd;
}

}  // namespace weir::security
