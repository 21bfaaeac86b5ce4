// Answers of the engine for people: whole lines, times in UTC.
#pragma once

#include <string>
#include <vector>

#include "app/ctl/answers.h"
#include "control/engine_control.h"

namespace weir::app {

std::string text_of(const control::EngineStatus& status);
std::string text_of(const std::vector<control::SessionStatus>& sessions);
std::string text_of(const control::SessionStatus& session);
std::string text_of(const std::vector<control::InterfaceStatus>& interfaces);
std::string text_of(const control::SecurityStatus& security);
std::string text_of(const control::PressureStatus& status);
std::string text_of(const std::vector<control::GenerationStatus>& generations);
std::string text_of(const std::vector<control::ModuleStatus>& modules);
std::string text_of(const HealthAnswer& health);
std::string text_of(const control::CommandResult& result);
std::string text_of(const control::JournalRow& row);
std::string text_of(const std::vector<control::HistorySeries>& series);
std::string text_of(const EventAnswer& event);
std::string text_of(const std::vector<control::QueryStatus>& queries);
std::string text_of(const control::QueryStatus& query);
std::string text_of(const control::PolicyStatus& policy);
// The closing lines of one that has ended: what was found, and what is missing.
std::string summary_of(const control::QueryStatus& query);

}  // namespace weir::app
