#include "filter/kernel_filter.h"

#include <linux/bpf_common.h>
#include <linux/filter.h>
#include <linux/if_packet.h>

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/assert.h"
#include "base/packet_batch.h"

namespace weir::filter {
namespace {

using namespace cbpf;

constexpr std::uint32_t kTagOffset = 12;  // behind the two MAC addresses
constexpr std::uint32_t kTagBytes = 4;
constexpr std::uint32_t kTagEnd = kTagOffset + kTagBytes;
static_assert(kKernelMetadata == static_cast<std::uint32_t>(SKF_AD_OFF));
static_assert(kKernelPacketType == SKF_AD_PKTTYPE && kKernelVlanTag == SKF_AD_VLAN_TAG);
static_assert(kKernelVlanPresent == SKF_AD_VLAN_TAG_PRESENT && kKernelVlanTpid == SKF_AD_VLAN_TPID);

// Where a frame's outermost tag is while the program runs.
enum class Tag : std::uint8_t { InFrame, Beside };

constexpr CbpfInstruction ret(std::uint32_t bytes) { return {.code = kRet | kK, .k = bytes}; }
constexpr CbpfInstruction load_metadata(std::uint32_t which) {
  return {.code = kLd | kW | kAbs, .k = kKernelMetadata + which};
}

// What one instruction becomes.
struct Expansion {
  std::array<CbpfInstruction, 3> instructions;
  std::size_t count = 0;

  void add(CbpfInstruction in) { instructions[count++] = in; }
};

// Copies a program, instruction by instruction, into what the kernel may run on frames whose tag is
// in `tag`.
class Translation {
 public:
  Translation(std::span<const CbpfInstruction> program, Tag tag, std::uint32_t copied_bytes)
      : program_(program), tag_(tag), copied_bytes_(copied_bytes) {}

  // Nothing when a jump would have to reach farther than 255 instructions.
  std::optional<CbpfProgram> run() {
    for (const CbpfInstruction& in : program_) {
      starts_.push_back(out_.size());
      const Expansion expansion = expand(in);
      for (std::size_t i = 0; i < expansion.count; ++i) out_.push_back(expansion.instructions[i]);
    }
    for (std::size_t i = 0; i < program_.size(); ++i) {
      if ((program_[i].code & 0x07) == kJmp && !aim(i)) return std::nullopt;
    }
    return std::move(out_);
  }

 private:
  Expansion expand(const CbpfInstruction& in) const {
    Expansion out;
    switch (in.code & 0x07) {
      case kRet:
        expand_return(in, out);
        break;
      case kLd:
      case kLdx:
        expand_load(in, out);
        break;
      case kAlu:
        out.add(shifts_by_register(in) ? accept() : in);
        break;
      case kJmp:
        out.add(jumps_back(in) ? accept() : in);
        break;
      default:
        out.add(in);
    }
    return out;
  }

  void expand_return(const CbpfInstruction& in, Expansion& out) const {
    if ((in.code & kA) != 0) {  // of the accumulator: any number but zero accepts
      out.add({.code = kJmp | kJeq, .jt = 0, .jf = 1, .k = 0});
      out.add(ret(0));
      out.add(accept());
    } else {
      out.add(in.k != 0 ? accept() : ret(0));
    }
  }

  void expand_load(const CbpfInstruction& in, Expansion& out) const {
    const std::uint16_t mode = in.code & 0xe0;
    const bool from_frame = mode == kAbs || mode == kInd || mode == kMsh;
    if (from_frame && in.k >= kPacketBytesMax) {
      out.add(ret(0));  // no frame is that long; the kernel takes such offsets for something else
    } else if (tag_ == Tag::InFrame) {
      out.add(in);
    } else if (mode == kLen) {
      expand_length(in, out);
    } else if (from_frame) {
      expand_load_beside_tag(in, out);
    } else {
      out.add(in);
    }
  }

  // The length on the wire, with the tag.
  void expand_length(const CbpfInstruction& in, Expansion& out) const {
    if ((in.code & 0x07) == kLdx) return out.add(accept());  // nothing can be added to X
    out.add(in);
    out.add({.code = kAlu | kAdd, .k = kTagBytes});
  }

  void expand_load_beside_tag(const CbpfInstruction& in, Expansion& out) const {
    const std::uint32_t bytes = bytes_loaded(in);
    const bool at_x = (in.code & 0xe0) == kInd;
    if (in.k >= kTagEnd) {
      CbpfInstruction moved = in;
      moved.k -= kTagBytes;
      out.add(moved);
    } else if (!at_x && in.k + bytes <= kTagOffset) {
      out.add(in);
    } else if (in.code == (kLd | kH | kAbs) && in.k == kTagOffset) {
      out.add(load_metadata(kKernelVlanTpid));
    } else if (in.code == (kLd | kH | kAbs) && in.k == kTagOffset + 2) {
      out.add(load_metadata(kKernelVlanTag));
    } else {
      out.add(accept());
    }
  }

