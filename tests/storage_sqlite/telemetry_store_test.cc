#include "stores.h"
