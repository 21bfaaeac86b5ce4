// The command `weir`: parses the command line and hands over to one command.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <variant>
#include <vector>

#include "app/command_line.h"
#include "app/commands/capture.h"
#include "app/commands/completion.h"
#include "app/commands/config.h"
#include "app/commands/ctl.h"
#include "app/commands/extcap.h"
#include "app/commands/policy.h"
#include "app/commands/query.h"
#include "app/commands/read.h"
#include "app/commands/run.h"
#include "app/commands/store.h"
#include "app/extcap/flags.h"
#include "app/systemd_notify.h"

namespace {

int print_and_exit(const weir::app::PrintAndExit& message) {
  std::fwrite(message.text.data(), 1, message.text.size(), message.to_stderr ? stderr : stdout);
  return message.status;
}

int run(int argc, char** argv) {
  const std::vector<const char*> words = weir::app::words_by_name(argc, argv);
  const weir::app::Command command =
      weir::app::parse_command_line(static_cast<int>(words.size()), words.data());
  if (const auto* message = std::get_if<weir::app::PrintAndExit>(&command))
    return print_and_exit(*message);
  if (const auto* options = std::get_if<weir::app::ReadOptions>(&command))
    return weir::app::read(*options);
  if (const auto* options = std::get_if<weir::app::RunOptions>(&command))
    return weir::app::run(*options, weir::app::SystemdEnvironment::from_environ(environ));
  if (const auto* options = std::get_if<weir::app::ConfigOptions>(&command))
    return weir::app::config(*options);
  if (const auto* options = std::get_if<weir::app::CtlOptions>(&command))
    return weir::app::ctl(*options);
  if (const auto* options = std::get_if<weir::app::StoreOptions>(&command))
    return weir::app::store(*options);
  if (const auto* options = std::get_if<weir::app::QueryOptions>(&command))
    return weir::app::query(*options);
  if (const auto* options = std::get_if<weir::app::ExtcapOptions>(&command))
    return weir::app::extcap(*options);
  if (const auto* options = std::get_if<weir::app::PolicyOptions>(&command))
    return weir::app::policy(*options);
  if (const auto* options = std::get_if<weir::app::CompletionOptions>(&command))
    return weir::app::completion(*options);
  return weir::app::capture(std::get<weir::app::CaptureOptions>(command));
}

}  // namespace

int main(int argc, char** argv) {
  // We throw nothing ourselves; this is for the libraries at the edge.
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "weir: internal error: %s\n", error.what());
    return 1;
  }
}
