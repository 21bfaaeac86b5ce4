// The reader behind IndexExpression::parse(): the grammar of pcap-filter(7) as far as it is about
// what an index has keys of.
//
// Two things of the language need care. An id without qualifiers has those of the id before it
// ("host a or b"). And `vlan` moves the offsets at which all that stands behind it in the text
// looks, also where it is no tagged frame that is looked at ("vlan or tcp"): only what is joined to
// a `vlan` by `and` sees tagged frames alone, where it means what it says.
#include <bit>
#include <optional>
#include <utility>

#include "capture/retrieval/expression_words.h"
#include "capture/retrieval/index_expression.h"

namespace weir::capture::retrieval {

using storage::segment::Column;
using storage::segment::IndexKey;
using storage::segment::protocol_key;
using storage::segment::ProtocolClass;
using storage::segment::tenant_key;
using storage::segment::TenantClass;

class IndexExpressionParser {
 public:
  explicit IndexExpressionParser(const std::vector<ExpressionWord>& words) : words_(words) {}

  std::optional<IndexExpression> parse() {
    if (!expression() || at_ != words_.size()) return std::nullopt;
    return std::move(out_);
  }

 private:
  using Kind = IndexExpression::Kind;
  static constexpr std::size_t kNodesMax = 4096;
  static constexpr std::uint32_t kDepthMax = 64;

  enum class Type : std::uint8_t { Default, Host, Net, Port, PortRange, Proto, Other };
  struct Qualifiers {
    bool known = false;
    std::string_view protocol = {};
    Type type = Type::Default;
  };
  // A part of the expression that has been read: the last of the nodes.
  struct Part {
    std::uint32_t node = 0;
    std::uint64_t vlans = 0;  // the `vlan`s that hold where it holds, bit by bit
  };
  using Parsed = std::optional<Part>;
  // All that is put back when a way of reading turns out to be wrong.
  struct Mark {
    std::size_t at;
    std::size_t nodes;
    std::size_t questions;
    Qualifiers qualifiers;
    std::uint32_t vlan_count;
    bool offsets_unknown;
  };

  // --- words

  [[nodiscard]] bool ended(std::size_t ahead = 0) const noexcept {
    return at_ + ahead >= words_.size();
  }
  [[nodiscard]] bool next_is(std::string_view keyword, std::size_t ahead = 0) const noexcept {
    return !ended(ahead) && words_[at_ + ahead].is(keyword);
  }
  bool take(std::string_view keyword) noexcept {
    if (!next_is(keyword)) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] bool next_is_and() const noexcept { return next_is("and") || next_is("&&"); }
  [[nodiscard]] bool next_is_or() const noexcept { return next_is("or") || next_is("||"); }
  // Where an operand of and, or, not may end.
  [[nodiscard]] bool at_border() const noexcept {
    return ended() || next_is_and() || next_is_or() || next_is(")");
  }
  [[nodiscard]] bool next_is_id(std::size_t ahead = 0) const noexcept {
    return !ended(ahead) && !words_[at_ + ahead].is_operator;
  }
  const ExpressionWord& take_word() noexcept { return words_[at_++]; }

  [[nodiscard]] Mark mark() const {
    return {.at = at_,
            .nodes = out_.nodes_.size(),
            .questions = out_.questions_.size(),
            .qualifiers = qualifiers_,
            .vlan_count = vlan_count_,
            .offsets_unknown = offsets_unknown_};
  }
  void back_to(const Mark& mark) {
    at_ = mark.at;
    out_.nodes_.resize(mark.nodes);
    out_.questions_.resize(mark.questions);
    qualifiers_ = mark.qualifiers;
    vlan_count_ = mark.vlan_count;
    offsets_unknown_ = mark.offsets_unknown;
  }

  // --- nodes

