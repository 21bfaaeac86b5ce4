#include "security/rights.h"

#include <fcntl.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

namespace weir::security {
namespace {

struct CapFree {
  void operator()(void* of_libcap) const noexcept { cap_free(of_libcap); }
};
// cap_t is a pointer.
using Sets = std::unique_ptr<std::remove_pointer_t<cap_t>, CapFree>;

Sets sets_of_this_thread() noexcept { return Sets(cap_get_proc()); }

constexpr std::array<cap_flag_t, 3> kFlags = {CAP_EFFECTIVE, CAP_PERMITTED, CAP_INHERITABLE};
constexpr std::array<std::string_view, 3> kFlagNames = {"effective", "permitted", "inheritable"};

struct Name {
  cap_value_t value;
  std::string_view upper;      // as in capabilities(7)
  std::string_view lower;      // as setcap takes it
  std::string_view container;  // as container tools take it
};

// In the order of the enum.
constexpr std::array kNames = {
    Name{CAP_NET_RAW, "CAP_NET_RAW", "cap_net_raw", "NET_RAW"},
    Name{CAP_BPF, "CAP_BPF", "cap_bpf", "BPF"},
    Name{CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE", "cap_dac_override", "DAC_OVERRIDE"},
};

const Name& name_of(Capability capability) noexcept {
  return kNames[static_cast<std::size_t>(capability)];
}

bool is_set(const Sets& sets, cap_value_t value, cap_flag_t flag) noexcept {
  cap_flag_value_t found = CAP_CLEAR;
  return cap_get_flag(sets.get(), value, flag, &found) == 0 && found == CAP_SET;
}

// 1 or 0; negative when the kernel does not know the capability.
int in_bounding_set(cap_value_t value) noexcept { return cap_get_bound(value); }

bool known_to_kernel(cap_value_t value) noexcept { return in_bounding_set(value) >= 0; }

bool is_kept(cap_value_t value, std::span<const Capability> keep) noexcept {
  return std::any_of(keep.begin(), keep.end(),
                     [value](Capability kept) { return name_of(kept).value == value; });
}

std::string printed(cap_value_t value) {
  const std::unique_ptr<char, CapFree> name(cap_to_name(value));
  return name ? name.get() : std::to_string(value);
}

Error remains(cap_value_t value, std::string_view set) {
  return {.code = ErrorCode::Internal,
          .sys_errno = 0,
          .context = "drop capabilities: " + printed(value) + " remains in the " +
                     std::string(set) + " set"};
}

// A child that executes a program gets nothing that is not in this set. Only CAP_SETPCAP may change
// it; no_new_privs gives the same assurance where it is missing.
Result<void> shrink_bounding_set(std::span<const Capability> keep) {
  if (!is_set(sets_of_this_thread(), CAP_SETPCAP, CAP_EFFECTIVE)) return ok();
  for (cap_value_t value = 0; value < cap_max_bits(); ++value) {
    if (is_kept(value, keep) || in_bounding_set(value) != 1) continue;
    if (cap_drop_bound(value) != 0)
      return system_error(errno,
                          "drop capabilities: take " + printed(value) + " out of the bounding set");
  }
  return ok();
}

Result<void> keep_only(std::span<const Capability> keep) {
  const Sets before = sets_of_this_thread();
  const Sets after(cap_init());
  if (!before || !after) return system_error(errno, "drop capabilities");
  for (const Capability kept : keep) {
    const cap_value_t value = name_of(kept).value;
    if (!is_set(before, value, CAP_PERMITTED)) continue;
    cap_set_flag(after.get(), CAP_PERMITTED, 1, &value, CAP_SET);
    cap_set_flag(after.get(), CAP_EFFECTIVE, 1, &value, CAP_SET);
  }
  if (cap_set_proc(after.get()) != 0) return system_error(errno, "drop capabilities");
  return ok();
}

Result<void> check_that_none_remains(std::span<const Capability> keep) {
  const Sets now = sets_of_this_thread();
  if (!now) return system_error(errno, "look at the capabilities that remain");
  for (cap_value_t value = 0; value < cap_max_bits(); ++value) {
    if (cap_get_ambient(value) == 1) return remains(value, "ambient");
    for (std::size_t i = 0; i < kFlags.size(); ++i) {
      const bool may = is_kept(value, keep) && kFlags[i] != CAP_INHERITABLE;
      if (!may && is_set(now, value, kFlags[i])) return remains(value, kFlagNames[i]);
    }
  }
  return ok();
}

// The permissions of the directory refuse this thread to write or search there. access(2) would
// answer for the real user, and the C library guesses where the kernel cannot say (before 5.8):
// that counts as refused.
bool refuses(const std::filesystem::path& directory) noexcept {
  return ::syscall(SYS_faccessat2, AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0 &&
         (errno == EACCES || errno == ENOSYS);
}

// The calling thread goes without its rights over file permissions while this lives.
class WithoutOverride {
 public:
  WithoutOverride() : before_(sets_of_this_thread()) {
    const Sets lowered(before_ ? cap_dup(before_.get()) : nullptr);
    if (!lowered) return;
    constexpr std::array<cap_value_t, 2> kOverrides = {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH};
    cap_set_flag(lowered.get(), CAP_EFFECTIVE, kOverrides.size(), kOverrides.data(), CAP_CLEAR);
    lowered_ = cap_set_proc(lowered.get()) == 0;
  }
  ~WithoutOverride() {
    if (lowered_) cap_set_proc(before_.get());
  }
  WithoutOverride(const WithoutOverride&) = delete;
  WithoutOverride& operator=(const WithoutOverride&) = delete;

  [[nodiscard]] bool lowered() const noexcept { return lowered_; }

 private:
  Sets before_;
  bool lowered_ = false;
};

// The program as `setcap` must be told it.
std::string path_of_this_program() {
  std::error_code failed;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", failed);
  return failed ? "$(command -v weir)" : path.string();
}

}  // namespace

bool has(Capability capability) noexcept {
  const Sets sets = sets_of_this_thread();
  if (!sets) return false;
  // What CAP_BPF allows, CAP_SYS_ADMIN still allows too.
  return is_set(sets, name_of(capability).value, CAP_EFFECTIVE) ||
         (capability == Capability::Bpf && is_set(sets, CAP_SYS_ADMIN, CAP_EFFECTIVE));
}

std::string how_to_grant(Capability capability) {
  const cap_value_t value = name_of(capability).value;
  return how_to_grant(capability,
                      {.known = known_to_kernel(value),
                       .has = has(capability),
                       .bounded = in_bounding_set(value) == 0,
                       .no_new_privs = ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
                       .bpf_too = in_bounding_set(CAP_BPF) == 1},
                      path_of_this_program());
}

std::string how_to_grant(Capability capability, const Standing& standing,
                         const std::string& program) {
  const Name& name = name_of(capability);
  const std::string upper(name.upper);
  if (!standing.known) {
    // To lend out CAP_SYS_ADMIN by a file would be to lend out root.
    return "needs CAP_SYS_ADMIN, as kernels before 5.8 have no " + upper + ": run as root";
  }
  if (standing.has) {
    return "this process has " + upper +
           ", but it does not count here: it was given in a user namespace, or a seccomp filter "
           "forbids the call; run outside the container";
  }
  if (standing.bounded) {
    return "needs " + upper +
           ", which the bounding set of this process excludes; for a container: --cap-add=" +
           std::string(name.container);
  }
  if (standing.no_new_privs) {
    return "needs " + upper +
           ", which no_new_privs keeps this process from getting; for a systemd service: "
           "AmbientCapabilities=" +
           upper;
  }
  // Both at once, as a second setcap would replace what the first has given. But a file that grants
  // more than the bounding set allows does not start at all.
  const bool both = capability != Capability::DacOverride && standing.bpf_too;
  return "needs " + upper + ": run as root, or once: sudo setcap " +
         (both ? "cap_net_raw,cap_bpf" : std::string(name.lower)) + "=eip " + program;
}

Result<void> drop_capabilities(std::span<const Capability> keep) {
  if (cap_reset_ambient() != 0) return system_error(errno, "drop the ambient capabilities");
  WEIR_CHECK(shrink_bounding_set(keep));
  WEIR_CHECK(keep_only(keep));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_error(errno, "set no_new_privs");
  return check_that_none_remains(keep);
}

std::vector<Capability> capabilities_to_write_beside(const std::filesystem::path& path) {
  if (!has(Capability::DacOverride)) return {};
  const std::filesystem::path directory = path.has_parent_path() ? path.parent_path() : ".";
  const WithoutOverride without;
  if (without.lowered() && !refuses(directory)) return {};
  return {Capability::DacOverride};
}

}  // namespace weir::security
