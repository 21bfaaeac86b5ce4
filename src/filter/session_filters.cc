#include "filter/session_filters.h"

#include <algorithm>
#include <array>
#include <bit>
#include <string>
#include <variant>

#include "base/assert.h"
#include "base/bytes.h"
#include "filter/cbpf.h"
#include "filter/pcap_compiler.h"
#include "filter/specialise.h"

namespace weir::filter {
namespace {

constexpr std::uint32_t kTypeOffset = 12;
constexpr std::uint32_t kTagBytes = 4;
constexpr std::uint16_t kVlanType = 0x8100;
constexpr std::uint16_t kIpv4Type = 0x0800;
constexpr std::uint16_t kIpv6Type = 0x86dd;
constexpr std::uint16_t kArpType = 0x0806;

// What frames of a shape have in common, but for the tag. IPv4 without options; not a later
// fragment.
struct Kind {
  std::uint16_t type;
  std::uint8_t protocol;  // not for ARP
  std::uint32_t bytes;    // of frame, at least, without a tag

  [[nodiscard]] bool holds(const std::uint8_t* ip) const noexcept {
    if (type == kIpv4Type) {
      return ip[0] == 0x45 && ip[9] == protocol && (load_be16(ip + 6) & 0x1fff) == 0;
    }
    return type == kArpType || ip[6] == protocol;
  }
  // The same as what holds() looks at.
  [[nodiscard]] KnownFrame known(bool tagged) const noexcept {
    KnownFrame out;
    out.bytes = bytes + (tagged ? kTagBytes : 0);
    std::uint32_t at = kTypeOffset;
    const auto know_type = [&](std::uint16_t number) {
      out.know(at, static_cast<std::uint8_t>(number >> 8));
      out.know(at + 1, static_cast<std::uint8_t>(number));
    };
    if (tagged) {
      know_type(kVlanType);
      at += kTagBytes;
    }
    know_type(type);
    at += 2;
    if (type == kIpv4Type) {
      out.know(at, 0x45);
      out.know(at + 6, 0, 0x1f);
      out.know(at + 7, 0);
      out.know(at + 9, protocol);
    } else if (type == kIpv6Type) {
      out.know(at + 6, protocol);
    }
    return out;
  }
};
constexpr std::array<Kind, 5> kKinds = {Kind{kIpv4Type, 6, 54}, Kind{kIpv4Type, 17, 42},
                                        Kind{kIpv6Type, 6, 74}, Kind{kIpv6Type, 17, 62},
                                        Kind{kArpType, 0, 42}};
constexpr std::uint32_t kShapedBytesMin = 42;  // whatever shape_of() reads is within

// libpcap reads what follows one of these words as if the packet had that header: in a union
// everything behind it would mean something else.
bool moves_what_follows(std::string_view expression) {
  constexpr std::array kWords = {"vlan", "mpls", "pppoe", "geneve", "vxlan"};
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view word) {
    return expression.find(word) != std::string_view::npos;
  });
}

// How far into a frame expressions look, on Ethernet; on raw IP, the other link type for which the
// kernel filters, they look less far.
class Reach {
 public:
  // False when that cannot be told.
  bool extend(const std::string& expression) {
    const auto compiled = compile(expression, LinkType::Ethernet);
    const auto* program = std::get_if<CbpfProgram>(&compiled);
    return program != nullptr && std::all_of(program->begin(), program->end(),
                                             [&](const CbpfInstruction& in) { return extend(in); });
  }

  [[nodiscard]] std::string frames_too_short() const {
    std::string text = "(less " + std::to_string(bytes_ - 1) + ")";
    if (behind_ip_header_ != 0) {
      text += " or (ip and ((ip[0] & 15) << 2) + " + std::to_string(behind_ip_header_) + " > len)";
    }
    return text;
  }

 private:
  static constexpr std::uint32_t kIpHeader = 14;  // behind an Ethernet header
  static constexpr std::uint32_t kFarthest = 65'535;

  bool extend(const CbpfInstruction& in) {
    using namespace cbpf;
    const std::uint16_t load_class = in.code & 0x07;
    const std::uint16_t mode = in.code & 0xe0;
    if (in.code == (kMisc | kTax)) return false;
    if (load_class != kLd && load_class != kLdx) return true;
    if (load_class == kLdx && (mode != kMsh || in.k != kIpHeader)) return false;  // what X is
    if ((mode == kAbs || mode == kInd || mode == kMsh) && in.k > kFarthest) return false;
    if (mode == kAbs || mode == kMsh) bytes_ = std::max(bytes_, in.k + bytes_loaded(in));
    if (mode == kInd) behind_ip_header_ = std::max(behind_ip_header_, in.k + bytes_loaded(in));
    return true;
  }

