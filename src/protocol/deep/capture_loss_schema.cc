// capture_loss.log.
#include "protocol/deep/schema_rows.h"

namespace weir::protocol {
namespace {

constexpr std::string_view kFromZeek = "Zeek capture_loss.log";

double percent_lost(const CaptureLossRecord& loss) noexcept {
  if (loss.acknowledgements == 0) return 0.0;
  return 100.0 * static_cast<double>(loss.gaps) / static_cast<double>(loss.acknowledgements);
}

constexpr std::array<Field, 5> kFields = {{
    {"ts", FieldType::Time, "The end of the interval.", kFromZeek,
     value<CaptureLossRecord>([](const CaptureLossRecord& loss) { return loss.time; })},
    {"ts_delta", FieldType::Interval, "Its length.", kFromZeek,
     value<CaptureLossRecord>([](const CaptureLossRecord& loss) { return loss.delta; })},
    {"gaps", FieldType::Count, "TCP acknowledgements of data that was not seen.", kFromZeek,
     value<CaptureLossRecord>([](const CaptureLossRecord& loss) { return loss.gaps; })},
    {"acks", FieldType::Count, "TCP acknowledgements of new data, all of them.", kFromZeek,
     value<CaptureLossRecord>([](const CaptureLossRecord& loss) { return loss.acknowledgements; })},
    {"percent_lost", FieldType::Double, "100 · gaps / acks; 0 when there were none.", kFromZeek,
     value<CaptureLossRecord>([](const CaptureLossRecord& loss) { return percent_lost(loss); })},
}};

}  // namespace

constinit const Schema kCaptureLossSchema = {
    "capture_loss",
    "How much of the traffic never reached the capture, by the acknowledgements of an interval.",
    kFields};

}  // namespace weir::protocol
