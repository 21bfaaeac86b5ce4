#include "filter/session_filters.h"

#include <algorithm>
#include <array>
#include <string>

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
std::string SessionFilters::kernel_expression() const {
  const bool unbounded = filters_.empty() || everything_ != 0 ||
                         std::any_of(filters_.begin(), filters_.end(), [](const Filter& filter) {
                           return filter.programs.scope() == Scope::Innermost;
                         });
  if (unbounded || filters_.size() > kKernelExpressionsMax) return {};
  if (filters_.size() == 1) return std::string(filters_.front().programs.expression());

  std::string joined;
  std::string last;  // what moves what follows goes to the end, where nothing follows
  for (const Filter& filter : filters_) {
    const std::string part = "(" + std::string(filter.programs.expression()) + ")";
    std::string& to = moves_what_follows(part) ? last : joined;
    if (!last.empty() && &to == &last) return {};  // two of them
    to += to.empty() ? part : " or " + part;
  }
  if (!last.empty()) joined += joined.empty() ? last : " or " + last;
  return joined.size() <= kKernelBytesMax ? joined : std::string();
}

}  // namespace weir::filter
