// SPDX-License-Identifier: Apache-2.0
#include "support/mock/repository.hpp"

#include "support/mock/digest.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

namespace mock {

namespace {

constexpr std::uint64_t k_largest_regular_file = 10 * 1000 * 1000;
constexpr std::size_t k_shortest_commit_prefix = 7;

constexpr std::array<std::string_view, 26> k_lfs_extensions = {
    ".7z",  ".arrow", ".bin",         ".bz2",     ".ckpt",  ".ftz",     ".gguf",
    ".gz",  ".h5",    ".joblib",      ".mlmodel", ".model", ".msgpack", ".npy",
    ".npz", ".onnx",  ".ot",          ".parquet", ".pb",    ".pickle",  ".pkl",
    ".pt",  ".pth",   ".safetensors", ".tflite",  ".zip",
};

}  // namespace

std::string File::shown_id() const {
  if (listed_id) {
    return *listed_id;
  }
  return lfs ? content.sha256() : content.git_blob_sha1();
}

std::string File::lfs_pointer() const {
  return "version https://git-lfs.github.com/spec/v1\noid sha256:" + shown_id() + "\nsize " +
         std::to_string(shown_size()) + "\n";
}

std::string File::git_oid() const {
  if (!lfs) {
    return shown_id();
  }
  return Content::inline_bytes(lfs_pointer()).git_blob_sha1();
}

File regular_file(std::string path, std::string bytes) {
  return {.path = std::move(path), .content = Content::inline_bytes(std::move(bytes))};
}

File lfs_file(std::string path, Content content) {
  return {.path = std::move(path), .content = std::move(content), .lfs = true};
}

const File* Commit::find(std::string_view path) const {
  const auto found =
      std::find_if(files.begin(), files.end(), [&](const File& file) { return file.path == path; });
  return found == files.end() ? nullptr : &*found;
}

std::string Repository::add_commit(std::vector<File> files, const std::string& ref,
                                   std::string commit_id) {
  if (commit_id.empty()) {
    std::string text = id + "\n" + std::to_string(commits.size());
    for (const File& file : files) {
      text +=
          "\n" + file.path + "\n" + std::to_string(file.content.size()) + file.content.cache_key();
    }
    commit_id = sha1_hex(text);
  }
  refs[ref] = commit_id;
  commits.insert(commits.begin(), Commit{.id = commit_id, .files = std::move(files)});
  return commit_id;
}

const Commit* Repository::resolve(const std::string& revision) const {
  const auto ref = refs.find(revision == "HEAD" ? "main" : revision);
  const std::string& name = ref == refs.end() ? revision : ref->second;
  const auto found = std::find_if(commits.begin(), commits.end(), [&](const Commit& commit) {
    return commit.id == name ||
           (name.size() >= k_shortest_commit_prefix && commit.id.starts_with(name));
  });
  return found == commits.end() ? nullptr : &*found;
}

Repository make_repository(std::string id, std::vector<File> files) {
  Repository repository{.id = std::move(id)};
  repository.add_commit(std::move(files));
  return repository;
}

bool is_lfs_by_rule(const std::string& path, std::uint64_t size) {
  return size > k_largest_regular_file ||
         std::any_of(k_lfs_extensions.begin(), k_lfs_extensions.end(),
                     [&](std::string_view extension) { return path.ends_with(extension); });
}

void compute_digests(const Repository& repository) {
  std::vector<const File*> files;
  for (const Commit& commit : repository.commits) {
    for (const File& file : commit.files) {
      files.push_back(&file);
    }
  }
  // The largest first, so that none is left over for one core at the end.
  std::sort(files.begin(), files.end(),
            [](const File* a, const File* b) { return a->content.size() > b->content.size(); });
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::exception_ptr trouble;
  const auto work = [&]() noexcept {
    try {
      for (std::size_t i = next++; i < files.size(); i = next++) {
        static_cast<void>(files[i]->shown_id());
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      trouble = std::current_exception();
    }
  };
  const unsigned count = std::clamp(std::thread::hardware_concurrency(), 1U, 16U);
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 1; i < count; ++i) {
      threads.emplace_back(work);
    }
    work();
  }
  if (trouble) {
    std::rethrow_exception(trouble);
  }
}

}  // namespace mock
