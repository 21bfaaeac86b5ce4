#include "interface/file_interfaces.h"

#include <functional>
#include <string_view>
#include <utility>

namespace weir::interface {
namespace {

std::size_t hash_of(const CaptureInterface& interface) {
  const auto mix = [](std::size_t hash, std::size_t value) {
    return hash * 0x9e3779b97f4a7c15 + value;
  };
  std::size_t hash = std::hash<std::string_view>{}(interface.name);
  hash = mix(hash, static_cast<std::size_t>(interface.link_type));
  hash = mix(hash, interface.snaplen);
  hash = mix(hash, interface.fcs_bytes);
  for (const std::uint8_t byte : interface.options) hash = mix(hash, byte);
  return hash;
}

}  // namespace

void FileInterfaces::begin_file() { ++file_; }

std::optional<InterfaceId> FileInterfaces::add(CaptureInterface interface) {
  Alike& alike = by_hash_[hash_of(interface)];
  if (alike.file != file_) {
    alike.file = file_;
    alike.next = 0;
  }
  if (alike.next < alike.ids.size() && table_.at(alike.ids[alike.next]) == interface)
    return alike.ids[alike.next++];

  description_bytes_ += interface.name.size() + interface.options.size();
  if (table_.count() >= kInterfacesMax || description_bytes_ > kDescriptionBytesMax)
    return std::nullopt;
  const InterfaceId id = table_.add(std::move(interface));
  alike.ids.push_back(id);
  alike.next = alike.ids.size();
  return id;
}

}  // namespace weir::interface
