// What the generator and its BPF program agree on: the one definition of both sides (C and C++).
#pragma once

#include <linux/types.h>

enum {
  // Frames are Ethernet, IPv4 without options, UDP, and a payload that begins with the frame's
  // number.
  kEthernetBytes = 14,
  kHeadersBytes = kEthernetBytes + 20 + 8,
  kNumberedBytes = kHeadersBytes + 8,
  // Parts of a mix are multiples of 1/12: 7:4:1, or all of one size.
  kShares = 12,
  // Of the table of shares, so that a mask bounds an index.
  kSharesMax = 16,
  // A pace has so many binary places behind nanoseconds.
  kPaceShift = 16,
  // The program looks at the clock at every so many frames, for the report.
  kMarkFrames = 1024,
};

// One size of frames. Sums are Internet checksums before folding, over words in memory order, of
// what is the same in all frames of this size.
struct FrameSize {
  __u32 cut_bytes;  // to take off the end of the template
  __u16 ip_bytes;   // network byte order
  __u16 udp_bytes;  // network byte order
  __u32 ip_sum;
  __u32 udp_sum;  // with the pseudo-header
};

// Written before the program is loaded.
struct FramePlan {
  __u64 seed;
  __u32 flows;
  __u32 interface;
  __u64 frames;            // to send at most
  __u64 nanoseconds_each;  // between frames, shifted by kPaceShift; 0: no pace
  struct FrameSize shares[kSharesMax];
};

// Written by the program. Times are of the kernel's monotonic clock.
struct FrameProgress {
  __u64 sent;  // frames handed to the device; also the number of the next one
  __u64 sent_bytes;
  __u64 start_ns;  // when the first frame was made
  __u64 mark_ns;   // when frame `mark` was made, a multiple of kMarkFrames
  __u64 mark;
  __u64 due;  // time of the next frame of a pace since start_ns, shifted by kPaceShift
};
