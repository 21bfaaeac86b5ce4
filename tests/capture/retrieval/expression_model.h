// pcap-filter expressions at random, of values that the frames of the tests have, and libpcap's own
// verdict on a frame.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pcap/pcap.h>

#include "base/link_type.h"
#include "base/prng.h"

namespace weir::test {

// Some are refused by libpcap; most are not.
std::string random_expression(Prng& random);

// Compiled by pcap_compile(), run by bpf_filter(): no code of weir's own.
class PcapProgram {
 public:
  // Nothing: libpcap refuses it.
  static std::optional<PcapProgram> compile(const std::string& expression, LinkType link_type);
  [[nodiscard]] bool matches(const std::vector<std::uint8_t>& frame) const;

 private:
  struct Free {
    void operator()(bpf_program* program) const noexcept;
  };
  std::unique_ptr<bpf_program, Free> program_;
};

}  // namespace weir::test
