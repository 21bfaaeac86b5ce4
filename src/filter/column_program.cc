#include "filter/column_program.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/bytes.h"

namespace weir::filter {
namespace {

// A load at a constant place, alone or with its test.
constexpr bool loads_constant_place(Operation operation) noexcept {
  return operation <= Operation::LoadWordIfAnyBit;
}
constexpr Load load_of(Operation operation) noexcept {
  return static_cast<Load>(static_cast<std::uint8_t>(operation) / kTests);
}
constexpr Test test_of(Operation operation) noexcept {
  switch (operation) {
    case Operation::JumpIfEqual:
      return Test::Equal;
    case Operation::JumpIfGreater:
      return Test::Greater;
    case Operation::JumpIfNotLess:
      return Test::NotLess;
    case Operation::JumpIfAnyBit:
      return Test::AnyBit;
    default:
      return static_cast<Test>(static_cast<std::uint8_t>(operation) % kTests);
  }
}
constexpr bool tests_accumulator(Operation operation) noexcept {
  return operation >= Operation::JumpIfEqual && operation <= Operation::JumpIfAnyBit;
}
static_assert(fused(Load::Word, Test::AnyBit) == Operation::LoadWordIfAnyBit);

template <typename T>
std::uint32_t value_at(const std::uint8_t* at) noexcept {
  if constexpr (sizeof(T) == 1) {
    return *at;
  } else {
    return byte_swap(unchecked_load<T>(at));
  }
}

template <typename T, typename Holds>
std::uint64_t bits(std::span<const std::uint8_t* const> frames, std::uint32_t offset,
                   Holds&& holds) noexcept {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    bits |= std::uint64_t{holds(value_at<T>(frames[i] + offset))} << i;
  }
  return bits;
}

template <typename T>
std::uint64_t bits_of(Test test, std::span<const std::uint8_t* const> frames, std::uint32_t offset,
                      std::uint32_t mask, std::uint32_t k) noexcept {
  switch (test) {
    case Test::Equal:
      return bits<T>(frames, offset, [=](std::uint32_t value) { return (value & mask) == k; });
    case Test::Greater:
      return bits<T>(frames, offset, [=](std::uint32_t value) { return (value & mask) > k; });
    case Test::NotLess:
      return bits<T>(frames, offset, [=](std::uint32_t value) { return (value & mask) >= k; });
    default:
      return bits<T>(frames, offset, [=](std::uint32_t value) { return (value & mask & k) != 0; });
  }
}

}  // namespace

// Walks the operations in their order, which no jump but JumpBack goes against, and carries along
// what the accumulator holds.
class ColumnProgram::Maker {
 public:
  explicit Maker(const Program& program)
      : ops_(program.operations()),
        tables_(program.tables()),
        reached_(ops_.size()),
        number_(ops_.size()) {}

  std::optional<ColumnProgram> make() {
    reached_[0] = {.from_somewhere = true, .held = std::nullopt};
    for (std::size_t at = 0; at < ops_.size(); ++at) {
      if (reached_[at].from_somewhere && !visit(at)) return std::nullopt;
    }
    if (tests_.size() > kTestsMax) return std::nullopt;
    ColumnProgram program;
    for (const auto& [at, test] : tests_) {
      program.tests_.push_back(test);
      program.tests_.back().yes = successor(at + static_cast<std::size_t>(ops_[at].jt));
      program.tests_.back().no = successor(at + static_cast<std::size_t>(ops_[at].jf));
    }
    program.first_ = successor(0);
    return program;
  }

 private:
  struct Reached {
    bool from_somewhere = false;
    std::optional<Place> held;  // nothing: no load, or it depends on the way
  };

