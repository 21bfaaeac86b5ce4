#include "options.h"

#include <array>
#include <charconv>
#include <limits>
#include <string_view>

namespace weir::wire {
namespace {

// A flow is a pair of addresses, 16 bits of each.
constexpr std::uint64_t kFlowsMax = std::numeric_limits<std::uint32_t>::max();

Error usage(std::string context) { return {ErrorCode::Usage, 0, std::move(context)}; }

Result<std::uint64_t> parse_number(std::string_view option, std::string_view text,
                                   std::uint64_t least, std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
    return usage(std::string(option) + " " + std::string(text) + ": not a number from " +
                 std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

// "500ms", "10s", "2m"; a bare number is seconds.
Result<Duration> parse_time(std::string_view option, std::string_view text) {
  struct Unit {
    std::string_view name;
    std::int64_t nanoseconds;
  };
  constexpr std::array<Unit, 4> kUnits = {
      {{"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"", 1'000'000'000}}};
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.name)) continue;
    const std::string_view digits = text.substr(0, text.size() - unit.name.size());
    WEIR_TRY(const std::uint64_t value, parse_number(option, digits, 1, 1'000'000));
    return Duration(static_cast<std::int64_t>(value) * unit.nanoseconds);
  }
  return usage(std::string(option) + " " + std::string(text) + ": not a time");
}

Result<void> apply(Options& options, std::string_view name, std::string_view value) {
  constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
  if (name == "--interface") {
    options.interface = value;
  } else if (name == "--size") {
    const std::optional<Mix> mix = find_mix(value);
    if (!mix) return usage("--size " + std::string(value) + ": not a size (" + mix_names() + ")");
    options.mix = *mix;
  } else if (name == "--flows") {
    WEIR_TRY(const std::uint64_t flows, parse_number(name, value, 1, kFlowsMax));
    options.flows = static_cast<std::uint32_t>(flows);
  } else if (name == "--rate") {
    WEIR_TRY(options.packets_per_second, parse_number(name, value, 1, 1'000'000'000));
  } else if (name == "--count") {
    WEIR_TRY(options.count, parse_number(name, value, 1, std::uint64_t{1} << 40));
  } else if (name == "--duration") {
    WEIR_TRY(options.duration, parse_time(name, value));
  } else if (name == "--seed") {
    WEIR_TRY(options.seed, parse_number(name, value, 0, kAny));
  } else if (name == "--core") {
    WEIR_TRY(const std::uint64_t core, parse_number(name, value, 0, 1023));
    options.core = static_cast<int>(core);
  } else {
    return usage(std::string(name) + ": no such option (see --help)");
  }
  return ok();
}

}  // namespace

Result<Options> parse_options(std::span<const char* const> arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--help") {
      options.help = true;
      return options;
    }
    if (i + 1 == arguments.size()) {
      return usage(std::string(name) + ": no value behind it (see --help)");
    }
    WEIR_CHECK(apply(options, name, arguments[++i]));
  }
  if (options.interface.empty()) return usage("no interface to send from (--interface IF)");
  if (options.count == 0 && !options.duration) {
    return usage("no end (--count N, --duration T, or both: what comes first)");
  }
  return options;
}

std::string help_text() {
  return "weir-wire: sends UDP packets from one end of a veth pair, as fast as one core can\n\n"
         "  weir-wire --interface IF (--count N | --duration T) [options]\n\n"
         "  --interface IF  in this network namespace; the other end must have GRO on\n"
         "  --size S        bytes of a frame without its FCS: 60, 508, 1514, or imix (default):\n"
         "                  7 : 4 : 1 of these in random order\n"
         "  --flows N       pairs of addresses and ports, default 100000\n"
         "  --rate PPS      packets a second; default: as many as possible\n"
         "  --count N       end after this many packets\n"
         "  --duration T    end after this time: 500ms, 10s, 2m\n"
         "  --seed N        of the order of flows and sizes, default 1\n"
         "  --core N        processor to run on\n\n"
         "Prints one JSON object at the end: `sent` packets were handed to the interface, `taken`\n"
         "packets arrived at the other end (the rest found its queue full).\n";
}

}  // namespace weir::wire
