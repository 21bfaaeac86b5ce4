// What the generator sends: a template of the frames, and what its BPF program needs to know to
// make frames of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frame_plan.h"

namespace weir::wire {

enum class Mix : std::uint8_t { Small, Middle, Large, Imix };

std::optional<Mix> find_mix(std::string_view name) noexcept;
std::string_view name_of(Mix mix) noexcept;
std::string mix_names();  // "60, 508, 1514, imix"

// The largest frame of the mix, with every field that all frames share.
std::vector<std::uint8_t> make_template(Mix mix);

// The plan for frames cut from `frame`: all of it but seed, flows and interface.
FramePlan make_plan(Mix mix, const std::vector<std::uint8_t>& frame);

}  // namespace weir::wire
