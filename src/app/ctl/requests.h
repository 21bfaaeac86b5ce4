// What each command of `weir ctl` asks of the API.
#pragma once

#include <string>
#include <string_view>

#include "app/ctl/api_client.h"
#include "app/ctl/options.h"
#include "base/time.h"

namespace weir::app {

// The request behind the verb. `now`: History counts back from it. `document`: the text of the file
// that Create and Apply send. `etag`: what Apply replaces; empty: whatever there is.
ApiRequest request_for(const CtlOptions& options, Timestamp now, std::string document = {},
                       const std::string& etag = {});
// The newest rows of the journal, those before `before` when it is not 0.
ApiRequest journal_request(std::uint64_t before, std::uint64_t rows);

// The first line of a configuration that `weir ctl config` prints, by which `weir ctl apply` knows
// what it was made from.
std::string etag_line(const std::string& etag);
// The etag of such a line at the beginning of the text; empty: there is none.
std::string etag_of_document(std::string_view document);

}  // namespace weir::app
