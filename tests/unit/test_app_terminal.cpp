// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include <catch2/catch_test_macros.hpp>

#include <nai/util/file.hpp>

#include "app/log.hpp"

namespace {

using namespace nai::app;
using nai::util::Fd;

// A terminal of 40 columns and 10 rows; what is written to it is read back as it is.
class Terminal {
 public:
  Terminal() : m_master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)) {
    REQUIRE(::grantpt(m_master.get()) == 0);
    REQUIRE(::unlockpt(m_master.get()) == 0);
    m_slave = Fd(::open(::ptsname(m_master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    resize(40);
  }
  void resize(unsigned short columns) const {
    const winsize size{.ws_row = 10, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    REQUIRE(::ioctl(m_slave.get(), TIOCSWINSZ, &size) == 0);
  }
  [[nodiscard]] Streams streams() const { return {m_slave.get(), m_slave.get()}; }
  // Everything that was written. The kernel hands it over in the background: a read may end between
  // two writes, and only one that finds nothing has waited for the rest.
  std::string take() const {
    std::string text;
    std::array<char, 1000> part{};
    ssize_t size = 0;
    while ((size = ::read(m_master.get(), part.data(), part.size())) > 0) {
      text.append(part.data(), static_cast<std::size_t>(size));
    }
    return text;
  }

 private:
  Fd m_master;
  Fd m_slave;
};

// TERM for the time of a test.
class Term {
 public:
  explicit Term(const char* value) {
    if (const char* before = std::getenv("TERM"); before != nullptr) {
      m_before = before;
    }
    ::setenv("TERM", value, 1);
  }
  ~Term() { ::setenv("TERM", m_before.c_str(), 1); }
  Term(const Term&) = delete;
  Term& operator=(const Term&) = delete;

 private:
  std::string m_before = "dumb";
};

}  // namespace

TEST_CASE("A status of several lines is redrawn in place, and lines go above it", "[app]") {
  const Term term("xterm");
  const Terminal terminal;
  nai::util::SystemClock clock;
  Console console({}, clock, terminal.streams());
  REQUIRE(console.has_status_line());
  CHECK(console.status_size().width == 39);
  CHECK(console.status_size().height == 10);
  console.show_status("a\n" + std::string(100, 'b'));
  CHECK(terminal.take() == "\r\x1b[Ka\r\n" + std::string(36, 'b') + "...");
  console.show_status("c\nd\ne");
  CHECK(terminal.take() == "\r\x1b[K\x1b[A\x1b[Kc\r\nd\r\ne");
  console.announce("x", "line");
  CHECK(terminal.take() == "\r\x1b[K\x1b[A\x1b[K\x1b[A\x1b[Kline\r\nc\r\nd\r\ne");
  console.show_status("");
  CHECK(terminal.take() == "\r\x1b[K\x1b[A\x1b[K\x1b[A\x1b[K");
  console.show_status("one");
  CHECK(terminal.take() == "\r\x1b[Kone");
}

TEST_CASE("After the reason of a failure nobody draws a bar any more", "[app]") {
  const Term term("xterm");
  const Terminal terminal;
  nai::util::SystemClock clock;
  Console console({}, clock, terminal.streams());
  console.show_status("a\nb");
  terminal.take();
  console.fail("it broke", {});
  CHECK(terminal.take() == "\r\x1b[K\x1b[A\x1b[Kit broke\r\n");
  console.show_status("c");
  CHECK(terminal.take().empty());
}

TEST_CASE("A bar that a narrower terminal has wrapped goes away whole", "[app]") {
  const Term term("xterm");
  const Terminal terminal;
  nai::util::SystemClock clock;
  Console console({}, clock, terminal.streams());
  console.show_status(std::string(39, 'a') + "\nb");
  terminal.take();
  terminal.resize(20);
  console.show_status("");
  CHECK(terminal.take() == "\r\x1b[K\x1b[A\x1b[K\x1b[A\x1b[K");
}

TEST_CASE("A dumb terminal, JSON and a quiet log get no escape codes", "[app]") {
  const Terminal terminal;
  nai::util::SystemClock clock;
  const auto has_status = [&](const char* name, const OutputConfig& config) {
    const Term term(name);
    Console console(config, clock, terminal.streams());
    console.show_status("a\nb");
    const auto written = terminal.take();
    return console.has_status_line() || !written.empty();
  };
  CHECK(has_status("xterm", {}));
  CHECK_FALSE(has_status("dumb", {}));
  CHECK_FALSE(has_status("xterm", {.format = LogFormat::json}));
  CHECK_FALSE(has_status("xterm", {.level = LogLevel::quiet}));
}
