// Wireshark's folder of extcaps with weir in it, and tshark that looks there.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "integration/pcap_bytes.h"
#include "integration/weir_command.h"
#include "interface/capture_file.h"
#include "support/temp_dir.h"

namespace weir::test {

class ExtcapFolder {
 public:
  // The script of docs/extcap.md, with these options.
  explicit ExtcapFolder(const std::vector<std::string>& options) {
    std::string line = "#!/bin/sh\nexec";
    std::vector<std::string> words = {"extcap"};
    words.insert(words.end(), options.begin(), options.end());
    for (const std::string& word : weir(words)) line += " '" + word + "'";
    // Up to 4.0 and from 4.2 on.
    for (const char* folder : {".config/wireshark/extcap", ".local/lib/wireshark/extcap"}) {
      std::filesystem::create_directories(home_.path() / folder);
      const std::string script = (home_.path() / folder / "weir-extcap").string();
      write_file(script, line + " \"$@\"\n");
      EXPECT_EQ(::chmod(script.c_str(), 0755), 0);
    }
  }

  [[nodiscard]] std::vector<std::string> words(std::vector<std::string> more) const {
    more.insert(more.begin(),
                {"env", "-u", "XDG_CONFIG_HOME", "HOME=" + home_.path().string(), "tshark", "-n"});
    return more;
  }
  [[nodiscard]] CommandResult tshark(std::vector<std::string> more) const {
    return run_command(words(std::move(more)));
  }

  // As Wireshark writes the value of an interface in the names of preferences.
  static std::string in_preferences(const std::string& value) {
    std::string name;
    for (const char c : value) {
      const bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
      const bool big = c >= 'A' && c <= 'Z';
      name += kept ? c : big ? static_cast<char>(c - 'A' + 'a') : '_';
    }
    return name;
  }

 private:
  TempDir home_;  // preferences of whoever runs the test are none of it
};

inline std::size_t frames_of_file(const std::string& path) {
  auto source = interface::CaptureFileSource::open({path});
  if (!source) {
    ADD_FAILURE() << source.error().context;
    return 0;
  }
  std::size_t count = 0;
  PacketBatch batch;
  while ((*source)->next_batch(batch, kBatchPacketsMax, std::chrono::seconds(10)) ==
         interface::Pull::Packets) {
    count += batch.view().size();
    (*source)->release(batch);
  }
  return count;
}

}  // namespace weir::test