  // False: not what this is for.
  bool visit(std::size_t at) {
    const Op& op = ops_[at];
    std::optional<Place> held = reached_[at].held;
    const bool loads = loads_constant_place(op.operation);
    if (loads) held = Place{.offset = op.offset, .mask = op.mask, .load = load_of(op.operation)};
    if (op.operation == Operation::Return) return true;
    if (op.operation == Operation::Jump) return reach(at, op.jt, held);
    if (loads && test_of(op.operation) == Test::None) return reach(at, 1, held);
    const bool any = op.operation == Operation::JumpIfAny;
    if ((!loads && !any && !tests_accumulator(op.operation)) || !held) return false;
    PlaceTest test{.place = *held, .test = test_of(op.operation), .any = any, .k = {op.k}};
    if (any) {
      const std::span<const std::uint32_t> list = tables_.subspan(op.k, op.offset);
      if (list.empty() || list.size() > test.k.size()) return false;
      test.k.fill(list[0]);
      std::copy(list.begin(), list.end(), test.k.begin());
    }
    number_[at] = static_cast<std::uint8_t>(tests_.size());
    tests_.emplace_back(at, test);
    return tests_.size() <= kTestsMax && reach(at, op.jt, held) && reach(at, op.jf, held);
  }

  bool reach(std::size_t from, std::int32_t distance, const std::optional<Place>& held) {
    if (distance <= 0) return false;
    Reached& there = reached_[from + static_cast<std::size_t>(distance)];
    if (there.from_somewhere && there.held != held) there.held = std::nullopt;
    if (!there.from_somewhere) there = {.from_somewhere = true, .held = held};
    return true;
  }

  // Where a way that goes on at `at` comes to a test, or ends.
  std::uint8_t successor(std::size_t at) const {
    for (;;) {
      const Op& op = ops_[at];
      if (op.operation == Operation::Return) return op.k != 0 ? kAccept : kReject;
      if (op.operation == Operation::Jump) {
        at += static_cast<std::size_t>(op.jt);
      } else if (loads_constant_place(op.operation) && test_of(op.operation) == Test::None) {
        ++at;
      } else {
        return number_[at];
      }
    }
  }

  std::span<const Op> ops_;
  std::span<const std::uint32_t> tables_;
  std::vector<Reached> reached_;
  std::vector<std::uint8_t> number_;  // of the test at an operation
  std::vector<std::pair<std::size_t, PlaceTest>> tests_;
};

std::optional<ColumnProgram> ColumnProgram::make(const Program& program,
                                                 std::uint32_t frame_bytes) {
  if (program.constant_bytes() > frame_bytes) return std::nullopt;
  return Maker(program).make();
}

template <typename T>
std::uint64_t ColumnProgram::holds(const PlaceTest& test,
                                   std::span<const std::uint8_t* const> frames) noexcept {
  const Place& place = test.place;
  if (!test.any) return bits_of<T>(test.test, frames, place.offset, place.mask, test.k[0]);
  const auto [a, b, c, d] = test.k;
  return bits<T>(frames, place.offset, [=, mask = place.mask](std::uint32_t value) {
    const std::uint32_t is = value & mask;
    return static_cast<bool>(static_cast<unsigned>(is == a) | static_cast<unsigned>(is == b) |
                             static_cast<unsigned>(is == c) | static_cast<unsigned>(is == d));
  });
}

std::uint64_t ColumnProgram::holds(const PlaceTest& test,
                                   std::span<const std::uint8_t* const> frames) noexcept {
  switch (test.place.load) {
    case Load::Byte:
      return holds<std::uint8_t>(test, frames);
    case Load::Half:
      return holds<std::uint16_t>(test, frames);
    default:
      return holds<std::uint32_t>(test, frames);
  }
}

std::uint64_t ColumnProgram::run(std::span<const std::uint8_t* const> frames) const noexcept {
  WEIR_DEBUG_ASSERT(frames.size() <= kFramesMax);
  if (frames.empty()) return 0;
  // Which frames come to each test, and to the two ends.
  std::array<std::uint64_t, kTestsMax + 2> come{};
  come[first_] = ~std::uint64_t{0} >> (kFramesMax - frames.size());
  for (std::size_t i = 0; i < tests_.size(); ++i) {
    if (come[i] == 0) continue;
    const std::uint64_t yes = holds(tests_[i], frames);
    come[tests_[i].yes] |= come[i] & yes;
    come[tests_[i].no] |= come[i] & ~yes;
  }
  return come[kAccept];
}

}  // namespace weir::filter
