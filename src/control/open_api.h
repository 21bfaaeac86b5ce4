// The API as an OpenAPI 3.1 document, from the tables that requests are matched and answers are
// written by.
#pragma once

#include <string>

#include "control/api_routes.h"

namespace weir::control {

// Made once.
const std::string& open_api_document();

// Whether the answer with this status, which is no success, has the content of a success.
bool gives_same(const Route& route, int status) noexcept;

}  // namespace weir::control
