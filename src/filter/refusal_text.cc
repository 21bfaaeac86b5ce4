#include "filter/refusal_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <variant>
#include <vector>

#include "filter/pcap_compiler.h"

namespace weir::filter {
namespace {

struct Word {
  std::size_t begin;
  std::size_t end;
};

bool in_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == ':' ||
         c == '-' || c == '\\' || c == '$';
}

// Names, numbers and addresses as one word each, any other character by itself. Not libpcap's
// scanner, but its words begin where a person would look.
std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> words;
  for (std::size_t i = 0; i < text.size();) {
    if (std::isspace(static_cast<unsigned char>(text[i])) != 0) {
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    while (in_name(text[i]) && end < text.size() && in_name(text[end])) ++end;
    words.push_back({i, end});
    i = end;
  }
  return words;
}

std::string refusal_of(const std::string& expression, LinkType link_type) {
  const auto compiled = compile(expression, link_type);
  const auto* refusal = std::get_if<Refusal>(&compiled);
  return refusal == nullptr ? std::string() : refusal->message;
}

// The first of `words` for which `bad` holds of the expression up to its end; bad() stays true once
// it is.
template <typename Predicate>
std::size_t first_bad(const std::vector<Word>& words, Predicate bad) {
  const auto found =
      std::partition_point(words.begin(), words.end(), [&](const Word& w) { return !bad(w.end); });
  return static_cast<std::size_t>(found - words.begin());
}

// libpcap's parser asks for the next token only when it has taken the one before, and its scanner
// refuses a number of more than 32 bits by a message of its own. So the expression up to a word,
// with such a number after it, tells whether the parser can live with that word.
std::optional<std::size_t> syntax_error_position(std::string_view expression, LinkType link_type) {
  constexpr std::string_view kProbe = " 99999999999";
  constexpr std::string_view kProbeMessage = "overflows 32 bits";
  const auto parser_refuses = [&](std::size_t end) {
    const std::string message =
        refusal_of(std::string(expression.substr(0, end)) += kProbe, link_type);
    return message.find(kProbeMessage) == std::string::npos;
  };
  if (parser_refuses(0)) return std::nullopt;  // a libpcap that works in another way
  const std::vector<Word> words = words_of(expression);
  const std::size_t bad = first_bad(words, parser_refuses);
  return bad < words.size() ? words[bad].begin : expression.size();
}

// What the message names: in quotes, or as the subject of the phrases that libpcap uses without.
std::string_view named_in(std::string_view message) {
  for (const char quote : {'\'', '"'}) {
    const std::size_t open = message.find(quote);
    const std::size_t close = open == std::string_view::npos ? open : message.find(quote, open + 1);
    if (close != std::string_view::npos) return message.substr(open + 1, close - open - 1);
  }
  constexpr std::array<std::string_view, 6> kBefore = {
      "illegal port number ", "bogus ethernet address ", "VLAN tag ",
      "MPLS label ",          "PPPoE session number ",   "number "};
  for (const std::string_view phrase : kBefore) {
    const std::size_t at = message.find(phrase);
    if (at == std::string_view::npos) continue;
    const std::string_view rest = message.substr(at + phrase.size());
    return rest.substr(0, rest.find(' '));
  }
  return {};
}

std::optional<std::size_t> find_name(std::string_view expression, std::string_view name,
                                     bool last) {
  if (name.empty()) return std::nullopt;
  std::optional<std::size_t> found;
  for (std::size_t at = expression.find(name); at != std::string_view::npos;
       at = expression.find(name, at + 1)) {
    const bool begins = at == 0 || !in_name(expression[at - 1]);
    if (!begins) continue;
    if (!last) return at;
    found = at;
  }
  return found;
}

bool starts_with_any(std::string_view text, std::span<const std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view p) { return text.starts_with(p); });
}

}  // namespace

std::optional<std::size_t> refused_position(std::string_view expression, LinkType link_type,
                                            std::string_view message) {
  // About the program as a whole: found after parsing.
  constexpr std::array<std::string_view, 9> kWhole = {"expression rejects all packets",
                                                      "division by zero",
                                                      "modulus by zero",
                                                      "shift by more than",
                                                      "filter is too complex",
                                                      "too many registers",
                                                      "out of memory",
                                                      "the expression contains",
                                                      "snaplen of 0"};
  // What compiling parts again would look up again, with a resolver's patience.
  constexpr std::array<std::string_view, 3> kLookedUp = {"unknown host", "unknown network",
                                                         "unknown ether host"};
  if (starts_with_any(message, kWhole)) return std::nullopt;
  if (starts_with_any(message, kLookedUp))
    return find_name(expression, named_in(message), /*last=*/false);
  if (message.find("syntax error") != std::string_view::npos &&
      message.starts_with("can't parse")) {
    return syntax_error_position(expression, link_type);
  }
  // The shortest beginning of the expression that is refused in the same words ends with the
  // culprit.
  const std::vector<Word> words = words_of(expression);
  const std::size_t culprit = first_bad(words, [&](std::size_t end) {
    return refusal_of(std::string(expression.substr(0, end)), link_type) == message;
  });
  if (culprit == words.size()) return std::nullopt;
  const std::string_view beginning = expression.substr(0, words[culprit].end);
  const auto named = find_name(beginning, named_in(message), /*last=*/true);
  return named ? *named : words[culprit].begin;
}

std::string refusal_text(std::string_view expression, LinkType link_type,
                         std::string_view message) {
  constexpr std::size_t kLineMax = 96;
  constexpr std::string_view kIndent = "\n  ";
  constexpr std::string_view kCut = "...";
  std::string text =
      "filter for " + link_type_name(link_type) + " packets: " + std::string(message);
  if (expression.empty()) return text;

  const std::optional<std::size_t> position = refused_position(expression, link_type, message);
  std::size_t begin = 0;
  if (expression.size() > kLineMax && position.value_or(0) > kLineMax / 2)
    begin = *position - kLineMax / 2;
  std::string line(expression.substr(begin, kLineMax));
  if (begin + line.size() < expression.size()) line += kCut;
  if (begin > 0) line.insert(0, kCut);
  // One column a character, whatever the expression's file had.
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  text += kIndent;
  text += line;
  if (position) {
    text += kIndent;
    text.append(*position - begin + (begin > 0 ? kCut.size() : 0), ' ');
    text += '^';
  }
  return text;
}

}  // namespace weir::filter