  std::uint32_t bytes_ = kIpHeader + 1;  // the guard itself looks at the first byte of IP
  std::uint32_t behind_ip_header_ = 0;   // with the length of the IP header left out
};

}  // namespace

Result<void> SessionFilters::add(std::uint32_t bit, std::string_view expression, Scope scope) {
  const auto refused = [&](ErrorCode code, const char* why) {
    return Error{.code = code, .context = "filter of session " + std::to_string(bit) + ": " + why};
  };
  if (bit >= kSessionsMax) return refused(ErrorCode::Internal, "there are 64 at most");
  const SessionMask session = SessionMask{1} << bit;
  if ((sessions_ & session) != 0) return refused(ErrorCode::Exists, "has been added before");
  sessions_ |= session;
  if (expression.empty()) {
    everything_ |= session;
    return ok();
  }
  const auto same = std::find_if(filters_.begin(), filters_.end(), [&](const Filter& filter) {
    return filter.programs.expression() == expression && filter.programs.scope() == scope;
  });
  if (same != filters_.end()) {
    same->sessions |= session;
  } else {
    filters_.push_back(
        {.sessions = session, .programs = LinkPrograms(std::string(expression), scope)});
  }
  return ok();
}

Result<void> SessionFilters::prepare(LinkType link_type) {
  Error error{.code = ErrorCode::BadFilter, .context = {}};
  for (Filter& filter : filters_) {
    if (const auto prepared = filter.programs.prepare(link_type); !prepared) {
      error.context += error.context.empty() ? "" : "\n";
      error.context += prepared.error().context;
    }
  }
  if (!error.context.empty()) return error;
  if (link_type == LinkType::Ethernet) shape_filters();
  return ok();
}

std::size_t SessionFilters::shape_of(const Packet& packet) noexcept {
  if (packet.link_type != LinkType::Ethernet || packet.captured_bytes < kShapedBytesMin) return 0;
  const std::uint8_t* at = packet.data + kTypeOffset;
  std::uint16_t type = load_be16(at);
  const bool tagged = type == kVlanType;
  if (tagged) type = load_be16(at += kTagBytes);
  const std::uint8_t* ip = at + 2;
  for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
    if (type != kKinds[kind].type) continue;
    const std::uint32_t bytes = kKinds[kind].bytes + (tagged ? kTagBytes : 0);
    if (kKinds[kind].holds(ip) && packet.captured_bytes >= bytes) {
      return 1 + kind + (tagged ? kKinds.size() : 0);
    }
  }
  return 0;
}

// Compiles again: programs as they came from libpcap are kept nowhere.
void SessionFilters::shape_filters() {
  static_assert(kShapes == 1 + 2 * kKinds.size());
  if (has_shapes_) return;
  has_shapes_ = true;
  for (const Filter& filter : filters_) {
    if (filter.programs.scope() != Scope::Frame) continue;
    const auto compiled = compile(std::string(filter.programs.expression()), LinkType::Ethernet);
    const auto& program = std::get<CbpfProgram>(compiled);
    for (std::size_t i = 1; i < kShapes; ++i) {
      const bool tagged = i > kKinds.size();
      const Kind& kind = kKinds[(i - 1) % kKinds.size()];
      const CbpfProgram rest = specialise(program, kind.known(tagged));
      if (rest[0].code == (cbpf::kRet | cbpf::kK)) {
        shapes_[i].accepted |= rest[0].k != 0 ? filter.sessions : 0;
      } else {
        Program compiled_rest = Program::create(rest).value();
        const std::uint32_t bytes = kind.bytes + (tagged ? kTagBytes : 0);
        auto columns = ColumnProgram::make(compiled_rest, bytes);
        shapes_[i].rests.push_back({.sessions = filter.sessions,
                                    .program = std::move(compiled_rest),
                                    .columns = std::move(columns)});
      }
    }
  }
}

