// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

#include <nlohmann/json.hpp>

#include <nai/util/json.hpp>
#include <nai/util/text.hpp>
#include <nai/util/units.hpp>

using namespace nai::util;
using namespace std::chrono_literals;

TEST_CASE("sizes are read in decimal and binary units") {
  CHECK(parse_bytes("1048576") == 1048576);
  CHECK(parse_bytes(" 64MiB ") == 64 * k_mib);
  CHECK(parse_bytes("64M") == 64 * k_mib);
  CHECK(parse_bytes("64 MB") == 64'000'000);
  CHECK(parse_bytes("1.5g") == k_gib + k_gib / 2);
  CHECK(parse_bytes("0") == 0);
  for (const char* bad : {"", "MiB", "-1", "1x", "nan", "inf", "1e400", "9999999999 TB", "0x10"}) {
    INFO(bad);
    CHECK_FALSE(parse_bytes(bad));
  }
}

TEST_CASE("durations are read with and without units") {
  CHECK(parse_duration("10") == 10s);
  CHECK(parse_duration("1.5s") == 1500ms);
  CHECK(parse_duration("500ms") == 500ms);
  CHECK(parse_duration("5m") == 5min);
  CHECK(parse_duration("2h") == 2h);
  CHECK_FALSE(parse_duration("soon"));
  CHECK_FALSE(parse_duration("-1s"));
}

TEST_CASE("figures are printed as people know them") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(999) == "999 B");
  CHECK(format_bytes(1'000) == "1.00 kB");
  CHECK(format_bytes(16'068'890'976) == "16.1 GB");
  CHECK(format_bytes(1'133'880'000) == "1.13 GB");
  CHECK(format_bytes(999'960) == "1.00 MB");
  CHECK(format_rate(304'200'000) == "304.2 MB/s");
  CHECK(format_rate(-1) == "0 B/s");
  CHECK(format_duration(8s) == "8s");
  CHECK(format_duration(192s) == "3m12s");
  CHECK(format_duration(7500s) == "2h05m");
  CHECK(format_duration(76h) == "3d04h");
}

TEST_CASE("foreign text is made fit for a log") {
  CHECK(printable("plain", 80) == "plain");
  CHECK(printable("a\x1b[31mb\r\n\tc", 80) == "a?[31mb???c");
  CHECK(printable("a\nb", 80, true) == "a\nb");
  CHECK(printable("gr\xc3\xbc\xc3\x9f", 80) == "gr\xc3\xbc\xc3\x9f");
  CHECK(printable("\xff\xc3", 80) == "??");
  CHECK(printable("\xc2\x9b"
                  "31m",
                  80) == "?31m");
  CHECK(printable("\xed\xa0\x80", 80) == "???");
  CHECK(printable("1234567890", 8) == "12345...");
  CHECK(printable("123\xc3\xbc\xc3\xbc\xc3\xbc", 8) == "123\xc3\xbc...");
}

TEST_CASE("hexadecimal and decimal are strict") {
  CHECK(from_hex("0aFf")->size() == 2);
  CHECK_FALSE(from_hex("0a0"));
  CHECK_FALSE(from_hex("zz"));
  CHECK(parse_decimal("18446744073709551615") == UINT64_MAX);
  for (const char* bad : {"", "18446744073709551616", "-1", "+1", " 1", "1 ", "1a"}) {
    INFO(bad);
    CHECK_FALSE(parse_decimal(bad));
  }
  CHECK(split("a,,b", ',').size() == 3);
  CHECK(split("", ',').size() == 1);
}

TEST_CASE("foreign JSON never surprises") {
  std::string problem;
  CHECK(parse_json(R"({"a": 1})"));
  CHECK_FALSE(parse_json("{", &problem));
  CHECK_FALSE(problem.empty());
  CHECK_FALSE(parse_json(std::string(100'000, '['), &problem));
  CHECK(problem == "nested too deeply");
  CHECK(parse_json("[[], {}, 1]", nullptr, 4));
  CHECK_FALSE(parse_json("[[], {}, 1, 2]", &problem, 4));
  CHECK(problem == "it has too many values");
  std::string lists = "[[]";
  for (std::size_t i = 0; i < k_max_json_values; ++i) {
    lists += ",[]";
  }
  CHECK_FALSE(parse_json(lists + "]", &problem));
  CHECK_FALSE(parse_json("", &problem));
  CHECK(problem == "it is empty");
  CHECK_FALSE(parse_json("{\"a\": \"\xff\"}"));
  const auto json =
      parse_json(R"({"n": 5, "neg": -5, "f": 1.5, "s": "x", "big": 99999999999999999999})");
  CHECK(unsigned_member(*json, "n") == 5);
  CHECK_FALSE(unsigned_member(*json, "neg"));
  CHECK_FALSE(unsigned_member(*json, "f"));
  CHECK_FALSE(unsigned_member(*json, "big"));
  CHECK(string_member(*json, "s") == "x");
  CHECK_FALSE(string_member(*json, "n"));
  CHECK(member(*parse_json("[1]"), "n") == nullptr);
}
