#include "app/store_flags.h"

#include <filesystem>
#include <limits>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/ctl/utc_time.h"
#include "app/number_checks.h"
#include "app/values.h"
#include "output/striped_lane.h"

namespace weir::app {

namespace {

// A size within bounds, or `out` as it is where the text is empty. The text of an error, or
// nothing.
std::optional<std::string> parse_bounded(const std::string& option, const std::string& text,
                                         std::uint64_t min, std::uint64_t max, std::uint64_t& out) {
  if (text.empty()) return std::nullopt;
  auto parsed = parse_size(text);
  if (!parsed) return option + ": " + parsed.error().context;
  if (*parsed < min || *parsed > max) {
    return option + " " + text + ": not from " + std::to_string(min) + " to " +
           std::to_string(max) + " bytes";
  }
  out = *parsed;
  return std::nullopt;
}

// One directory in two words would be striped over itself.
std::optional<std::string> check_directories(const std::vector<std::string>& paths) {
  if (paths.size() > output::kStripesMax) {
    return "--store: more than " + std::to_string(output::kStripesMax) + " directories";
  }
  std::map<std::string, std::string> seen;
  for (const std::string& path : paths) {
    if (path.empty()) return "--store: an empty path (name a directory)";
    std::error_code none;
    // What is not there yet stays as it is written.
    std::string real =
        std::filesystem::weakly_canonical(std::filesystem::absolute(path), none).string();
    if (none) real = std::filesystem::path(path).lexically_normal().string();
    while (real.size() > 1 && real.ends_with('/')) real.pop_back();
    const auto [first, is_new] = seen.emplace(std::move(real), path);
    if (!is_new) {
      return "--store " + path + ": given twice" +
             (first->second == path ? "" : ", as " + first->second + " too") +
             " (name each directory once)";
    }
  }
  return std::nullopt;
}

// What the interface of a store takes.
void add_extcap_arguments(CLI::App& extcap, ExtcapWords& words) {
  extcap
      .add_option("--since", words.since,
                  "of a store: from here on (2026-11-21T20:00:00Z, seconds since 1970, or 15m)")
      ->type_name("T");
  extcap.add_option("--until", words.until, "of a store: up to here, which is still of it")
      ->type_name("T");
  QueryOptions& query = words.options.query;
  extcap.add_option("--filter", query.filter, "of a store: the same as --extcap-capture-filter")
      ->type_name("BPF");
  extcap.add_flag("--inner", words.inner,
                  "of a store: apply the filters to the innermost frame of a tunnel");
  extcap
      .add_option("--community-id", query.community_id,
                  "of a store: only packets of flows with this Community ID (seed 0)")
      ->type_name("ID");
  extcap.add_option("--count", words.count, "of a store: stop after this many packets (0: all)")
      ->type_name("N");
}

}  // namespace

struct StoreFlags::Parts {
  CLI::App* store = nullptr;
  StoreOptions options;
  BoundsFlags bounds;
  std::string unpinned;  // by unpin
  std::string since;
  std::string until;

