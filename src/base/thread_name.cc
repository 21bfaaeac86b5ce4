#include "base/thread_name.h"

#include <pthread.h>

#include <algorithm>
#include <array>

namespace weir {

void name_this_thread(std::string_view name) noexcept {
  constexpr std::size_t kBytesMax = 15;
  if (name.empty()) return;
  std::array<char, kBytesMax + 1> text{};
  if (name.size() > kBytesMax) name.remove_prefix(name.size() - kBytesMax);
  std::copy(name.begin(), name.end(), text.begin());
  (void)pthread_setname_np(pthread_self(), text.data());
}

}  // namespace weir
