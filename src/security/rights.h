// The capabilities(7) that weir has a use for: which of them it has, how to grant a missing one,
// and how to give all of them up once everything is open. Capabilities belong to threads: these
// functions look at, and change, the calling one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir::security {

enum class Capability : std::uint8_t {
  NetRaw,       // CAP_NET_RAW: open packet sockets. Nothing is captured live without it.
  Bpf,          // CAP_BPF (before Linux 5.8 CAP_SYS_ADMIN): load eBPF programs. Less without it.
  DacOverride,  // CAP_DAC_OVERRIDE: write where the file permissions say no, as root does.
};

// The capability is effective: it counts if it counts at all. One that was acquired in a user
// namespace of its own does not count outside it, and no capability is asked for where a system
// lets everybody load socket filters (kernel.unprivileged_bpf_disabled = 0).
bool has(Capability capability) noexcept;

// What the advice for a missing capability depends on.
struct Standing {
  bool known = true;     // the kernel has it (CAP_BPF: since Linux 5.8)
  bool has = false;      // it is effective
  bool bounded = false;  // the bounding set lacks it: no program can get it by being started
  bool no_new_privs = false;
  bool bpf_too = true;  // CAP_BPF can be granted beside CAP_NET_RAW
};

// "needs CAP_NET_RAW: run as root, or once: sudo setcap cap_net_raw,cap_bpf=eip /usr/bin/weir":
// the end of an error message, for parentheses.
std::string how_to_grant(Capability capability);
// The same for a given case, `program` being the path of the executable file.
std::string how_to_grant(Capability capability, const Standing& standing,
                         const std::string& program);

// Gives up every capability that is not in `keep`, in all sets (effective, permitted, inheritable,
// ambient, and bounding where CAP_SETPCAP allows it), and sets no_new_privs: nothing that this
// thread or its children execute can win them back. Descriptors that are open keep working.
// Called before another thread exists, as threads inherit what their creator has. An error
// when a capability remains. The user id does not change: files go on belonging to who started the
// program, root included.
Result<void> drop_capabilities(std::span<const Capability> keep = {});

// What must be kept so that files can still be made in the directory of `path` later (rotation):
// CAP_DAC_OVERRIDE where the thread has it and its user may not write there without, else nothing.
std::vector<Capability> capabilities_to_write_beside(const std::filesystem::path& path);

}  // namespace weir::security
