// SPDX-License-Identifier: Apache-2.0
#include "app/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <string_view>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include <nai/util/file.hpp>
#include <nai/util/text.hpp>

namespace {

using namespace nai::app;
using nai::util::Fd;
using nai::util::Level;

class FixedClock final : public nai::util::Clock {
 public:
  [[nodiscard]] nai::util::SteadyTime steady_now() const override { return {}; }
  [[nodiscard]] nai::util::SystemTime system_now() const override {
    return nai::util::SystemTime(std::chrono::seconds(1'772'368'496));
  }
  void sleep_until(nai::util::SteadyTime /*deadline*/, const std::stop_token& /*stop*/) override {}
};

// The two ends of a pipe; what was written can be read without waiting.
struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    reader = Fd(ends[0]);
    writer = Fd(ends[1]);
    REQUIRE(::fcntl(reader.get(), F_SETFL, O_NONBLOCK) == 0);
  }
  std::string take() const {
    std::string text(1'000'000, '\0');
    const ssize_t size = ::read(reader.get(), text.data(), text.size());
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
  }
  Fd reader;
  Fd writer;
};

struct Fixture {
  Console console(LogFormat format, LogLevel level = LogLevel::normal) {
    return {{.format = format, .level = level}, clock, {output.writer.get(), error.writer.get()}};
  }
  FixedClock clock;
  Pipe output;
  Pipe error;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "Documented lines and diagnostics go their own ways", "[app]") {
  Console log(console(LogFormat::text));
  log.announce("started", "## Starting");
  log.announce_blank();
  log.progress("progress", "Progress: 1 %");
  log.debug("hidden", "not shown");
  log.info("note", "a note");
  log.warning("trouble", "some trouble");
  CHECK(output.take() == "## Starting\n\nProgress: 1 %\n");
  CHECK(error.take() == "a note\nwarning: some trouble\n");
  log.fail("first\n\nlast", {});
  CHECK(output.take().empty());
  CHECK(error.take() == "first\n\nlast\n");
}

TEST_CASE_METHOD(Fixture, "The level decides what is said", "[app]") {
  Console quiet(console(LogFormat::text, LogLevel::quiet));
  quiet.announce("started", "documented");
  quiet.progress("progress", "progress");
  quiet.info("note", "note");
  quiet.warning("trouble", "trouble");
  CHECK(output.take() == "documented\n");
  CHECK(error.take() == "warning: trouble\n");
  CHECK_FALSE(quiet.enabled(Level::info));

  Console debug(console(LogFormat::text, LogLevel::debug));
  debug.debug("detail", "detail");
  CHECK(error.take() == "debug: detail\n");
  CHECK(debug.enabled(Level::debug));
}

TEST_CASE_METHOD(Fixture, "As JSON every line is one object with stable members", "[app]") {
  Console log(console(LogFormat::json));
  log.announce("started", "a \"quoted\" \\ line\nwith \x01 and \xff",
               {{"text", std::string("\"\n")},
                {"count", std::uint64_t{18'446'744'073'709'551'615U}},
                {"share", 0.5},
                {"yes", true}});
  log.announce_blank();
  const auto text = output.take();
  CHECK(text.find('\n') == text.size() - 1);
  const auto object = nlohmann::json::parse(text);
  CHECK(object["time"] == "2026-03-01T12:34:56Z");
  CHECK(object["level"] == "info");
  CHECK(object["event"] == "started");
  CHECK(object["message"] == "a \"quoted\" \\ line\nwith ? and ?");
  CHECK(object["text"] == "\"\n");
  CHECK(object["count"] == 18'446'744'073'709'551'615U);
  CHECK(object["share"] == 0.5);
  CHECK(object["yes"] == true);
  CHECK(text.starts_with(R"({"time":"2026-03-01T12:34:56Z","level":"info","event":"started",)"));

  log.fail("why\n\nit failed", {{"exit_status", std::uint64_t{75}}});
  const auto failure = nlohmann::json::parse(error.take());
  CHECK(failure["event"] == "failed");
  CHECK(failure["level"] == "error");
  CHECK(failure["message"] == "why\n\nit failed");
  CHECK(failure["exit_status"] == 75);
}

TEST_CASE_METHOD(Fixture, "Secrets do not get out by any way", "[app]") {
  for (const auto format : {LogFormat::text, LogFormat::json}) {
    Console log(console(format, LogLevel::debug));
    log.hide("hf_\"secret");
    log.announce("a", "hf_\"secret", {{"field", std::string("x hf_\"secret")}});
    log.debug("b", "https://host/x?X-Amz-Signature=abc", {{"u", std::string("http://h?sig")}});
    log.fail("hf_\"secret\nhttps://u:pw@host", {});
    const auto text = output.take() + error.take();
    for (const auto* part : {"secret", "Signature", "sig", "pw"}) {
      CHECK(text.find(part) == std::string::npos);
    }
  }
}

TEST_CASE_METHOD(Fixture, "A foreign text stays one line of bounded length", "[app]") {
  Console log(console(LogFormat::text));
  log.warning("foreign", "a\nb\x1b[2J" + std::string(100'000, 'x'));
  const auto text = error.take();
  CHECK(text.starts_with("warning: a?b?[2J"));
  CHECK(text.size() <= 4096);
  CHECK(text.find('\n') == text.size() - 1);
}

TEST_CASE_METHOD(Fixture, "A closed or full other end harms nobody", "[app]") {
  ::signal(SIGPIPE, SIG_IGN);
  Console log(console(LogFormat::text));
  output.reader = Fd();
  log.announce("a", "into a closed pipe");
  error.writer = Fd(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  constexpr int k_not_open = 999;
  Console full({}, clock, {k_not_open, error.writer.get()});
  full.announce("a", "into a closed descriptor");
  full.warning("b", "onto a full disk");
  SUCCEED();
}

TEST_CASE("A reader who stopped reading holds nobody up", "[app]") {
  const Pipe pipe;
  REQUIRE(::fcntl(pipe.writer.get(), F_SETFL, O_NONBLOCK) == 0);
  const std::string page(4096, 'x');
  while (::write(pipe.writer.get(), page.data(), page.size()) > 0) {
  }
  REQUIRE(::fcntl(pipe.writer.get(), F_SETFL, 0) == 0);
  LineWriter writer(pipe.writer.get(), std::chrono::milliseconds(1));
  CHECK_FALSE(writer.write("lost\n"));
  CHECK_FALSE(writer.write("lost too\n"));
  static_cast<void>(pipe.take());
  CHECK(writer.write("heard again\n"));
  CHECK(pipe.take() == "heard again\n");
}
