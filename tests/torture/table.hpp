// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace nai::torture {

// What became of one injected fault.
struct Outcome {
  // The run ended as the fault allows, and the next one, without it, completed the volume.
  bool survived = true;
  bool hung = false;
  unsigned wrong_files = 0;      // ever visible below model-files, or on record, with wrong bytes
  unsigned lost_files = 0;       // complete after the fault, then gone or fetched again
  std::vector<std::string> why;  // each thing that was not as it must be

  void blame(std::string reason) {
    survived = false;
    why.push_back(std::move(reason));
  }
  [[nodiscard]] bool good() const {
    return survived && !hung && wrong_files == 0 && lost_files == 0;
  }
};

// Counts outcomes by fault. Thread-safe.
class Table {
 public:
  void add(const std::string& fault, const Outcome& outcome);
  // A line for what could not be tried here.
  void skip(const std::string& fault, const std::string& reason);

  [[nodiscard]] bool good() const;
  [[nodiscard]] std::uint64_t tries() const;
  // Everything that was not as it must be, at most a few for each fault.
  [[nodiscard]] std::string complaints() const;
  [[nodiscard]] std::string text() const;

 private:
  struct Row {
    std::uint64_t tries = 0;
    std::uint64_t survived = 0;
    std::uint64_t wrong = 0;
    std::uint64_t lost = 0;
    std::uint64_t hung = 0;
    std::vector<std::string> why;
  };

  [[nodiscard]] Row sum() const;

  mutable std::mutex m_mutex;
  std::map<std::string, Row> m_rows;
  std::map<std::string, std::string> m_skipped;
};

}  // namespace nai::torture
