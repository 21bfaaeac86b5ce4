// What a failed write means: the error for the user, and the reason in the ledger.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/reasons.h"

namespace weir::output {

LostReason lost_reason(int sys_errno) noexcept;

// "write g.pcapng: No space left on device at byte 1048576 (free some space or write elsewhere; the
// file ends after packet 3910)".
Error output_error(int sys_errno, const std::string& path, std::uint64_t offset,
                   std::uint64_t packets_kept);
// "write logs/conn.log: No space left on device (free some space or write elsewhere); records of
// this run in it: 3910".
Error record_log_error(int sys_errno, const std::string& path, std::uint64_t records_kept);

}  // namespace weir::output
