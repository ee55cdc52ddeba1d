// SPDX-License-Identifier: Apache-2.0
#include "app/kubernetes.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <nai/util/text.hpp>

#include "app/claim.hpp"
#include "app/refused_credential.hpp"
#include "app/settings.hpp"

namespace nai::app {

namespace {

constexpr std::size_t k_max_job_name_bytes = 40;

// YAML takes JSON's strings.
std::string yaml_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

using Variables = std::vector<std::pair<std::string_view, std::string>>;

std::string json_list_of(const std::vector<std::string>& patterns) {
  return patterns.empty() ? "" : nlohmann::json(patterns).dump();
}

std::string tags_of(const Config& config) {
  std::string tags;
  for (const auto& [tag, value] : config.wishes.tags) {
    tags += fmt::format("{}{}={}", tags.empty() ? "" : ",", tag, value);
  }
  return tags;
}

// Empty for what another pod has without being told, by the table of settings.
std::string unless_preset(std::string_view variable, const std::string& value) {
  const auto all = settings();
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const Setting& setting) { return setting.variable == variable; });
  // An address is shown with the slash of its empty path.
  const bool is_preset =
      found != all.end() && (value == found->preset || value == fmt::format("{}/", found->preset));
  return is_preset ? "" : value;
}

std::string address_of(std::string_view variable, const std::optional<http::Url>& url) {
  return unless_preset(variable, url.value().display());
}

// The digest alone counts; a tag before it, which may move on, tells people what that was.
std::string pinned(const std::string& image, const std::string& digest) {
  return fmt::format("{}@{}", image.substr(0, image.find('@')), digest);
}

void add_image(const Config& config, Variables& variables) {
  const auto& wishes = config.wishes;
  variables.emplace_back("NIM_MODEL_PROFILE", wishes.profile);
  variables.emplace_back("NIM_TAGS_SELECTOR", tags_of(config));
  variables.emplace_back("GPU_PRODUCT", wishes.gpu_product);
  variables.emplace_back("GPU_COUNT", wishes.gpu_count ? std::to_string(*wishes.gpu_count) : "");
  variables.emplace_back("NIM_PLATFORM", unless_preset("NIM_PLATFORM", config.platform));
  variables.emplace_back("NGC_API_ENDPOINT",
                         address_of("NGC_API_ENDPOINT", config.ngc_api_endpoint));
  variables.emplace_back("NGC_AUTH_ENDPOINT",
                         address_of("NGC_AUTH_ENDPOINT", config.ngc_auth_endpoint));
  variables.emplace_back("REGISTRY_USERNAME", config.registry_user);
}

// What makes another pod fetch the same.
Variables variables_of(const Config& config, const std::string& version) {
  const bool nim = config.provider == Provider::nim;
  Variables variables{{"PROVIDER", nim ? "nim" : "hf"},
                      {"REPO_ID", nim ? pinned(config.repository, version) : config.repository},
                      {"REPO_VERSION", nim ? "" : version},
                      {"MODEL_NAME", config.model_name},
                      {"OUTPUT_MOUNT", "/data"},
                      {"OUTPUT_FORMAT", nim ? "nim" : "hf"},
                      {"TERMINATION_MESSAGE_FILE_PATH", "/dev/termination-log"},
                      {"HF_ENDPOINT", address_of("HF_ENDPOINT", config.hub_endpoint)},
                      {"ALLOW_PATTERNS", json_list_of(config.include)},
                      {"IGNORE_PATTERNS", json_list_of(config.exclude)}};
  if (nim) {
    add_image(config, variables);
  }
  return variables;
}

// Variables that the Secret has, each under its own name.
std::vector<std::string_view> secrets_of(const Config& config) {
  if (config.provider == Provider::hugging_face) {
    return {"HF_TOKEN"};
  }
  std::vector<std::string_view> secrets{"NGC_API_KEY", "HF_TOKEN"};
  if (has_registry_user(config)) {
    secrets.emplace_back("REGISTRY_PASSWORD");
  }
  return secrets;
}

// Of what no variable can bring into the pod; empty when there is nothing of the kind.
std::string comment_on_mounts(const Config& config) {
  if (config.provider == Provider::hugging_face || config.manifest_file.empty()) {
    return {};
  }
  return fmt::format(
      "          # Mount the model manifest {} into the container, "
      "and set NIM_MANIFEST_FILE to its path there.\n",
      yaml_string(config.manifest_file.string()));
}

std::string environment(const Config& config, const std::string& version) {
  std::string yaml;
  for (const auto& [name, value] : variables_of(config, version)) {
    if (!value.empty()) {
      yaml += fmt::format("            - name: {}\n              value: {}\n", name,
                          yaml_string(value));
    }
  }
  for (const std::string_view secret : secrets_of(config)) {
    yaml += fmt::format(
        R"(            - name: {}
              valueFrom:
                secretKeyRef:
                  name: model-tokens
                  key: {}
                  optional: true
)",
        secret, secret);
  }
  return yaml;
}

constexpr std::string_view k_claim = R"(apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {0}-pvc-claim
spec:
  # storageClassName: of a class for shared files (NFS); without it the cluster's default.
  accessModes: [ReadWriteMany]
  resources:
    requests:
      storage: {1}
---
)";

constexpr std::string_view k_job = R"(apiVersion: batch/v1
kind: Job
metadata:
  name: {0}-model-job
spec:
  backoffLimit: 3
  podReplacementPolicy: Failed
  ttlSecondsAfterFinished: 86400
  # What another attempt does not mend ends the Job; what was told to stop does not count.
  podFailurePolicy:
    rules:
      - action: Ignore
        onPodConditions:
          - type: DisruptionTarget
      - action: FailJob
        onExitCodes:
          containerName: process-model-container
          operator: In
          values: [2, 3, 4, 5, 7]
      - action: Ignore
        onExitCodes:
          containerName: process-model-container
          operator: In
          values: [130, 143]
      - action: Count
        onExitCodes:
          containerName: process-model-container
          operator: In
          values: [1, 6, 8, 75]
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 30
      automountServiceAccountToken: false
      securityContext:
        # Any user that may write to the volume.
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 0
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: process-model-container
          image: {1}
{2}          env:
{3}          resources:
            requests:
              cpu: "1"
              memory: 256Mi
            limits:
              memory: 512Mi
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
          terminationMessagePath: /dev/termination-log
          terminationMessagePolicy: FallbackToLogsOnError
          volumeMounts:
            - name: model-store-volume
              mountPath: /data
      volumes:
        - name: model-store-volume
          persistentVolumeClaim:
            claimName: {0}-pvc-claim
)";

}  // namespace

std::string object_name(std::string_view text) {
  std::string name;
  for (const char c : util::to_lower(text)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (plain || (!name.empty() && name.back() != '-')) {
      name += plain ? c : '-';
    }
  }
  name.resize(std::min(name.size(), k_max_job_name_bytes));
  while (name.ends_with('-')) {
    name.pop_back();
  }
  return name.empty() ? "model" : name;
}

std::string kubernetes_manifests(const Config& config, const std::string& version,
                                 std::uint64_t bytes) {
  const std::string name = object_name(config.model_name);
  return fmt::format("# The volume: {}.\n", k_claim_rule) +
         fmt::format(k_claim, name, claim_quantity(bytes)) +
         fmt::format(k_job, name, yaml_string(config.options.image), comment_on_mounts(config),
                     environment(config, version));
}

}  // namespace nai::app