void SessionFilters::evaluate_shape(const Shape& shape, const PacketBatch& batch,
                                    std::span<const std::uint8_t> places,
                                    Verdicts& verdicts) const noexcept {
  std::array<const std::uint8_t*, kBatchPacketsMax> frames;  // NOLINT(*-member-init)
  for (std::size_t k = 0; k < places.size(); ++k) {
    verdicts.wanted[places[k]] |= shape.accepted;
    frames[k] = batch.packets[places[k]].data;
  }
  for (const Rest& rest : shape.rests) {
    if (rest.columns) {
      evaluate_columns(rest, {frames.data(), places.size()}, places, verdicts);
      continue;
    }
    for (const std::uint8_t i : places) {
      const Packet& packet = batch.packets[i];
      const bool match = rest.program.run(packet.frame(), packet.wire_bytes) != 0;
      verdicts.wanted[i] |= match ? rest.sessions : 0;
    }
  }
}

void SessionFilters::evaluate_columns(const Rest& rest, std::span<const std::uint8_t* const> frames,
                                      std::span<const std::uint8_t> places,
                                      Verdicts& verdicts) noexcept {
  for (std::size_t begin = 0; begin < frames.size(); begin += ColumnProgram::kFramesMax) {
    const std::size_t count = std::min(frames.size() - begin, ColumnProgram::kFramesMax);
    std::uint64_t accepted = rest.columns->run(frames.subspan(begin, count));
    for (; accepted != 0; accepted &= accepted - 1) {
      const auto k = static_cast<std::size_t>(std::countr_zero(accepted));
      verdicts.wanted[places[begin + k]] |= rest.sessions;
    }
  }
}

void SessionFilters::evaluate_others(const PacketBatch& batch, const HeadersArray& headers,
                                     std::span<const std::uint8_t> places,
                                     Verdicts& verdicts) const noexcept {
  for (const Filter& filter : filters_) {
    if (filter.programs.scope() != Scope::Frame) continue;
    for (const std::uint8_t i : places) {
      const bool match = filter.programs.matches(batch.packets[i], headers[i]);
      verdicts.wanted[i] |= match ? filter.sessions : 0;
    }
  }
}

void SessionFilters::evaluate(const PacketBatch& batch, const HeadersArray& headers,
                              Verdicts& verdicts) const noexcept {
  std::fill_n(verdicts.wanted.begin(), batch.count, everything_);
  if (filters_.empty()) return;
  std::array<std::uint32_t, kShapes> counts{};
  std::array<Places, kShapes> places;  // NOLINT(*-member-init)
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    const std::size_t shape = shape_of(batch.packets[i]);
    places[shape][counts[shape]++] = static_cast<std::uint8_t>(i);
  }
  evaluate_others(batch, headers, {places[0].data(), counts[0]}, verdicts);
  for (std::size_t shape = 1; shape < kShapes; ++shape) {
    if (counts[shape] == 0) continue;
    WEIR_ASSERT(has_shapes_);  // prepare() has been called for Ethernet
    evaluate_shape(shapes_[shape], batch, {places[shape].data(), counts[shape]}, verdicts);
  }
  for (const Filter& filter : filters_) {
    if (filter.programs.scope() == Scope::Frame) continue;
    (void)filter.programs.add_sessions(batch, headers, filter.sessions, verdicts);
  }
}

// Parentheses are enough around each: one that compiles alone has balanced ones, pcap-filter knows
// no comments, and libpcap refuses one that begins with a bare name or number, which would take
// over what was said of the one before ("port 53 or 443").
//
// A load outside the frame ends a program at once, the others of a union unheard: so the union
// begins with the frames in which one of its loads may fail.
std::string SessionFilters::kernel_expression() const {
  const bool unbounded = filters_.empty() || everything_ != 0 ||
                         std::any_of(filters_.begin(), filters_.end(), [](const Filter& filter) {
                           return filter.programs.scope() == Scope::Innermost;
                         });
  if (unbounded || filters_.size() > kKernelExpressionsMax) return {};
  if (filters_.size() == 1) return std::string(filters_.front().programs.expression());

  std::string joined;
  std::string last;  // what moves what follows goes to the end, where nothing follows
  Reach reach;
  for (const Filter& filter : filters_) {
    const std::string expression(filter.programs.expression());
    if (moves_what_follows(expression)) {
      if (!last.empty()) return {};
      last = " or (" + expression + ")";
    } else {
      if (!reach.extend(expression)) return {};
      joined += " or (" + expression + ")";
    }
  }
  joined = reach.frames_too_short() + joined + last;
  return joined.size() <= kKernelBytesMax ? joined : std::string();
}

}  // namespace weir::filter
