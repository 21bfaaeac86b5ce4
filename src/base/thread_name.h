// Names of threads, as `top -H`, gdb and perf show them.
#pragma once

#include <string_view>

namespace weir {

// Of the calling thread. The kernel keeps 15 bytes: of a longer name the end, which tells threads
// apart ("-longest-name/3").
void name_this_thread(std::string_view name) noexcept;

}  // namespace weir
