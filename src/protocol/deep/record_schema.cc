#include "protocol/deep/record_schema.h"

#include "protocol/deep/schema_rows.h"

namespace weir::protocol {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(FieldType::kCount)> kTypeNames = {
    "time", "interval", "count", "double", "bool", "port", "addr", "string", "enum", "set[string]"};

constexpr std::array<const Schema*, kLogCount> kSchemas = {&kConnSchema,        &kConnLongSchema,
                                                           &kTunnelSchema,      &kWeirdSchema,
                                                           &kCaptureLossSchema, &kStatsSchema};

}  // namespace

std::string_view name_of(FieldType type) noexcept {
  return kTypeNames[static_cast<std::size_t>(type)];
}

const Schema& schema_of(LogId log) noexcept { return *kSchemas[static_cast<std::size_t>(log)]; }

}  // namespace weir::protocol
