// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "support/process.hpp"
#include "support/temporary_directory.hpp"

namespace nai::test {

// An empty root file system with nothing but the executable, a volume and a pod's resolv.conf.
// Needs root.
class PodRoot {
 public:
  explicit PodRoot(const std::string& name_server,
                   const std::string& search =
                       "nai-admin.svc.cluster.local svc.cluster.local cluster.local test") {
    std::filesystem::permissions(path(), std::filesystem::perms(0755));
    std::filesystem::copy_file(std::getenv("NAI_BINARY"), path() / "nai-model-processor");
    std::filesystem::create_directory(path() / "data");
    write_file(path() / "etc/resolv.conf", "nameserver " + name_server + "\nsearch " + search +
                                               "\noptions ndots:5 timeout:1 attempts:1\n");
  }

  [[nodiscard]] const std::filesystem::path& path() const { return m_directory.path(); }
  // `user` as chroot takes it: "1000:0".
  [[nodiscard]] Process start(const Process::Environment& environment,
                              const std::vector<std::string>& arguments = {},
                              const std::string& user = "0:0") const {
    std::vector<std::string> command{"/usr/sbin/chroot", "--userspec=" + user, path().string(),
                                     "/nai-model-processor"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return {command, environment};
  }
  [[nodiscard]] ProcessResult run(const Process::Environment& environment,
                                  const std::vector<std::string>& arguments = {},
                                  const std::string& user = "0:0") const {
    return start(environment, arguments, user).wait();
  }

 private:
  TemporaryDirectory m_directory;
};

}  // namespace nai::test