  static bool shifts_by_register(const CbpfInstruction& in) noexcept {
    return in.code == (kAlu | kLsh | kX) || in.code == (kAlu | kRsh | kX);
  }
  static bool jumps_back(const CbpfInstruction& in) noexcept {
    return in.code == (kJmp | kJa) && static_cast<std::int32_t>(in.k) < 0;
  }
  [[nodiscard]] CbpfInstruction accept() const noexcept { return ret(copied_bytes_); }

  // Lets the jump at `at` of the original, now at starts_[at], lead where it led.
  bool aim(std::size_t at) {
    CbpfInstruction& jump = out_[starts_[at]];
    if ((jump.code & 0x07) != kJmp) return true;  // it led back, and has become a return
    const auto distance_to = [&](std::size_t target) { return starts_[target] - starts_[at] - 1; };
    if (jump.code == (kJmp | kJa)) {
      jump.k = static_cast<std::uint32_t>(distance_to(at + 1 + jump.k));
      return true;
    }
    constexpr std::size_t kFarthest = std::numeric_limits<std::uint8_t>::max();
    const std::size_t if_true = distance_to(at + 1 + jump.jt);
    const std::size_t if_false = distance_to(at + 1 + jump.jf);
    if (if_true > kFarthest || if_false > kFarthest) return false;
    jump.jt = static_cast<std::uint8_t>(if_true);
    jump.jf = static_cast<std::uint8_t>(if_false);
    return true;
  }

  std::span<const CbpfInstruction> program_;
  Tag tag_;
  std::uint32_t copied_bytes_;
  CbpfProgram out_;
  std::vector<std::size_t> starts_;  // where each instruction of the original begins in out_
};

void append(CbpfProgram& to, const CbpfProgram& more) {
  to.insert(to.end(), more.begin(), more.end());
}

// Rejects what passes otherwise than asked for.
CbpfProgram passage_check(Passages passages) {
  switch (passages) {
    case Passages::Both:
      return {};
    case Passages::None:
      return {ret(0)};
    case Passages::Arriving:
      return {load_metadata(kKernelPacketType),
              {.code = kJmp | kJeq, .jt = 0, .jf = 1, .k = PACKET_OUTGOING},
              ret(0)};
    case Passages::Leaving:
      return {load_metadata(kKernelPacketType),
              {.code = kJmp | kJeq, .jt = 1, .jf = 0, .k = PACKET_OUTGOING},
              ret(0)};
  }
  return {};
}

// Programs begin with an accumulator of zero.
constexpr CbpfInstruction kClear = {.code = kLd | kImm, .k = 0};

// `beside` runs on frames whose tag is beside, `in_frame` on all others.
CbpfProgram choose_by_tag(const CbpfProgram& beside, const CbpfProgram& in_frame) {
  CbpfProgram out = {load_metadata(kKernelVlanPresent),
                     {.code = kJmp | kJeq, .jt = 1, .jf = 0, .k = 0},
                     {.code = kJmp | kJa, .k = static_cast<std::uint32_t>(1 + in_frame.size())},
                     kClear};
  append(out, in_frame);
  out.push_back(kClear);
  append(out, beside);
  return out;
}

}  // namespace

KernelFilter kernel_filter_for_all(const KernelFilterOptions& options) {
  WEIR_ASSERT(options.copied_bytes != 0);
  KernelFilter filter{.program = passage_check(options.passages), .passage_end = 0};
  filter.passage_end = filter.program.size();
  filter.program.push_back(ret(options.copied_bytes));
  return filter;
}

std::optional<KernelFilter> kernel_filter(std::span<const CbpfInstruction> program,
                                          const KernelFilterOptions& options) {
  WEIR_ASSERT(options.copied_bytes != 0);
  const bool raw = options.link_type == LinkType::Raw;
  if (options.link_type != LinkType::Ethernet && !raw) return std::nullopt;
  const auto in_frame = Translation(program, Tag::InFrame, options.copied_bytes).run();
  if (!in_frame) return std::nullopt;

  KernelFilter filter{.program = passage_check(options.passages), .passage_end = 0};
  filter.passage_end = filter.program.size();
  const auto whole = [&](const CbpfProgram& judges) {
    CbpfProgram all = filter.program;
    append(all, judges);
    return all;
  };
  const CbpfProgram accept_all = {ret(options.copied_bytes)};
  CbpfProgram longest;
  if (raw) {  // no frame header, no tag
    longest = whole({kClear});
    append(longest, *in_frame);
  } else {
    const auto beside = Translation(program, Tag::Beside, options.copied_bytes).run();
    longest = whole(choose_by_tag(beside.value_or(accept_all), *in_frame));
    if (longest.size() > BPF_MAXINSNS) longest = whole(choose_by_tag(accept_all, *in_frame));
  }
  if (longest.size() > BPF_MAXINSNS) return std::nullopt;
  filter.program = std::move(longest);
  return filter;
}

}  // namespace weir::filter
