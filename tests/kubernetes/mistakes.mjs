// SPDX-License-Identifier: Apache-2.0
//
// One mistake at a time in the hardened overlay, and the complaint that each must bring, alone.

const rule = (spec, action) => spec.podFailurePolicy.rules.find((r) => r.action === action && r.onExitCodes);

export const mistakes = {
  "a misspelt field of the Job": {
    spoil: ({ spec }) => (spec.backofLimit = 1),
    expect: /spec\/backofLimit: unknown field/,
  },
  "a misspelt field of a container": {
    spoil: ({ container }) => (container.terminationMesagePath = "/x"),
    expect: /containers\/0\/terminationMesagePath: unknown field/,
  },
  "a misspelt field deep below": {
    spoil: ({ pod }) => (pod.volumes.find((v) => v.secret).secret.optionl = true),
    expect: /secret\/optionl: unknown field/,
  },
  "a field in the wrong place": {
    spoil: ({ pod }) => (pod.readOnlyRootFilesystem = true),
    expect: /spec\/readOnlyRootFilesystem: unknown field/,
  },
  "a misspelt field of another object": {
    spoil: ({ get }) => (get("NetworkPolicy").spec.egres = []),
    expect: /NetworkPolicy.*spec\/egres: unknown field/,
  },
  "text in place of a number": {
    spoil: ({ spec }) => (spec.backoffLimit = "three"),
    expect: /backoffLimit: type/,
  },
  "no name": {
    spoil: ({ container }) => delete container.name,
    expect: /containers\/0: required.*"name"/,
  },
  "an unknown variable": {
    spoil: ({ container }) => container.env.push({ name: "REPO_REVISION", value: "main" }),
    expect: /REPO_REVISION is no variable of the program/,
  },
  "shards without indexes": {
    spoil: ({ container }) => container.env.push({ name: "SHARD_COUNT", value: "4" }),
    expect: /SHARD_COUNT without completionMode Indexed/,
  },
  "more pods than shards": {
    spoil: ({ spec }) => Object.assign(spec, { completionMode: "Indexed", completions: 4, parallelism: 4 }),
    expect: /SHARD_COUNT is 1, completions 4/,
  },
  "an unknown command": {
    spoil: ({ container }) => (container.args = ["donwload"]),
    expect: /donwload is no command of the program/,
  },
  "a command in place of the entrypoint": {
    spoil: ({ container }) => (container.command = ["/bin/sh"]),
    expect: /in place of the entrypoint/,
  },
  "a volume elsewhere": {
    spoil: ({ container }) => (container.volumeMounts.find((m) => m.mountPath === "/data").mountPath = "/model"),
    expect: /OUTPUT_MOUNT is not where the claim is mounted, \/model/,
  },
  "a termination message elsewhere": {
    spoil: ({ container }) => (container.terminationMessagePath = "/tmp/message"),
    expect: /TERMINATION_MESSAGE_FILE_PATH is not/,
  },
  "an exit status that the program does not have": {
    spoil: ({ spec }) => rule(spec, "FailJob").onExitCodes.values.push(9),
    expect: /exit status 9 is none of the program's/,
  },
  "an exit status that is treated otherwise": {
    spoil: ({ spec }) => rule(spec, "FailJob").onExitCodes.values.unshift(1),
    expect: /exit status 1: FailJob instead of Count/,
  },
  "an exit status that is not treated": {
    spoil: ({ spec }) => rule(spec, "Count").onExitCodes.values.pop(),
    expect: /exit status 75: undefined instead of Count/,
  },
  "a disruption that counts": {
    spoil: ({ spec }) => spec.podFailurePolicy.rules.shift(),
    expect: /a disruption is not ignored/,
  },
  "a policy for another container": {
    spoil: ({ spec }) => (rule(spec, "Count").onExitCodes.containerName = "other"),
    expect: /no container other/,
  },
  "a replacement policy that does not go with it": {
    spoil: ({ spec }) => (spec.podReplacementPolicy = "TerminatingOrFailed"),
    expect: /needs podReplacementPolicy Failed/,
  },
  "a claim that is not there": {
    spoil: ({ get }) => (get("PersistentVolumeClaim").metadata.name = "other"),
    expect: /no claim model-pvc-claim/,
  },
  "a mount of no volume": {
    spoil: ({ container }) => (container.volumeMounts[0].name = "other"),
    expect: /no volume other/,
  },
  root: {
    spoil: ({ pod }) => (pod.securityContext.runAsUser = 0),
    expect: /runAsUser is root/,
  },
  "a container that may be root": {
    spoil: ({ pod }) => delete pod.securityContext.runAsNonRoot,
    expect: /runAsNonRoot is not true/,
  },
  "no seccomp profile": {
    spoil: ({ pod }) => delete pod.securityContext.seccompProfile,
    expect: /no seccompProfile/,
  },
  "a way to more privileges": {
    spoil: ({ container }) => delete container.securityContext.allowPrivilegeEscalation,
    expect: /allowPrivilegeEscalation is not false/,
  },
  "a privileged container": {
    spoil: ({ container }) => (container.securityContext.privileged = true),
    expect: /: privileged/,
  },
  "capabilities that stay": {
    spoil: ({ container }) => (container.securityContext.capabilities.drop = ["NET_RAW"]),
    expect: /capabilities are not dropped/,
  },
  "capabilities that are added": {
    spoil: ({ container }) => (container.securityContext.capabilities.add = ["CHOWN"]),
    expect: /capabilities are added/,
  },
  "a directory of the host": {
    spoil: ({ pod }) => pod.volumes.push({ name: "host", hostPath: { path: "/" } }),
    expect: /volume host: hostPath/,
  },
  "a volume of NFS itself": {
    spoil: ({ pod }) => pod.volumes.push({ name: "share", nfs: { server: "files", path: "/" } }),
    expect: /volume share: nfs/,
  },
  "the host's network": {
    spoil: ({ pod }) => (pod.hostNetwork = true),
    expect: /pod: hostNetwork/,
  },
  "a container added without restrictions": {
    spoil: ({ pod }) => (pod.initContainers = [{ name: "chown", image: "busybox" }]),
    expect: /container chown: /,
  },
  "a writable root": {
    spoil: ({ container }) => delete container.securityContext.readOnlyRootFilesystem,
    expect: /the root file system is writable/,
  },
  "a mounted service account": {
    spoil: ({ pod }) => delete pod.automountServiceAccountToken,
    expect: /service account's token is mounted/,
  },
  "no memory limit": {
    spoil: ({ container }) => delete container.resources.limits,
    expect: /no memory limit/,
  },
  "a token in the environment": {
    spoil: ({ container }) =>
      container.env.push({ name: "HF_TOKEN", valueFrom: { secretKeyRef: { name: "a", key: "b" } } }),
    expect: /a secret is in the environment/,
  },
  "a network policy for others": {
    spoil: ({ get }) => (get("NetworkPolicy").spec.podSelector.matchLabels = { app: "other" }),
    expect: /no network policy selects it/,
  },
};
