// What Wireshark asks of `weir extcap`, as plain values. flags.h fills these.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/ctl/options.h"
#include "app/query_options.h"

namespace weir::app {

struct ExtcapOptions {
  enum class Ask : std::uint8_t {
    Nothing,     // of what this version knows
    Interfaces,  // what there is to capture from
    LinkTypes,   // of an interface
    Arguments,   // that an interface takes
    Filter,      // whether an interface takes `capture_filter`
    Capture,     // packets of an interface into `fifo`
  } ask = Ask::Nothing;
  std::string socket = kControlSocket;
  std::vector<std::string> stores;  // directories, absolute, beside those of the engine
  std::string interface;            // a value of the list of interfaces
  std::string fifo;
  std::string capture_filter;  // pcap-filter expression; empty: every packet
  // The arguments of a store: times, filter, scope, Community ID, limit.
  QueryOptions query;
  std::string problem;  // what is wrong with them; told once the pipe is open
};

}  // namespace weir::app
