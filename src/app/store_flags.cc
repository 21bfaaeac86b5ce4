#include "app/store_flags.h"

#include <CLI/CLI.hpp>

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

}  // namespace weir::app
