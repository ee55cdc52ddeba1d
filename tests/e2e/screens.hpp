// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "e2e/job.hpp"
#include "e2e/nim_job.hpp"
#include "e2e/terminal_process.hpp"

namespace nai::test {

// docs/screens.md: what a person sees of the program. Each screen is made by running the program;
// it is compared with the page, or with NAI_UPDATE=1 in the environment written into it.
class ScreensPage {
 public:
  // One screen of the page.
  struct Entry {
    std::string name;   // stable, for README.md, which shows some of them
    std::string title;  // what is seen
    std::string command;
    std::string text;
    bool any_order = false;  // lines of several threads
  };

  ScreensPage();

  // A heading, and a paragraph below it.
  void section(const std::string& title, const std::string& text);
  void add(const Entry& entry);
  // One that cannot be made here, for want of a privilege: the page's own stands.
  void keep(const std::string& name, const std::string& title, const std::string& command);
  // Compares or writes.
  void finish() const;

 private:
  std::string m_known;  // the page as it is
  std::string m_text;
  std::vector<std::string> m_names;
};

// How a text goes into the page: the places and addresses of a test are replaced by names that any
// reader knows.
class Places {
 public:
  void add(std::string real, std::string shown);
  [[nodiscard]] std::string apply(std::string text) const;

 private:
  std::vector<std::pair<std::string, std::string>> m_places;
};
[[nodiscard]] Places places_of(const Job& job, const mock::Registry& registry);
[[nodiscard]] Places places_of(const NimJob& job, const mock::NimService& service);

// The same text, however long it took and whatever the digits are.
[[nodiscard]] std::string normalized(const std::string& text, bool any_order);

// What `kubectl logs` shows: both streams in the order of their lines, and the exit status last.
[[nodiscard]] std::string log_of(const std::vector<std::string>& arguments,
                                 const Environment& environment);
// The same of a process that is already running.
[[nodiscard]] std::string log_of(TerminalProcess& process);
[[nodiscard]] std::vector<std::string> command_line(const std::vector<std::string>& arguments);
[[nodiscard]] Environment on_a_pipe(Environment environment);

// The parts of the page.
void add_downloads(ScreensPage& page);
void add_commands(ScreensPage& page);
void add_failures(ScreensPage& page);

}  // namespace nai::test