  Parsed add(Kind kind, std::uint32_t left = 0, std::uint32_t right = 0, std::uint64_t vlans = 0) {
    if (out_.nodes_.size() == kNodesMax) return std::nullopt;
    out_.nodes_.push_back({.kind = kind, .left = left, .right = right});
    return Part{.node = static_cast<std::uint32_t>(out_.nodes_.size() - 1), .vlans = vlans};
  }
  Parsed unknown() { return add(Kind::Unknown); }
  // The offsets at which libpcap looks here are those of the frame as it is.
  [[nodiscard]] bool offsets_known() const noexcept {
    return !offsets_unknown_ && (seen_vlans() & ~holding_vlans_) == 0;
  }
  [[nodiscard]] std::uint64_t seen_vlans() const noexcept {
    return (std::uint64_t{1} << vlan_count_) - 1;
  }
  Parsed ask(KeyQuestion question) {
    if (!offsets_known() || question.ranges.empty()) return unknown();
    out_.questions_.push_back(std::move(question));
    return add(Kind::Keys, static_cast<std::uint32_t>(out_.questions_.size() - 1));
  }
  Parsed ask_or_unknown(std::optional<KeyQuestion> question) {
    return question ? ask(std::move(*question)) : unknown();
  }

  // --- grammar: and, or are equally strong and join from the left

  bool expression() { return expression_part().has_value(); }
  Parsed expression_part() {
    if (++depth_ > kDepthMax) return std::nullopt;
    Parsed left = operand();
    while (left && (next_is_and() || next_is_or())) {
      const bool both = next_is_and();
      ++at_;
      const std::uint64_t held = holding_vlans_;
      if (both) holding_vlans_ |= left->vlans;
      const Parsed right = operand();
      holding_vlans_ = held;
      if (!right) return std::nullopt;
      left = add(both ? Kind::And : Kind::Or, left->node, right->node,
                 both ? left->vlans | right->vlans : 0);
    }
    --depth_;
    return left;
  }

  Parsed operand() {
    bool negated = false;
    while (take("!") || take("not")) negated = !negated;
    const Parsed part = next_is("(") ? in_parentheses() : primitive();
    if (!part || !negated) return part;
    return add(Kind::Not, part->node);
  }

  // "(a or b)", or the beginning of "(tcp[12] & 0xf0) > 80".
  Parsed in_parentheses() {
    const Mark before = mark();
    const std::uint32_t depth = depth_;
    const std::uint64_t held = holding_vlans_;
    const std::uint32_t heads = heads_;
    ++at_;
    const Parsed inside = expression_part();
    if (inside && take(")") && at_border()) {
      // What is inherited behind it depends on what stood before it.
      if (heads_ != heads) qualifiers_ = {};
      return inside;
    }
    back_to(before);
    depth_ = depth;
    holding_vlans_ = held;
    return relation();
  }

  // Arithmetic and a comparison. Of what it looks at first, libpcap asks that it be there.
  Parsed relation() {
    std::optional<KeyQuestion> question;
    if (next_is_id() && next_is("[", 1) && !words_[at_].escaped) {
      question = protocol_question(words_[at_].text);
    }
    std::uint32_t open = 0;
    const std::size_t begin = at_;
    for (; !ended(); ++at_) {
      if (open == 0 && at_border()) break;
      if (next_is("(") || next_is("[")) ++open;
      if (next_is(")") || next_is("]")) {
        if (open == 0) return std::nullopt;
        --open;
      }
    }
    if (open != 0 || at_ == begin) return std::nullopt;
    return ask_or_unknown(std::move(question));
  }

  Parsed primitive() {
    if (!next_is_id()) return relation();
    const ExpressionWord& word = words_[at_];
    if (!ended(1) && words_[at_ + 1].is_operator && !next_is("(", 1) && !next_is(")", 1) &&
        !next_is("&&", 1) && !next_is("||", 1) && !next_is("!", 1) && !next_is("/", 1)) {
      return relation();
    }
    if (word.escaped) return id();
    if (Parsed moved; moves_offsets(moved)) return moved;
    if (take("less") || take("greater")) {
      if (!next_is_id()) return std::nullopt;
      ++at_;
      qualifiers_ = {};
      return unknown();
    }
    if (take("broadcast") || take("multicast") || take("inbound") || take("outbound")) {
      qualifiers_ = {};
      return unknown();
    }
    return qualified();
  }

