// Makes each frame of the generator from a template and hands it to the interface. It runs on live
// frames (BPF_PROG_TEST_RUN with BPF_F_TEST_XDP_LIVE_FRAMES): what it redirects really leaves. The
// kernel lends it the same few pages again and again, as they were left, so everything that differs
// between frames is written here, and the payload comes from the template.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <bpf/bpf_helpers.h>

#include "frame_plan.h"

struct wire_plan wire_plan SEC(".data") = {.flows = 1};
struct wire_progress wire_progress SEC(".bss");

// splitmix64 (Vigna): one multiplication chain gives the draws of a frame.
static __always_inline __u64 draw(__u64 number) {
  __u64 z = number * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static __always_inline __u32 words(__u32 value) { return (value & 0xffff) + (value >> 16); }

static __always_inline __u16 checksum(__u32 sum) {
  sum = words(sum);
  sum = words(sum);
  return (__u16)~sum;
}

// A frame that is not due yet is dropped, and its page comes back at once: the kernel's loop is the
// wait. A run can't be started for every step of a pace, since ending one takes 30 ms.
static __always_inline int is_due(void) {
  if (wire_plan.nanoseconds_each == 0) return 1;
  const __u64 since_start = bpf_ktime_get_ns() - wire_progress.start_ns;
  if (wire_progress.sent != 0 && since_start << WIRE_PACE_SHIFT < wire_progress.due) return 0;
  wire_progress.due += wire_plan.nanoseconds_each;
  return 1;
}

SEC("xdp")
int wire(struct xdp_md* context) {
  const __u64 number = wire_progress.sent;
  if (number >= wire_plan.frames || !is_due()) return XDP_DROP;

  const __u64 random = draw(number + wire_plan.seed);
  const __u32 share = ((random & 0xffff) * WIRE_SHARES) >> 16;
  const struct wire_size* size = &wire_plan.shares[share & (WIRE_SHARES_MAX - 1)];
  if (size->cut_bytes != 0 && bpf_xdp_adjust_tail(context, -(int)size->cut_bytes) != 0)
    return XDP_ABORTED;

  __u8* data = (__u8*)(long)context->data;
  __u8* end = (__u8*)(long)context->data_end;
  if (data + WIRE_NUMBERED_BYTES > end) return XDP_ABORTED;
  struct iphdr* ip = (struct iphdr*)(data + WIRE_ETHERNET_BYTES);
  struct udphdr* udp = (struct udphdr*)(ip + 1);
  __u64* payload = (__u64*)(udp + 1);

  // Every flow has a pair of addresses of its own in 198.18.0.0/15, the range for benchmarks
  // (RFC 2544).
  const __u32 flow = (__u32)(((random >> 32) * wire_plan.flows) >> 32);
  const __u32 low = flow & 0xffff;
  const __u32 high = (flow >> 16) ^ ((low * 0x9e3b) & 0xffff);
  const __u32 source = __builtin_bswap32(0xc6120000 | low);
  const __u32 destination = __builtin_bswap32(0xc6130000 | high);
  const __u16 source_port = __builtin_bswap16((__u16)(0xc000 | (flow & 0x3fff)));
  const __u16 destination_port = __builtin_bswap16((__u16)(5001 + (flow & 7)));
  const __u64 numbered = __builtin_bswap64(number);
  const __u32 addresses = words(source) + words(destination);

  ip->tot_len = size->ip_bytes;
  ip->saddr = source;
  ip->daddr = destination;
  ip->check = checksum(size->ip_sum + addresses);
  udp->source = source_port;
  udp->dest = destination_port;
  udp->len = size->udp_bytes;
  *payload = numbered;
  const __u16 check = checksum(size->udp_sum + addresses + source_port + destination_port +
                               words((__u32)numbered) + words((__u32)(numbered >> 32)));
  udp->check = check != 0 ? check : 0xffff;

  if (number % WIRE_MARK_FRAMES == 0) {
    wire_progress.mark_ns = bpf_ktime_get_ns();
    wire_progress.mark = number;
    if (number == 0) wire_progress.start_ns = wire_progress.mark_ns;
  }
  wire_progress.sent = number + 1;
  wire_progress.sent_bytes += (__u64)(end - data);
  return (int)bpf_redirect(wire_plan.interface, 0);
}

char wire_license[] SEC("license") = "Apache-2.0";
