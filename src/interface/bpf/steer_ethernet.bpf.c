// For interfaces whose frames begin with an Ethernet header.
#define WEIR_ETHERNET 1
#include "interface/bpf/steer.inc"