  // vlan, mpls, pppoes, geneve: with a number or without.
  bool moves_offsets(Parsed& part) {
    const bool vlan = next_is("vlan");
    if (!vlan && !next_is("mpls") && !next_is("pppoes") && !next_is("pppoed") &&
        !next_is("geneve") && !next_is("vxlan")) {
      return false;
    }
    ++at_;
    qualifiers_ = {};
    std::optional<std::uint32_t> number;
    bool numbered = false;
    if (next_is_id() && !at_border()) {
      numbered = true;
      number = number_of(take_word().text, 0xfff);
    }
    // A sum of ids is no question either.
    if (!at_border()) return true;
    if (!vlan || vlan_count_ == 63) {
      offsets_unknown_ = true;
      part = unknown();
      return true;
    }
    const std::uint64_t first = number.value_or(0);
    const std::uint64_t last = number.value_or(0xfff);
    part = numbered && !number ? unknown()
                               : ask({.column = Column::Tenants,
                                      .ranges = {{{.low = tenant_key(TenantClass::Vlan, first)},
                                                  {.low = tenant_key(TenantClass::Vlan, last)}}}});
    if (part) part->vlans = std::uint64_t{1} << vlan_count_;
    ++vlan_count_;
    return true;
  }

  // [protocol] [direction] [type] id, or a protocol alone.
  Parsed qualified() {
    const std::size_t begin = at_;
    Qualifiers found{.known = true};
    if (names_protocol(words_[at_].text)) found.protocol = take_word().text;
    if (!found.protocol.empty() && at_border()) {
      qualifiers_ = {};
      return ask_or_unknown(protocol_question(found.protocol));
    }
    if (take("broadcast") || take("multicast")) {
      qualifiers_ = {};
      return unknown();
    }
    const bool directed = direction();
    const bool typed = type(found.type);
    if (at_ == begin) return id();
    // "tcp 80" is no sentence.
    if (!directed && !typed) return std::nullopt;
    ++heads_;
    qualifiers_ = found;
    if (next_is("(")) return ids_in_parentheses();
    return operand_id();
  }
  Parsed ids_in_parentheses() {
    const Qualifiers outside = qualifiers_;
    ++at_;
    const Parsed inside = expression_part();
    if (!inside || !take(")")) return std::nullopt;
    qualifiers_ = outside;
    return inside;
  }
  // "host not a"
  Parsed operand_id() {
    bool negated = false;
    while (take("!") || take("not")) negated = !negated;
    const Parsed part = id();
    return part && negated ? add(Kind::Not, part->node) : part;
  }

  bool direction() {
    if (!next_is("src") && !next_is("dst")) return false;
    const bool source = next_is("src");
    ++at_;
    if ((next_is_or() || next_is_and()) && next_is(source ? "dst" : "src", 1)) at_ += 2;
    return true;
  }
  bool type(Type& out) {
    struct Named {
      std::string_view word;
      Type type;
    };
    static constexpr Named kTypes[] = {{"host", Type::Host},           {"net", Type::Net},
                                       {"port", Type::Port},           {"proto", Type::Proto},
                                       {"portrange", Type::PortRange}, {"protochain", Type::Other},
                                       {"gateway", Type::Other}};
    for (const Named& named : kTypes) {
      if (!take(named.word)) continue;
      out = named.type;
      return true;
    }
    return false;
  }

  // A value, with the qualifiers that are in force.
  Parsed id() {
    if (!next_is_id()) return std::nullopt;
    const ExpressionWord word = take_word();
    std::optional<ExpressionWord> length;
    std::optional<ExpressionWord> mask;
    if (take("/")) {
      if (!next_is_id()) return std::nullopt;
      length = take_word();
    } else if (take("mask")) {
      if (!next_is_id()) return std::nullopt;
      mask = take_word();
    }
    if (!at_border()) return std::nullopt;
    if (!qualifiers_.known) return unknown();
    switch (qualifiers_.type) {
      case Type::Default:
      case Type::Host:
      case Type::Net:
        return ask_or_unknown(address(word, length, mask));
      case Type::Port:
      case Type::PortRange:
        return ask_or_unknown(length || mask ? std::nullopt : ports(word.text));
      case Type::Proto:
        return ask_or_unknown(length || mask ? std::nullopt : protocol(word));
      case Type::Other:
        break;
    }
    return unknown();
  }

  // --- values

  [[nodiscard]] bool protocol_is(std::string_view one, std::string_view other) const noexcept {
    return qualifiers_.protocol.empty() || qualifiers_.protocol == one ||
           qualifiers_.protocol == other;
  }

