// `weir completion`: the script for a shell, and what the script asks for.
#pragma once

#include <string>
#include <vector>

#include "app/completion.h"

namespace weir::app {

struct CompletionOptions {
  std::string shell;  // whose script to print; empty: candidates for `words`
  CommandNode root;
  std::vector<std::string> words;
};

// Returns the exit status. Candidates: "WORD\tDESCRIPTION" a line, and ":files" or ":directories"
// where the shell has to look itself. Nothing is ever said on standard error: an engine that does
// not answer within a second has no sessions to offer.
int completion(const CompletionOptions& options);

}  // namespace weir::app
