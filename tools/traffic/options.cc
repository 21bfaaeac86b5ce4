#include "options.h"

#include <array>
#include <charconv>
#include <limits>
#include <string_view>

namespace weir::traffic {
namespace {

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

Result<std::uint64_t> parse_size(std::string_view option, std::string_view text) {
  struct Unit {
    std::string_view name;
    unsigned shift;
  };
  constexpr std::array<Unit, 3> kUnits = {{{"KiB", 10}, {"MiB", 20}, {"GiB", 30}}};
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.name)) continue;
    const std::string_view digits = text.substr(0, text.size() - unit.name.size());
    WEIR_TRY(const std::uint64_t value, parse_number(option, digits, 1, 1u << 20));
    return value << unit.shift;
  }
  return parse_number(option, text, 1, std::uint64_t{1} << 50);
}

Result<void> apply(Options& options, std::string_view name, std::string_view value) {
  constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
  GeneratorOptions& generator = options.generator;
  if (name == "--seed") {
    WEIR_TRY(generator.seed, parse_number(name, value, 0, kAny));
  } else if (name == "--packets") {
    WEIR_TRY(generator.packets, parse_number(name, value, 1, kAny));
  } else if (name == "--bytes") {
    WEIR_TRY(generator.file_bytes, parse_size(name, value));
  } else if (name == "--flows") {
    WEIR_TRY(const std::uint64_t flows, parse_number(name, value, 1, 10'000'000));
    generator.flows = static_cast<std::uint32_t>(flows);
  } else if (name == "--needle-packets") {
    WEIR_TRY(generator.needle_packets, parse_number(name, value, 0, 1'000'000));
  } else if (name == "--snaplen") {
    WEIR_TRY(const std::uint64_t snaplen, parse_number(name, value, 1, 262144));
    options.writer.snaplen = static_cast<std::uint32_t>(snaplen);
  } else if (name == "--mix") {
    generator.mix = find_mix(value);
    if (generator.mix == nullptr) {
      return usage("--mix " + std::string(value) + ": no such mix (see --help for their names)");
    }
  } else if (name == "--format") {
    if (value != "pcap" && value != "pcapng") {
      return usage("--format " + std::string(value) + ": not a format (pcap or pcapng)");
    }
    options.writer.format = value == "pcap" ? FileFormat::Pcap : FileFormat::Pcapng;
  } else if (name == "-w") {
    options.output = value;
  } else if (name == "--summary") {
    options.summary = value;
  } else {
    return usage(std::string(name) + ": no such option (see --help)");
  }
  return ok();
}

Result<void> check(const Options& options) {
  const GeneratorOptions& generator = options.generator;
  if (options.output.empty()) return usage("no output (-w FILE, or -w - for standard output)");
  if ((generator.packets != 0) == (generator.file_bytes != 0)) {
    return usage("the size is not stated once (one of --packets N and --bytes SIZE)");
  }
  if (generator.packets != 0 && generator.needle_packets > generator.packets) {
    return usage("--needle-packets " + std::to_string(generator.needle_packets) +
                 ": more than --packets " + std::to_string(generator.packets) + " (ask for fewer)");
  }
  if (options.output == "-" && options.summary == "-") {
    return usage("--summary -: packets go to standard output already (name a file)");
  }
  return ok();
}

}  // namespace

Result<Options> parse_options(std::span<const char* const> arguments) {
  Options options;
  options.generator.mix = &mixes().front();
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--help") {
      options.help = true;
      return options;
    }
    if (name == "--nanoseconds") {
      options.writer.nanoseconds = true;
      continue;
    }
    if (i + 1 == arguments.size())
      return usage(std::string(name) + ": no value behind it (see --help)");
    WEIR_CHECK(apply(options, name, arguments[++i]));
  }
  WEIR_CHECK(check(options));
  return options;
}

std::string help_text() {
  std::string text =
      "weir-traffic: seeded mixed traffic in a capture file; the same seed gives the same bytes\n\n"
      "  weir-traffic (--packets N | --bytes SIZE) -w FILE|- [options]\n\n"
      "  --seed N            default 1\n"
      "  --packets N         exactly this many packets\n"
      "  --bytes SIZE        stop once the file is this large; a number, or KiB, MiB, GiB\n"
      "  --flows N           active at a time; default: a hundredth of the packets, 16 to 10000\n"
      "  --mix NAME          what the traffic consists of, default: default\n"
      "  --needle-packets N  packets of host 198.51.100.77, spread over the file; default 100\n"
      "  --format pcap|pcapng\n"
      "  --nanoseconds       time stamps in nanoseconds, else microseconds\n"
      "  --snaplen N         bytes kept of each frame, default 262144\n"
      "  -w FILE|-           where the packets go\n"
      "  --summary FILE|-    what was generated, and how many packets match some filters, as "
      "JSON\n\n"
      "Mixes:\n";
  for (const Mix& mix : mixes()) {
    text += "  " + std::string(mix.name) + std::string(20 - mix.name.size(), ' ') +
            std::string(mix.description) + "\n";
  }
  return text;
}

}  // namespace weir::traffic