  CLI::App& add(StoreOptions::What what, const char* name, const char* help) {
    CLI::App* const command = store->add_subcommand(name, help);
    // Pins of several stores have numbers of their own.
    CLI::Option* const where =
        what == StoreOptions::What::Unpin
            ? command->add_option("STORE", unpinned, "the directory of the store")
            : command->add_option("STORE", options.directories,
                                  "the directory of the store; of several, one after the other");
    where->required()->type_name("");
    command->add_flag("--json", options.json, "print JSON");
    command->callback([this, what] { options.what = what; });
    return *command;
  }
  void add_looking();
  void add_mending();
  void add_pins();
};

void StoreFlags::Parts::add_looking() {
  using What = StoreOptions::What;
  add(What::List, "ls", "list the segments of a store, and what they hold")
      .footer(
          "Example: weir store ls /var/lib/weir/packets\n"
          "'open': an engine writes to it; 'unsealed': none does, and its end has not been mended "
          "yet.\n"
          "Exit status: 0, also with damaged segments; 1 the store cannot be read.");
  add(What::Verify, "verify", "read a store whole and find all that is damaged")
      .footer(
          "Example: weir store verify /var/lib/weir/packets\n"
          "Works beside a running engine; then the unfinished end of a segment is no finding.\n"
          "Exit status: 0 all is good, 1 findings, or the store cannot be read.");
}

void StoreFlags::Parts::add_mending() {
  using What = StoreOptions::What;
  add(What::Repair, "repair", "seal what a writer that died has left, as its next start would")
      .footer(
          "Example: weir store repair /var/lib/weir/packets\n"
          "A segment is cut behind its last whole unit, indexed and closed; one without a packet "
          "goes. Damaged segments are told and left alone.\n"
          "Exit status: 0 all is in order, 1 something is damaged, or could not be sealed.");
  CLI::App& collect =
      add(What::Collect, "gc", "delete the oldest segments, as few as these bounds ask for");
  bounds.add_to(collect, "--keep");
  collect.add_flag("--dry-run", options.dry_run, "say what would be deleted, and delete nothing");
  collect.footer(
      "Example: weir store gc --keep 720h --keep-size 500GiB /var/lib/weir/packets\n"
      "Not beside a running engine, which does it itself: [session.store] keep, keep_size, "
      "keep_free.\n"
      "Pinned segments stay. Exit status: 0, 1 when the bounds could not be met.");
}

void StoreFlags::Parts::add_pins() {
  using What = StoreOptions::What;
  CLI::App& pin =
      add(What::Pin, "pin", "keep the segments of a range of time, whatever the bounds");
  pin.add_option("--since", since, "from here on: 2026-11-21T20:00:00Z, or seconds since 1970")
      ->type_name("T");
  pin.add_option("--until", until, "up to here")->type_name("T");
  pin.add_option("--note", options.pin.note, "why, for those who come after you")
      ->type_name("TEXT");
  pin.footer(
      "Example: weir store pin /var/lib/weir/packets --since 2026-11-21T20:00:00Z --until "
      "2026-11-21T22:00:00Z --note 'case 17'\n"
      "Works beside a running engine. Whole segments are kept that have packets of the range.");
  CLI::App& unpin = add(What::Unpin, "unpin", "let go of what a pin keeps");
  unpin.add_option("PIN", options.pin.id, "its number, as weir store pins tells it")
      ->required()
      ->type_name("");
  add(What::Pins, "pins", "list the pins of a store");
}

StoreFlags::StoreFlags(CLI::App& app) : parts_(std::make_unique<Parts>()) {
  parts_->store = app.add_subcommand("store", "look after a store of packets");
  parts_->store->require_subcommand(1);
  parts_->store->footer(
      "Example: weir store ls /var/lib/weir/packets\n"
      "docs/segment-format.md describes its files, which are pcapng.");
  parts_->add_looking();
  parts_->add_mending();
  parts_->add_pins();
}

StoreFlags::~StoreFlags() = default;

bool StoreFlags::chosen() const { return parts_->store->parsed(); }

std::optional<std::string> StoreFlags::finish() {
  StoreOptions& options = parts_->options;
  if (options.what == StoreOptions::What::Unpin) options.directories = {parts_->unpinned};
  if (options.what == StoreOptions::What::Collect) {
    if (!parts_->bounds.any()) return "gc: no bound (say what to keep: --keep-size 500GiB)";
    return parts_->bounds.parse(options.bounds);
  }
  if (options.what != StoreOptions::What::Pin) return std::nullopt;
  if (parts_->since.empty() && parts_->until.empty()) {
    return "pin: no range of time (say --since, --until, or both)";
  }
  const auto take = [](const char* option, const std::string& text,
                       Timestamp& out) -> std::optional<std::string> {
    if (text.empty()) return std::nullopt;
    const auto parsed = parse_time(text);
    if (!parsed) {
      return "pin: " + std::string(option) + " " + text +
             ": no time (write 2026-11-21T20:00:00Z, or seconds since 1970)";
    }
    out = *parsed;
    return std::nullopt;
  };
  if (auto problem = take("--since", parts_->since, options.pin.since)) return problem;
  if (auto problem = take("--until", parts_->until, options.pin.until)) return problem;
  if (options.pin.since > options.pin.until) return "pin: --since is after --until";
  return std::nullopt;
}

const StoreOptions& StoreFlags::options() const { return parts_->options; }

void add_policy_command(CLI::App& app, PolicyWords& words) {
  using What = PolicyOptions::What;
  CLI::App* const policy =
      app.add_subcommand("policy", "make, sign and check policy documents (docs/security.md)");
  policy->require_subcommand(1);
  policy->footer(
      "Example: weir policy keygen policy && weir policy sign policy.toml --key policy.key");
  const auto add = [&](What what, const char* name, const char* help, const char* footer) {
    CLI::App* const command = policy->add_subcommand(name, help);
    command->footer(footer);
    command->callback([&words, what] {
      words.chosen = true;
      words.options.what = what;
    });
    return command;
  };
  add(What::Keygen, "keygen", "make a key pair: PREFIX.key, to be kept secret, and PREFIX.pub",
      "Example: weir policy keygen policy\nNeither file is overwritten.")
      ->add_option("PREFIX", words.options.file, "what the names of both files begin with")
      ->required()
      ->type_name("");
  CLI::App* const sign = add(What::Sign, "sign",
                             "check a document, and write its signature to "
                             "FILE.sig",
                             "Example: weir policy sign policy.toml --key policy.key\n"
                             "The same as: openssl pkeyutl -sign -rawin -inkey policy.key -in "
                             "policy.toml -out policy.toml.sig\n"
                             "Exit status: 0 signed, 1 not readable, 2 problems.");
  sign->add_option("FILE", words.options.file, "the document")->required()->type_name("");
  sign->add_option("--key", words.options.key, "the private key")->required()->type_name("FILE");
  CLI::App* const verify =
      add(What::Verify, "verify", "whether an engine with this key would take a document now",
          "Example: weir policy verify policy.toml --pub policy.pub\n"
          "Exit status: 0 good, 1 not readable, forged or out of its time, 2 problems.");
  verify->add_option("FILE", words.options.file, "the document, with its signature in FILE.sig")
      ->required()
      ->type_name("");
  verify->add_option("--pub", words.options.key, "the public key")->required()->type_name("FILE");
  add(What::Check, "check", "find everything that is wrong with the text of a document",
      "Example: weir policy check policy.toml\n"
      "Exit status: 0 good, 1 not readable, 2 problems (on stderr, each with line and column).")
      ->add_option("FILE", words.options.file, "the document")
      ->required()
      ->type_name("");
}

void add_query_command(CLI::App& app, QueryWords& words) {
  CLI::App& query = *app.add_subcommand("query", "find packets in stores, by time and filter");
  query.callback([&words] { words.chosen = true; });
  QueryOptions& options = words.options;
  query
      .add_option("STORE", words.words,
                  "the directories of stores, then optionally a filter expression")
      ->required()
      ->type_name("");
  query
      .add_option("--since", words.since,
                  "from here on: 2026-11-21T20:00:00Z, seconds since 1970, or 15m for a quarter of "
                  "an hour ago")
      ->type_name("T");
  query.add_option("--until", words.until, "up to here, which is still of it")->type_name("T");
  query
      .add_option("-f,--filter", options.filter,
                  "only packets that match this pcap-filter expression")
      ->type_name("BPF");
  query.add_flag("--inner", words.inner,
                 "apply the filter to the innermost frame of a tunnel, not to the outer one");
  query
      .add_option("--community-id", options.community_id,
                  "only packets of flows with this Community ID (seed 0)")
      ->type_name("ID");
  query
      .add_option("--uid", options.uid,
                  "only packets of the flow or tunnel that logs name so (of stores that were "
                  "written with --logs)")
      ->type_name("UID");
  query
      .add_option("--vlan", options.tenant.vlan,
                  "only packets with this VLAN id, in whichever tag, tunnels included")
      ->type_name("N")
      ->check(at_most(0x0fff));
  query
      .add_option("--vni", options.tenant.vni,
                  "only packets with this VNI, in whichever VXLAN or GENEVE header")
      ->type_name("N")
      ->check(at_most(0xff'ffff));
  query
      .add_option("--gwlb-endpoint", words.gwlb_endpoint,
                  "only packets of this endpoint of an AWS Gateway Load Balancer, in hex digits")
      ->type_name("HEX");
  query
      .add_option("-w,--write", options.write_paths,
                  "write the packets as pcapng ('-': standard output); may be given several times")
      ->type_name("FILE")
      ->allow_extra_args(false);
  query.add_option("-c,--count", options.packets_max, "stop after this many packets")
      ->type_name("N")
      ->check(at_least(1));
  query.add_flag("--explain", options.explain,
                 "say what was looked at and what was left out, and by which column of the index");
  query.add_flag("--fail-on-loss", options.fail_on_loss,
                 "exit status 1 when packets of the asked time were lost or deleted");
  query.add_flag("--json", options.json, "print the outcome as one JSON object");
  query.footer(
      "Example: weir query /var/lib/weir/packets --since 1h -w flow.pcapng host 10.1.2.3 and port "
      "443\n"
      "Works beside a running engine. Without -w it counts. docs/query.md says what the index "
      "answers.\n"
      "Exit status: 0 done, also when nothing is found, or packets of the asked time were lost or "
      "deleted; 1 damage, or a failed write; 2 wrong usage or filter.");
}

void add_extcap_command(CLI::App& app, ExtcapWords& words) {
  CLI::App& extcap =
      *app.add_subcommand("extcap", "show sessions and stores among Wireshark's interfaces");
  extcap.allow_extras();
  ExtcapOptions& options = words.options;
  extcap.callback([&words, &extcap] {
    words.chosen = true;
    words.unknown = extcap.remaining();
  });
  extcap.add_option("--socket", options.socket, "the engine's control socket")
      ->type_name("FILE")
      ->capture_default_str();
  extcap
      .add_option("--store", options.stores,
                  "show the packet store in this directory too; may be given several times")
      ->type_name("DIR")
      ->allow_extra_args(false);
  extcap.add_flag("--extcap-interfaces", words.interfaces, "list the interfaces");
  extcap.add_option("--extcap-version", words.version, "the version of Wireshark")
      ->type_name("N")
      ->expected(0, 1);
  extcap.add_option("--extcap-interface", options.interface, "the interface that is meant")
      ->type_name("IF");
  extcap.add_flag("--extcap-dlts", words.link_types, "say its link type");
  extcap.add_flag("--extcap-config", words.arguments, "list the options that it takes");
  extcap
      .add_option("--extcap-reload-option", words.reload_option,
                  "the option whose values are asked for anew")
      ->type_name("OPTION")
      ->expected(0, 1);
  extcap
      .add_option("--extcap-capture-filter", options.capture_filter,
                  "only packets that match this pcap-filter expression; without --capture: say "
                  "what is wrong with it")
      ->type_name("BPF");
  extcap.add_flag("--capture", words.capture, "write its packets to the pipe of --fifo");
  extcap.add_option("--fifo", options.fifo, "where to")->type_name("PATH");
  add_extcap_arguments(extcap, words);
  extcap.footer(
      "Example: ln -s $(which weir) ~/.local/lib/wireshark/extcap/weir-extcap\n"
      "Wireshark starts this command, under the name weir-extcap or from a script; see "
      "docs/extcap.md.\n"
      "Exit status: 0 done, 1 failed, 2 wrong usage, interface or filter.");
}

void BoundsFlags::add_to(CLI::App& command, const std::string& with_prefix) {
  prefix = with_prefix;
  command.add_option(prefix, age, "delete segments that were sealed longer ago than this (720h)")
      ->type_name("T");
  command
      .add_option(prefix + "-size", size,
                  "delete the oldest segments when the store takes more than this (500GiB)")
      ->type_name("B");
  command
      .add_option(prefix + "-free", free,
                  "delete the oldest segments when its file system has less than this left")
      ->type_name("B");
}

std::optional<std::string> BoundsFlags::parse(storage::segment::RetentionBounds& out) const {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  constexpr std::uint64_t kLeast = 1 << 20;
  if (!age.empty()) {
    auto parsed = parse_duration(age);
    if (!parsed) return prefix + ": " + parsed.error().context;
    if (*parsed < std::chrono::seconds(1)) return prefix + " " + age + ": too short (at least 1s)";
    out.age_max = *parsed;
  }
  if (auto problem = parse_bounded(prefix + "-size", size, kLeast, kMost, out.bytes_max)) {
    return problem;
  }
  return parse_bounded(prefix + "-free", free, kLeast, kMost, out.free_bytes_min);
}

void StoreOutputFlags::add_to(CLI::App& command) {
  command
      .add_option(
          "--store", plan_.paths,
          "add accepted packets to the packet store in this directory: pcapng segments "
          "with an index; it is made when it is not there; may be given several times: each "
          "is a store with bounds of its own, and takes packets as fast as its device "
          "writes")
      ->type_name("DIR")
      ->allow_extra_args(false);
  command
      .add_option("--store-segment", segment_,
                  "size of a segment, the file by which a store grows and shrinks (default 1GiB)")
      ->type_name("B");
  command
      .add_option("--store-chunk", chunk_,
                  "the most that is written, and later read, at a time (default 1MiB)")
      ->type_name("B");
  command
      .add_option("--store-durability", durability_,
                  "packets count as written when they are on the disk (chunk), or when the kernel "
                  "has them, and whole segments are put on the disk (segment), or nothing is "
                  "(none)")
      ->type_name("none|chunk|segment")
      ->check(CLI::IsMember({"none", "chunk", "segment"}));
  command
      .add_option("--store-compression", compression_,
                  "zstd makes chunks smaller, which only weir opens")
      ->type_name("none|zstd")
      ->check(CLI::IsMember({"none", "zstd"}));
  keep_.add_to(command, "--store-keep");
  command
      .add_option("--spill", spill_.path,
                  "a pipe's reader that is slow holds nobody up: what it does not take waits in "
                  "this directory, as pcapng files, and goes to it in order")
      ->type_name("DIR");
  command
      .add_option("--spill-size", spill_size_,
                  "the most that waits there (default 1GiB); then packets of a live capture are "
                  "lost, and files are read more slowly")
      ->type_name("B");
}

void StoreOutputFlags::put_into(PipelineOptions& options) const {
  options.store = plan_;
  options.spill = spill_;
}

std::optional<std::string> StoreOutputFlags::finish_spill() {
  if (spill_.path.empty()) {
    if (!spill_size_.empty()) return "--spill-size without a directory (say where: --spill DIR)";
    return std::nullopt;
  }
  return parse_bounded("--spill-size", spill_size_, storage::spill::kSpillBytesMin,
                       std::numeric_limits<std::int64_t>::max(), spill_.bytes_max);
}

std::optional<std::string> StoreOutputFlags::finish() {
  using storage::segment::Durability;
  if (auto problem = finish_spill()) return problem;
  if (plan_.paths.empty()) {
    const bool meant = !segment_.empty() || !chunk_.empty() || durability_ != "segment" ||
                       compression_ != "none" || keep_.any();
    if (meant) return "an option of the store without a store (say where: --store DIR)";
    return std::nullopt;
  }
  if (auto problem = check_directories(plan_.paths)) return problem;
  plan_.durability = durability_ == "none"    ? Durability::None
                     : durability_ == "chunk" ? Durability::Chunk
                                              : Durability::Segment;
  plan_.compression =
      compression_ == "zstd" ? storage::segment::Codec::Zstd : storage::segment::Codec::None;
  std::uint64_t chunk_bytes = plan_.chunk_bytes;
  if (auto problem = parse_bounded("--store-segment", segment_, 1 << 20,
                                   storage::segment::kSegmentBytesMax, plan_.segment_bytes)) {
    return problem;
  }
  auto problem = parse_bounded("--store-chunk", chunk_, storage::segment::kUnitAlignment,
                               storage::segment::kChunkBytesMax, chunk_bytes);
  plan_.chunk_bytes = static_cast<std::uint32_t>(chunk_bytes);
  return problem ? problem : keep_.parse(plan_.keep);
}

}  // namespace weir::app
