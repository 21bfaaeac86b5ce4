// pcapng block types, option codes and fixed sizes (draft-ietf-opsawg-pcapng, sections 3 and 4).
#pragma once

#include <cstdint>

namespace weir::storage::pcapng {

enum class BlockType : std::uint32_t {
  SectionHeader = 0x0a0d0d0a,
  InterfaceDescription = 1,
  ObsoletePacket = 2,
  SimplePacket = 3,
  NameResolution = 4,
  InterfaceStatistics = 5,
  EnhancedPacket = 6,
  SystemdJournalExport = 9,
  DecryptionSecrets = 0x0a,
  CustomCopyable = 0x00000bad,
  CustomNotCopyable = 0x40000bad,
};

// Packets as weir writes them.
[[nodiscard]] constexpr bool is_packet(std::uint32_t type) noexcept {
  return type == static_cast<std::uint32_t>(BlockType::EnhancedPacket) ||
         type == static_cast<std::uint32_t>(BlockType::SimplePacket);
}

inline constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
inline constexpr std::uint32_t kBlockOverheadBytes = 12;  // type, total length, total length again
inline constexpr std::uint32_t kSectionHeaderFixedBytes = 16;  // body before the options
inline constexpr std::uint32_t kInterfaceDescriptionFixedBytes = 8;
inline constexpr std::uint32_t kEnhancedPacketFixedBytes = 20;
inline constexpr std::uint32_t kObsoletePacketFixedBytes = 20;
inline constexpr std::uint32_t kSimplePacketFixedBytes = 4;
inline constexpr std::uint32_t kInterfaceStatisticsFixedBytes = 12;
// libpcap refuses larger blocks; so do we.
inline constexpr std::uint32_t kBlockBytesMax = 16 * 1024 * 1024;

namespace option {
inline constexpr std::uint16_t kEndOfOptions = 0;
inline constexpr std::uint16_t kComment = 1;
inline constexpr std::uint16_t kShbHardware = 2;
inline constexpr std::uint16_t kShbOs = 3;
inline constexpr std::uint16_t kShbUserApplication = 4;
inline constexpr std::uint16_t kIfName = 2;
inline constexpr std::uint16_t kIfDescription = 3;
inline constexpr std::uint16_t kIfSpeed = 8;
inline constexpr std::uint16_t kIfTsresol = 9;
inline constexpr std::uint16_t kIfTzone = 10;
inline constexpr std::uint16_t kIfFilter = 11;
inline constexpr std::uint16_t kIfOs = 12;
inline constexpr std::uint16_t kIfFcslen = 13;
inline constexpr std::uint16_t kIfTsoffset = 14;
inline constexpr std::uint16_t kIfHardware = 15;
inline constexpr std::uint16_t kIfTxspeed = 16;
inline constexpr std::uint16_t kIfRxspeed = 17;
inline constexpr std::uint16_t kEpbFlags = 2;
inline constexpr std::uint16_t kEpbDropcount = 4;
inline constexpr std::uint16_t kEpbPacketid = 5;
inline constexpr std::uint16_t kEpbQueue = 6;
inline constexpr std::uint16_t kEpbVerdict = 7;
inline constexpr std::uint16_t kIsbStarttime = 2;
inline constexpr std::uint16_t kIsbEndtime = 3;
inline constexpr std::uint16_t kIsbIfrecv = 4;
inline constexpr std::uint16_t kIsbIfdrop = 5;
inline constexpr std::uint16_t kIsbFilteraccept = 6;
inline constexpr std::uint16_t kIsbOsdrop = 7;
inline constexpr std::uint16_t kIsbUsrdeliv = 8;
// In every block: a private enterprise number and its owner's data (section 3.5.1).
inline constexpr std::uint16_t kCustomStringCopyable = 2988;
inline constexpr std::uint16_t kCustomBytesCopyable = 2989;
inline constexpr std::uint16_t kCustomStringNotCopyable = 19372;
inline constexpr std::uint16_t kCustomBytesNotCopyable = 19373;
}  // namespace option

}  // namespace weir::storage::pcapng
