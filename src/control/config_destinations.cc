#include "control/config_destinations.h"

#include <string_view>
#include <utility>

namespace weir::control {
namespace {

using security::DestinationKind;

class DestinationChecker {
 public:
  explicit DestinationChecker(const Config& config)
      : config_(config),
        rules_{.whose = std::string(kDestinationRulesName), .rules = config.security.destinations} {
  }

  std::vector<ConfigProblem> check() {
    for (std::size_t i = 0; i < config_.sessions.size(); ++i) {
      const SessionConfig& session = config_.sessions[i];
      const ConfigPlace place{.section = "session", .item = i};
      check_file(session.pcapng, place);
      check_path(DestinationKind::Spill, session.pcapng.spill, place, "pcapng.spill");
      for (const std::string& path : session.store.paths) {
        check_path(DestinationKind::Store, path, place, "store.path");
      }
      check_path(DestinationKind::Logs, session.logs.path, place, "logs.path");
    }
    return std::move(problems_);
  }

 private:
  // Whether it is a pipe is not said by its name, but for one that has a queue.
  void check_file(const PcapngConfig& pcapng, ConfigPlace place) {
    if (pcapng.path.empty()) return;
    const bool may_be_pipe = refusal_of_kind(rules_, DestinationKind::Pipe).empty();
    const bool pipe = may_be_pipe || !pcapng.spill.empty();
    check_path(pipe ? DestinationKind::Pipe : DestinationKind::Pcapng, pcapng.path, place,
               "pcapng.path");
  }

  void check_path(DestinationKind kind, const std::string& path, ConfigPlace place,
                  std::string_view key) {
    if (path.empty()) return;
    place.key = key;
    add(place, path, refusal_of_kind(rules_, kind));
    add(place, path, refusal_of_path(rules_, path));
  }

  void add(ConfigPlace place, const std::string& path, const std::string& why) {
    if (why.empty() || problems_.size() >= kProblemsMax) return;
    problems_.push_back({.place = place,
                         .path = path_of(place, config_),
                         .message = "'" + path + "': in session " +
                                    config_.sessions[*place.item].name + ", " + why});
  }

  const Config& config_;
  const security::DestinationRulesOf rules_;
  std::vector<ConfigProblem> problems_;
};

}  // namespace

std::vector<ConfigProblem> check_destinations(const Config& config) {
  return DestinationChecker(config).check();
}

}  // namespace weir::control
