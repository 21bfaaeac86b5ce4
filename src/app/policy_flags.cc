#include "app/policy_flags.h"

#include <CLI/CLI.hpp>

namespace weir::app {
namespace {

using What = PolicyOptions::What;

}  // namespace

PolicyFlags::PolicyFlags(CLI::App& app) {
  CLI::App* const policy =
      app.add_subcommand("policy", "make, sign and check policy documents (docs/security.md)");
  policy->require_subcommand(1);
  policy->footer(
      "Example: weir policy keygen policy && weir policy sign policy.toml --key policy.key");
  const auto add = [&](What what, const char* name, const char* help, const char* footer) {
    CLI::App* const command = policy->add_subcommand(name, help);
    command->footer(footer);
    command->callback([this, what] {
      chosen_ = true;
      options_.what = what;
    });
    return command;
  };
  add(What::Keygen, "keygen", "make a key pair: PREFIX.key, to be kept secret, and PREFIX.pub",
      "Example: weir policy keygen policy\nNeither file is overwritten.")
      ->add_option("PREFIX", options_.file, "what the names of both files begin with")
      ->required()
      ->type_name("");
  CLI::App* const sign = add(What::Sign, "sign",
                             "check a document, and write its signature to "
                             "FILE.sig",
                             "Example: weir policy sign policy.toml --key policy.key\n"
                             "The same as: openssl pkeyutl -sign -rawin -inkey policy.key -in "
                             "policy.toml -out policy.toml.sig\n"
                             "Exit status: 0 signed, 1 not readable, 2 problems.");
  sign->add_option("FILE", options_.file, "the document")->required()->type_name("");
  sign->add_option("--key", options_.key, "the private key")->required()->type_name("FILE");
  CLI::App* const verify =
      add(What::Verify, "verify", "whether an engine with this key would take a document now",
          "Example: weir policy verify policy.toml --pub policy.pub\n"
          "Exit status: 0 good, 1 not readable, forged or out of its time, 2 problems.");
  verify->add_option("FILE", options_.file, "the document, with its signature in FILE.sig")
      ->required()
      ->type_name("");
  verify->add_option("--pub", options_.key, "the public key")->required()->type_name("FILE");
  add(What::Check, "check", "find everything that is wrong with the text of a document",
      "Example: weir policy check policy.toml\n"
      "Exit status: 0 good, 1 not readable, 2 problems (on stderr, each with line and column).")
      ->add_option("FILE", options_.file, "the document")
      ->required()
      ->type_name("");
}

}  // namespace weir::app
