#include "filter/session_filters.h"

#include <algorithm>
#include <array>
#include <string>
#include <variant>

#include "filter/cbpf.h"
#include "filter/pcap_compiler.h"

namespace weir::filter {
namespace {

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
  return ok();
}

void SessionFilters::evaluate(const PacketBatch& batch, const HeadersArray& headers,
                              Verdicts& verdicts) const noexcept {
  std::fill_n(verdicts.wanted.begin(), batch.count, everything_);
  for (const Filter& filter : filters_) {
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
