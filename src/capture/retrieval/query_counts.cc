#include "capture/retrieval/query_counts.h"

namespace weir::capture::retrieval {

std::string_view name_of(storage::segment::Column column) noexcept {
  using storage::segment::Column;
  switch (column) {
    case Column::Chunks:
      return "chunks";
    case Column::Ipv4:
      return "ipv4";
    case Column::Ipv6:
      return "ipv6";
    case Column::Protocols:
      return "protocols";
    case Column::Tenants:
      return "tenants";
    case Column::CommunityId:
      return "community_id";
    case Column::Uid:
      return "uid";
  }
  return "other";
}

}  // namespace weir::capture::retrieval
