/* What the generator and its BPF program agree on: the one definition of both sides (C and C++). */
#pragma once

#include <linux/types.h>

/* Frames are Ethernet, IPv4 without options, UDP, and a payload that begins with the frame's
 * number. */
#define WIRE_ETHERNET_BYTES 14
#define WIRE_HEADERS_BYTES (WIRE_ETHERNET_BYTES + 20 + 8)
#define WIRE_NUMBERED_BYTES (WIRE_HEADERS_BYTES + 8)

/* Shares of a mix are multiples of 1/12: 7:4:1, or all of one size. */
#define WIRE_SHARES 12
/* A flow is a pair of addresses: 16 bits of each. */
#define WIRE_FLOWS_MAX 0xffffffff
/* A pace has this many binary places behind nanoseconds: at a million packets a second it is exact
 * to 10^-8. */
#define WIRE_PACE_SHIFT 16
/* Of the table of shares, so that a mask bounds an index. */
#define WIRE_SHARES_MAX 16

/* One frame size. Sums are Internet checksums before folding, over words in memory order, of what
 * is the same in all frames of this size. */
struct wire_size {
  __u32 cut_bytes; /* to take off the end of the template */
  __u16 ip_bytes;  /* network byte order */
  __u16 udp_bytes; /* network byte order */
  __u32 ip_sum;
  __u32 udp_sum; /* with the pseudo-header */
};

/* Written before the program is loaded. */
struct wire_plan {
  __u64 seed;
  __u32 flows;
  __u32 interface;
  __u64 frames;           /* to send at most */
  __u64 nanoseconds_each; /* between frames, shifted by WIRE_PACE_SHIFT; 0: none */
  struct wire_size shares[WIRE_SHARES_MAX];
};

/* The program looks at the clock at every so many frames, for the report. */
#define WIRE_MARK_FRAMES 1024

/* Written by the program. Times are of the kernel's monotonic clock. */
struct wire_progress {
  __u64 sent; /* frames handed to the device; also the number of the next one */
  __u64 sent_bytes;
  __u64 start_ns; /* when the first frame was made */
  __u64 mark_ns;  /* when frame `mark` was made, a multiple of WIRE_MARK_FRAMES */
  __u64 mark;
  __u64 due; /* time of the next frame of a pace since start_ns, shifted by WIRE_PACE_SHIFT */
};
