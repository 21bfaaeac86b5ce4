// For all other interfaces: what a packet is the kernel tells beside it.
#define WEIR_ETHERNET 0
#include "interface/bpf/steer.inc"
