// What one conn record costs as a line of JSON, without the file.
#include "output/json_record.h"

#include <array>

#include <benchmark/benchmark.h>

#include "protocol/deep/community_id.h"

namespace weir::output {
namespace {

protocol::Record usual_conn() {
  protocol::ConnRecord conn;
  conn.uid = {{0x01234567, 0x89abcdef, 0xfedcba98}};
  conn.ends = {.originator = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 100, 200}},
               .responder = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 114, 250}},
               .originator_port = 50'123,
               .responder_port = 443,
               .ip_protocol = 6};
  conn.tenant.vlan = 100;
  conn.first = {1'700'000'000'123'456'000};
  conn.duration = Duration(12'250'001'000);
  conn.payload_bytes = {7'800, 1'200'345};
  conn.packets = {612, 925};
  conn.ip_bytes = {39'800, 1'468'000};
  conn.state = protocol::ConnState::SF;
  conn.history = {'S', 'h', 'A', 'D', 'a', 'd', 'F', 'f'};
  conn.history_bytes = 8;
  return {.order = {}, .body = conn};
}

void BM_ConnLine(benchmark::State& state) {
  const protocol::Record record = usual_conn();
  const protocol::CommunityIdHasher community_id;
  protocol::RecordContext context{.community_id = &community_id, .scratch = {}};
  std::array<char, kJsonLineMax> line;
  for (auto _ : state) {
    benchmark::DoNotOptimize(write_json_line(line, record, context));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_ConnLine);

}  // namespace
}  // namespace weir::output

BENCHMARK_MAIN();
