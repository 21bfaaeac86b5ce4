// Whether this process may load eBPF programs.
#pragma once

#include <string>

#include "security/privileged_operations.h"
#include "support/skip.h"

namespace weir::test {

// Empty when it may, else the reason why not.
inline std::string why_no_ebpf() {
  const auto created = security::InProcessPrivileges().create_counters(1);
  return created ? "" : created.error().context;
}

}  // namespace weir::test

// CI promises the right.
#define WEIR_SKIP_WITHOUT_EBPF() \
  WEIR_SKIP_BECAUSE(::weir::test::why_no_ebpf(), ::weir::test::UnderCi::Fail)
