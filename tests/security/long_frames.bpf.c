// A socket program for the tests: takes datagrams of at least 100 bytes whole, and no others.
#include <linux/bpf.h>

__attribute__((section("socket"), used)) int long_frames(struct __sk_buff* packet) {
  return packet->len >= 100 ? -1 : 0;
}
