// `weir extcap`: sessions and stores among Wireshark's interfaces.
#pragma once

#include "app/extcap/options.h"

namespace weir::app {

// Returns the exit status. Answers stand on standard output. What stands on standard error while
// packets are written is an error for Wireshark, whatever the status: there is only what is
// missing.
int extcap(const ExtcapOptions& options);

}  // namespace weir::app
