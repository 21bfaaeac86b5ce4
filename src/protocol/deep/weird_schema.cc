// weird.log.
#include <charconv>

#include "protocol/deep/schema_rows.h"

namespace weir::protocol {
namespace {

constexpr std::string_view kFromZeek = "Zeek weird.log";

// The numbers of the weirds that explain themselves with some.
Value explanation(const WeirdRecord& weird, RecordContext& context) noexcept {
  char* const begin = context.scratch.data();
  char* const limit = begin + context.scratch.size();
  char* end = begin;
  switch (weird.name) {
    case Weird::UdpDatagramLengthMismatch: {
      constexpr std::string_view kNotEqual = " != ";
      end = std::to_chars(end, limit, weird.number).ptr;
      end = std::copy(kNotEqual.begin(), kNotEqual.end(), end);
      end = std::to_chars(end, limit, weird.other_number).ptr;
      break;
    }
    case Weird::TunnelMaxChangesPerConnectionExceeded:
      end = std::to_chars(end, limit, weird.number).ptr;
      break;
    default:
      return Absent{};
  }
  return std::string_view(begin, static_cast<std::size_t>(end - begin));
}

constexpr std::array<Field, 2> kHead = {{
    {"ts", FieldType::Time, "When it happened.", kFromZeek,
     value<WeirdRecord>([](const WeirdRecord& weird) { return weird.time; })},
    {"uid", FieldType::String, "The flow that it happened in, if any.", kFromZeek,
     value<WeirdRecord>([](const WeirdRecord& weird) -> Value {
       if (weird.uid.empty()) return Absent{};
       return weird.uid;
     })},
}};

constexpr std::array<Field, 4> kWeird = {{
    {"name", FieldType::String, "What happened, by Zeek's name.", kFromZeek,
     value<WeirdRecord>([](const WeirdRecord& weird) { return name_of(weird.name); })},
    {"addl", FieldType::String,
     "The numbers behind some names: the length in the UDP header and that of the datagram; the "
     "most changes of tunnel that a flow may have.",
     kFromZeek, value<WeirdRecord>([](const WeirdRecord& weird, RecordContext& context) {
       return explanation(weird, context);
     })},
    {"notice", FieldType::Bool, "Always false: weir makes no notices of them.", kFromZeek,
     value<WeirdRecord>([](const WeirdRecord&) { return false; })},
    {"source", FieldType::String, "The protocol whose analysis found it.", kFromZeek,
     value<WeirdRecord>(
         [](const WeirdRecord& weird) { return text_or_absent(source_of(weird.name)); })},
}};

constexpr auto kFields = join(
    kHead,
    optional_endpoint_rows<WeirdRecord, [](const WeirdRecord& weird) { return weird.has_ends; }>(
        kFromZeek),
    kWeird, tenant_rows<WeirdRecord>());

}  // namespace

constinit const Schema kWeirdSchema = {
    "weird", "Packets and connections that break the rules of their protocols.", kFields};

}  // namespace weir::protocol
