// The functions of the C library that sim_libc.cc replaces, as they are.
#pragma once

#include <dlfcn.h>

namespace weir::test {

// One function; `name` as the library has it.
template <typename Function>
class RealFunction {
 public:
  explicit constexpr RealFunction(const char* name) noexcept : name_(name) {}
  template <typename... Arguments>
  auto operator()(Arguments... arguments) const noexcept {
    if (function_ == nullptr) {
      function_ = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name_));
    }
    return function_(arguments...);
  }

 private:
  const char* name_;
  mutable Function* function_ = nullptr;  // looked up at the first call
};

}  // namespace weir::test
