#include <csignal>
#include <cstdio>
#include <exception>
#include <span>

#include "run.h"

namespace {

int fail(const weir::Error& error) {
  std::fprintf(stderr, "weir-traffic: %s\n", error.context.c_str());
  return weir::exit_status(error.code);
}

}  // namespace

int main(int argc, char** argv) try {
  std::signal(SIGPIPE, SIG_IGN);  // a closed pipe is an error of write
  const auto options = weir::traffic::parse_options(
      std::span<const char* const>(argv, static_cast<std::size_t>(argc)).subspan(1));
  if (!options) return fail(options.error());
  if (options->help) {
    std::fputs(weir::traffic::help_text().c_str(), stdout);
    return 0;
  }
  const auto line = weir::traffic::run(*options);
  if (!line) return fail(line.error());
  std::fprintf(stderr, "weir-traffic: %s\n", line->c_str());
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "weir-traffic: %s\n", error.what());
  return 1;
}
