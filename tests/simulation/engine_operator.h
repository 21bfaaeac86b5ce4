// Somebody who steers a simulated engine: asks for this and that, now and then for what cannot be.
#pragma once

#include <string>

#include "base/prng.h"
#include "control/engine_control.h"
#include "simulation/engine_life.h"
#include "simulation/sim_threads.h"

namespace weir::test {

class EngineOperator {
 public:
  // All borrowed.
  EngineOperator(const EnginePlan& plan, const LifePlan& life, const std::string& directory,
                 const LifeOptions& options, SimThreads& threads, control::EngineControl& engine,
                 LifeRecord& record)
      : plan_(plan),
        life_(life),
        directory_(directory),
        author_(options.author),
        policy_(life.first_policy()),
        threads_(threads),
        engine_(engine),
        record_(record),
        random_(life.seed) {}

  // Until it is calm; then everything is as it was at the begin.
  void run();

 private:
  [[nodiscard]] control::Command draw();
  void execute(const control::Command& command);
  void change_policy();
  void restore();
  [[nodiscard]] std::string some_session();

  const EnginePlan& plan_;
  const LifePlan& life_;
  const std::string& directory_;
  const PolicyAuthor* const author_;
  std::uint64_t policy_;  // the version in force
  SimThreads& threads_;
  control::EngineControl& engine_;
  LifeRecord& record_;
  Prng random_;
  std::uint32_t made_ = 0;
};

}  // namespace weir::test
