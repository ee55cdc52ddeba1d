// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <catch2/catch_test_macros.hpp>

#include <nai/storage/mount_info.hpp>

using nai::storage::parse_mount_info;

namespace {

const std::string k_text =
    "22 1 0:21 / / rw,relatime - overlay overlay rw,lowerdir=/a\n"
    "40 22 0:50 /export /data rw,noatime shared:1 master:2 - nfs4 server:/export "
    "rw,vers=4.2,hard,addr=10.0.0.1\n"
    "41 22 0:51 / /data\\040set rw - ext4 /dev/sdb rw\n"
    "42 40 0:52 / /data/inner ro - tmpfs tmpfs ro,size=64k\n"
    "43 40 0:53 / /data/inner rw - tmpfs above rw\n"
    "torn line\n";

}  // namespace

TEST_CASE("The mount of a directory is the innermost, and of those the last", "[storage]") {
  CHECK(parse_mount_info(k_text, "/data")->type == "nfs4");
  CHECK(parse_mount_info(k_text, "/data/model-files")->source == "server:/export");
  CHECK(parse_mount_info(k_text, "/data/inner/x")->source == "above");
  CHECK(parse_mount_info(k_text, "/database")->type == "overlay");
  CHECK(parse_mount_info(k_text, "/data set/x")->source == "/dev/sdb");
  CHECK_FALSE(parse_mount_info("", "/data"));
}

TEST_CASE("Options of a mount and of its file system", "[storage]") {
  const auto mount = parse_mount_info(k_text, "/data");
  CHECK(mount->is_nfs());
  CHECK(mount->has_option("noatime"));
  CHECK(mount->has_option("hard"));
  CHECK_FALSE(mount->has_option("soft"));
  CHECK_FALSE(mount->has_option("ver"));
  CHECK(mount->option("vers") == "4.2");
  CHECK(mount->option("addr") == "10.0.0.1");
  CHECK(mount->option("hard").empty());
}
