// Result<T>: a value or an Error, for set-up and control paths. The data path uses enums and
// counters instead.
//
//   Result<UniqueFd> open_it(...);
//   WEIR_TRY(auto fd, open_it(path));        // returns the error to the caller
//   if (auto r = open_it(path); !r) use(r.error());
//
// Debian's tl::expected 1.0.0 is neither [[nodiscard]] nor checked; this wrapper is both, and is
// the only file that knows the library, so that std::expected can take its place.
#pragma once

#include <type_traits>
#include <utility>

#include <tl/expected.hpp>

#include "base/assert.h"
#include "base/error.h"

namespace weir {

template <typename T = void>
class [[nodiscard]] Result {
 public:
  // A value and an error become a result of themselves: `return 7;` and `return Error{...};`.
  // NOLINTBEGIN(google-explicit-constructor)
  Result(T value) : inner_(std::move(value)) {}
  Result(Error error) : inner_(tl::unexpect, std::move(error)) {}
  template <typename U>
    requires(std::is_convertible_v<U, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error> &&
             !std::is_same_v<std::remove_cvref_t<U>, Result>)
  Result(U&& value) : inner_(T(std::forward<U>(value))) {}
  // NOLINTEND(google-explicit-constructor)

  explicit operator bool() const noexcept { return inner_.has_value(); }
  [[nodiscard]] bool ok() const noexcept { return inner_.has_value(); }

  T& value() & { return WEIR_ASSERT(ok()), *inner_; }
  const T& value() const& { return WEIR_ASSERT(ok()), *inner_; }
  T&& value() && { return WEIR_ASSERT(ok()), *std::move(inner_); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() & { return WEIR_ASSERT(!ok()), inner_.error(); }
  const Error& error() const& { return WEIR_ASSERT(!ok()), inner_.error(); }
  Error&& error() && { return WEIR_ASSERT(!ok()), std::move(inner_.error()); }

 private:
  tl::expected<T, Error> inner_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : inner_(tl::unexpect, std::move(error)) {}

  explicit operator bool() const noexcept { return inner_.has_value(); }
  [[nodiscard]] bool ok() const noexcept { return inner_.has_value(); }
  Error& error() & { return WEIR_ASSERT(!ok()), inner_.error(); }
  const Error& error() const& { return WEIR_ASSERT(!ok()), inner_.error(); }
  Error&& error() && { return WEIR_ASSERT(!ok()), std::move(inner_.error()); }

 private:
  tl::expected<void, Error> inner_;
};

// Success of an operation that returns nothing.
inline Result<void> ok() { return {}; }

}  // namespace weir

#define WEIR_CONCAT_INNER(a, b) a##b
#define WEIR_CONCAT(a, b) WEIR_CONCAT_INNER(a, b)

// WEIR_TRY(lhs, expression): lhs = the value, or return the error from the enclosing function.
#define WEIR_TRY(lhs, expression) \
  WEIR_TRY_INNER(WEIR_CONCAT(weir_result_, __LINE__), lhs, expression)
#define WEIR_TRY_INNER(name, lhs, expression)     \
  auto name = (expression);                       \
  if (!name.ok()) return std::move(name).error(); \
  lhs = std::move(name).value()

// WEIR_CHECK(expression): for Result<void>.
#define WEIR_CHECK(expression) WEIR_CHECK_INNER(WEIR_CONCAT(weir_result_, __LINE__), expression)
#define WEIR_CHECK_INNER(name, expression) \
  if (auto name = (expression); !name.ok()) return std::move(name).error()
