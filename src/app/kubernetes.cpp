// SPDX-License-Identifier: Apache-2.0
#include "app/kubernetes.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <nai/util/text.hpp>

#include "app/claim.hpp"

namespace nai::app {

namespace {

constexpr std::size_t k_max_name_bytes = 40;
constexpr std::string_view k_default_hub = "https://huggingface.co/";

// YAML takes JSON's strings.
std::string yaml_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

using Variables = std::vector<std::pair<std::string_view, std::string>>;

std::string list_of(const std::vector<std::string>& patterns) {
  return patterns.empty() ? "" : nlohmann::json(patterns).dump();
}

std::string tags_of(const Config& config) {
  std::string tags;
  for (const auto& [tag, value] : config.wishes.tags) {
    tags += fmt::format("{}{}={}", tags.empty() ? "" : ",", tag, value);
  }
  return tags;
}

void add_wishes(const Config& config, Variables& variables) {
  const auto& wishes = config.wishes;
  variables.emplace_back("NIM_MODEL_PROFILE", wishes.profile);
  variables.emplace_back("NIM_TAGS_SELECTOR", tags_of(config));
  variables.emplace_back("GPU_PRODUCT", wishes.gpu_product);
  variables.emplace_back("GPU_COUNT", wishes.gpu_count ? std::to_string(*wishes.gpu_count) : "");
}

// What makes another pod fetch the same.
Variables variables_of(const Config& config, const std::string& revision) {
  const bool nim = config.provider == Provider::nim;
  const std::string hub = config.hub_endpoint.value().display();
  Variables variables{{"PROVIDER", nim ? "nim" : "hf"},
                      {"REPO_ID", config.repository},
                      {"REPO_VERSION", nim ? "" : revision},
                      {"MODEL_NAME", config.model_name},
                      {"OUTPUT_MOUNT", "/data"},
                      {"OUTPUT_FORMAT", nim ? "nim" : "hf"},
                      {"TERMINATION_MESSAGE_FILE_PATH", "/dev/termination-log"},
                      {"HF_ENDPOINT", hub == k_default_hub ? "" : hub},
                      {"ALLOW_PATTERNS", list_of(config.include)},
                      {"IGNORE_PATTERNS", list_of(config.exclude)}};
  if (nim) {
    add_wishes(config, variables);
  }
  return variables;
}

std::string environment(const Config& config, const std::string& revision) {
  std::string yaml;
  for (const auto& [name, value] : variables_of(config, revision)) {
    if (!value.empty()) {
      yaml += fmt::format("            - name: {}\n              value: {}\n", name,
                          yaml_string(value));
    }
  }
  const std::string_view key = config.provider == Provider::nim ? "NGC_API_KEY" : "HF_TOKEN";
  yaml += fmt::format(
      R"(            - name: {}
              valueFrom:
                secretKeyRef:
                  name: model-tokens
                  key: {}
                  optional: true
)",
      key, key);
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
          env:
{2}          resources:
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
  name.resize(std::min(name.size(), k_max_name_bytes));
  while (name.ends_with('-')) {
    name.pop_back();
  }
  return name.empty() ? "model" : name;
}

std::string kubernetes_manifests(const Config& config, const std::string& revision,
                                 std::uint64_t bytes) {
  const std::string name = object_name(config.model_name);
  return fmt::format("# The volume: {}.\n", k_claim_rule) +
         fmt::format(k_claim, name, claim_quantity(bytes)) +
         fmt::format(k_job, name, yaml_string(config.options.image), environment(config, revision));
}

}  // namespace nai::app
