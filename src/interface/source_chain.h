// Sources one after the other, as one: the next begins where the one before it has ended.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "interface/file_interfaces.h"
#include "interface/source.h"

namespace weir::interface {

// Of lossless sources. An interface that is described word for word as one of an earlier part is
// that one again, as it is with files. A part that fails ends the chain: what it gave was good, and
// the parts after it are not read.
class SourceChain final : public Source {
 public:
  // At least one. What the first knows of its interfaces by now is known here at once.
  explicit SourceChain(std::vector<std::unique_ptr<Source>> parts);

  Pull next_batch(PacketBatch& batch, std::uint32_t packets_max, Duration timeout) override;
  void release(PacketBatch& batch) override;
  void close_intake() override;
  void close() override;
  void wake() noexcept override;
  void refresh_statistics() override {}
  [[nodiscard]] const SourceStatistics& statistics() const noexcept override { return statistics_; }
  [[nodiscard]] const InterfaceTable& interfaces() const noexcept override {
    return interfaces_.table();
  }
  [[nodiscard]] std::string_view mode() const noexcept override { return parts_.front()->mode(); }
  [[nodiscard]] bool lossless() const noexcept override { return true; }
  // Of unknown length where one of the parts is.
  [[nodiscard]] Progress progress() const noexcept override;
  [[nodiscard]] const std::optional<Error>& error() const noexcept override { return error_; }

 private:
  // An interface of the part that is read, as the chain has it.
  struct Known {
    InterfaceId id = {};
    std::uint32_t before = 0;  // interfaces of the chain when it was met
  };

  [[nodiscard]] Source& part() noexcept { return *parts_[at_]; }
  bool take_interfaces();
  void translate(PacketBatch& batch);

  std::vector<std::unique_ptr<Source>> parts_;
  std::size_t at_ = 0;
  FileInterfaces interfaces_;
  std::vector<Known> known_;  // by number in the part
  std::vector<SideBlock> side_blocks_;
  SourceStatistics statistics_;
  std::optional<Error> error_;
};

}  // namespace weir::interface
