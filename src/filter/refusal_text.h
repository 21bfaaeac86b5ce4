// What a user reads when an expression does not compile: libpcap's message, the expression, and a
// caret under the place that libpcap stumbled over, as far as it can be found.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/link_type.h"

namespace weir::filter {

// Offset into `expression` of what libpcap refused with `message`; the expression's length when it
// ends too early; nothing when the message concerns the whole expression or its place cannot be
// told. libpcap reports no positions, so this compiles parts of the expression again (about log2 of
// its number of words).
std::optional<std::size_t> refused_position(std::string_view expression, LinkType link_type,
                                            std::string_view message);

// "filter for EN10MB packets: MESSAGE", a line with the expression, and, with a position, a line
// with a caret. Of an expression longer than a terminal line, the part around the position.
std::string refusal_text(std::string_view expression, LinkType link_type, std::string_view message);

}  // namespace weir::filter