  [[nodiscard]] std::optional<KeyQuestion> address(
      const ExpressionWord& word, const std::optional<ExpressionWord>& length,
      const std::optional<ExpressionWord>& mask) const {
    if (word.text.find(':') != std::string_view::npos) {
      const auto prefix = length ? number_of(length->text, 128) : std::optional<std::uint32_t>(128);
      if (!prefix || *prefix == 0 || mask || !protocol_is("ip6", "ip6")) return std::nullopt;
      const auto range = ipv6_range(word.text, *prefix);
      if (!range) return std::nullopt;
      return KeyQuestion{.column = Column::Ipv6, .ranges = {*range}};
    }
    const auto found = dotted_address(word.text);
    if (!found || !protocol_is("ip", "arp")) return std::nullopt;
    // A number alone is a net by its leading bytes, but a host by all of it.
    if (found->octets == 1 && (qualifiers_.type != Type::Net || found->address == 0 || length)) {
      return std::nullopt;
    }
    std::uint32_t prefix = found->octets * 8;
    if (length) {
      const auto number = number_of(length->text, 32);
      if (!number) return std::nullopt;
      prefix = *number;
    }
    if (mask) {
      const auto bits = dotted_address(mask->text);
      if (!bits || bits->octets != 4) return std::nullopt;
      prefix = static_cast<std::uint32_t>(std::countl_one(bits->address));
      if (std::popcount(bits->address) != static_cast<int>(prefix)) return std::nullopt;
    }
    // For a net of all addresses libpcap takes packets without any, too.
    if (prefix == 0) return std::nullopt;
    return KeyQuestion{.column = Column::Ipv4, .ranges = {ipv4_range(found->address, prefix)}};
  }

  [[nodiscard]] std::optional<KeyQuestion> ports(std::string_view text) const {
    struct Class {
      std::string_view protocol;
      ProtocolClass which;
    };
    static constexpr Class kClasses[] = {{"tcp", ProtocolClass::TcpPort},
                                         {"udp", ProtocolClass::UdpPort},
                                         {"sctp", ProtocolClass::SctpPort}};
    KeyQuestion question{.column = Column::Protocols, .ranges = {}};
    // Which of its hyphens parts the names of a range?
    if (qualifiers_.type == Type::PortRange &&
        text.find_first_not_of("0123456789-") != std::string_view::npos) {
      return std::nullopt;
    }
    const std::vector<PortRange> ranges = ports_of(text);
    for (const Class& one : kClasses) {
      if (!protocol_is(one.protocol, one.protocol)) continue;
      for (const PortRange& range : ranges) {
        question.ranges.push_back({.low = {.low = protocol_key(one.which, range.low)},
                                   .high = {.low = protocol_key(one.which, range.high)}});
      }
    }
    if (question.ranges.empty()) return std::nullopt;
    return question;
  }

  [[nodiscard]] std::optional<KeyQuestion> protocol(const ExpressionWord& word) const {
    if (!protocol_is("ip", "ip6")) return std::nullopt;
    const auto number = ip_protocol_of(word);
    if (!number) return std::nullopt;
    const IndexKey key{.low = protocol_key(ProtocolClass::IpProtocol, *number)};
    return KeyQuestion{.column = Column::Protocols, .ranges = {{key, key}}};
  }

  const std::vector<ExpressionWord>& words_;
  std::size_t at_ = 0;
  IndexExpression out_ = empty();
  Qualifiers qualifiers_;
  std::uint32_t heads_ = 0;  // that were read
  std::uint32_t depth_ = 0;
  std::uint32_t vlan_count_ = 0;     // that were read
  std::uint64_t holding_vlans_ = 0;  // those that hold where this part is looked at
  bool offsets_unknown_ = false;

  static IndexExpression empty() {
    IndexExpression expression;
    expression.nodes_.clear();
    return expression;
  }
};

IndexExpression IndexExpression::parse(std::string_view text) {
  const auto words = split_expression(text);
  if (words && words->empty()) return {};
  std::optional<IndexExpression> parsed;
  if (words) parsed = IndexExpressionParser(*words).parse();
  if (parsed) return std::move(*parsed);
  IndexExpression unknown;
  unknown.nodes_ = {{.kind = Kind::Unknown}};
  return unknown;
}

}  // namespace weir::capture::retrieval
