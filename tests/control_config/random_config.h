// Configurations by chance, in which nothing is wrong.
#pragma once

#include "base/prng.h"
#include "control/config.h"

namespace weir::control {

// Every key has a value by chance, found by way of the schema: a new key is covered.
Config random_config(Prng& prng);

// The same with some values changed, some interfaces, sessions and rules added, removed or moved.
Config random_neighbour(const Config& config, Prng& prng);

}  // namespace weir::control
