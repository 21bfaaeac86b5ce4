#include "app/store_flags.h"

#include <CLI/CLI.hpp>

#include "app/values.h"

namespace weir::app {

struct StoreFlags::Parts {
  CLI::App* store = nullptr;
  StoreOptions options;

  CLI::App& add(StoreOptions::What what, const char* name, const char* help) {
    CLI::App* const command = store->add_subcommand(name, help);
    command->add_option("STORE", options.directory, "the directory of the store")
        ->required()
        ->type_name("");
    command->add_flag("--json", options.json, "print JSON");
    command->callback([this, what] { options.what = what; });
    return *command;
  }
};

StoreFlags::StoreFlags(CLI::App& app) : parts_(std::make_unique<Parts>()) {
  using What = StoreOptions::What;
  parts_->store = app.add_subcommand("store", "look into a store of packets");
  parts_->store->require_subcommand(1);
  parts_->store->footer(
      "Example: weir store ls /var/lib/weir/packets\n"
      "docs/segment-format.md describes its files, which are pcapng.");
  parts_->add(What::List, "ls", "list the segments of a store, and what they hold")
      .footer(
          "Example: weir store ls /var/lib/weir/packets\n"
          "'open': an engine writes to it; 'unsealed': none does, and its end has not been mended "
          "yet.\n"
          "Exit status: 0, also with damaged segments; 1 the store cannot be read.");
  parts_->add(What::Verify, "verify", "read a store whole and find all that is damaged")
      .footer(
          "Example: weir store verify /var/lib/weir/packets\n"
          "Works beside a running engine; then the unfinished end of a segment is no finding.\n"
          "Exit status: 0 all is good, 1 findings, or the store cannot be read.");
}

StoreFlags::~StoreFlags() = default;

bool StoreFlags::chosen() const { return parts_->store->parsed(); }

const StoreOptions& StoreFlags::options() const { return parts_->options; }

namespace {

// A size within bounds, or `out` as it is where the text is empty. The text of an error, or
// nothing.
std::optional<std::string> parse_bounded(const char* option, const std::string& text,
                                         std::uint64_t min, std::uint64_t max, std::uint64_t& out) {
  if (text.empty()) return std::nullopt;
  auto parsed = parse_size(text);
  if (!parsed) return std::string(option) + ": " + parsed.error().context;
  if (*parsed < min || *parsed > max) {
    return std::string(option) + " " + text + ": not from " + std::to_string(min) + " to " +
           std::to_string(max) + " bytes";
  }
  out = *parsed;
  return std::nullopt;
}

}  // namespace

void StoreOutputFlags::add_to(CLI::App& command) {
  command
      .add_option("--store", plan_.path,
                  "add accepted packets to the packet store in this directory: pcapng segments "
                  "with an index; it is made when it is not there")
      ->type_name("DIR");
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
}

std::optional<std::string> StoreOutputFlags::finish() {
  using storage::segment::Durability;
  if (plan_.path.empty()) {
    const bool meant =
        !segment_.empty() || !chunk_.empty() || durability_ != "segment" || compression_ != "none";
    if (meant) return "an option of the store without a store (say where: --store DIR)";
    return std::nullopt;
  }
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
  return problem;
}

}  // namespace weir::app
