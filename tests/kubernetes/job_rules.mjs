// SPDX-License-Identifier: Apache-2.0
//
// What a schema cannot say of a Job: what the API server asks of it besides, and what the program
// asks. Each rule yields complaints.

// The API server refuses these, whatever the schema says.
function* serverComplaints({ podFailurePolicy, podReplacementPolicy, template }) {
  const { restartPolicy, volumes = [], containers } = template.spec;
  if (!["Never", "OnFailure"].includes(restartPolicy)) yield `restartPolicy is ${restartPolicy}`;
  for (const { name, volumeMounts = [] } of containers) {
    for (const mount of volumeMounts) {
      if (!volumes.some((volume) => volume.name === mount.name)) {
        yield `container ${name}: no volume ${mount.name}`;
      }
    }
  }
  if (!podFailurePolicy) return;
  if (restartPolicy !== "Never") yield "podFailurePolicy needs restartPolicy Never";
  if ((podReplacementPolicy ?? "Failed") !== "Failed") yield "podFailurePolicy needs podReplacementPolicy Failed";
  for (const { onExitCodes } of podFailurePolicy.rules.filter((rule) => rule.onExitCodes)) {
    const { containerName, values } = onExitCodes;
    if (containerName && !containers.some(({ name }) => name === containerName)) {
      yield `podFailurePolicy: no container ${containerName}`;
    }
    const increasing = values.every((value, i) => i === 0 || values[i - 1] < value);
    if (!increasing || values.includes(0)) yield `podFailurePolicy: values ${values}: 0, or not in order`;
  }
}

// A name that leads nowhere leaves the pod waiting. The Secret may be missing, so it is not looked for.
function* referenceComplaints({ template: { spec } }, others) {
  const has = (kind, name) => others.some((o) => o.kind === kind && o.metadata.name === name);
  for (const { persistentVolumeClaim } of spec.volumes ?? []) {
    if (persistentVolumeClaim && !has("PersistentVolumeClaim", persistentVolumeClaim.claimName)) {
      yield `no claim ${persistentVolumeClaim.claimName}`;
    }
  }
  const account = spec.serviceAccountName;
  if (account && !has("ServiceAccount", account)) yield `no service account ${account}`;
}

function* variableComplaints(container, spec, program) {
  const values = new Map((container.env ?? []).map(({ name, value }) => [name, value]));
  for (const name of values.keys()) {
    if (!program.variables.has(name)) yield `${name} is no variable of the program`;
  }
  const claims = (spec.volumes ?? []).filter((volume) => volume.persistentVolumeClaim);
  const mount = (container.volumeMounts ?? []).find((m) => claims.some(({ name }) => name === m.name));
  if ((values.get("OUTPUT_MOUNT") || "/data") !== mount?.mountPath) {
    yield `OUTPUT_MOUNT is not where the claim is mounted, ${mount?.mountPath}`;
  }
  const message = container.terminationMessagePath ?? "/dev/termination-log";
  if ((values.get("TERMINATION_MESSAGE_FILE_PATH") || "/dev/termination-log") !== message) {
    yield `TERMINATION_MESSAGE_FILE_PATH is not the container's terminationMessagePath, ${message}`;
  }
}

function* programComplaints({ template: { spec } }, program) {
  for (const container of spec.containers) {
    yield* variableComplaints(container, spec, program);
    // The entrypoint is the program; without arguments it downloads.
    if (container.command) yield `container ${container.name}: a command in place of the entrypoint`;
    const [command = "download"] = container.args ?? [];
    if (!program.commands.has(command)) yield `${command} is no command of the program`;
  }
}

// The pods of an Indexed Job are the shards of one model.
function* shardComplaints({ completionMode, completions, template }) {
  for (const { env = [] } of template.spec.containers) {
    const count = Number(env.find(({ name }) => name === "SHARD_COUNT")?.value || 1);
    if (completionMode === "Indexed" && count !== completions) yield `SHARD_COUNT is ${count}, completions ${completions}`;
    if (completionMode !== "Indexed" && count !== 1) yield "SHARD_COUNT without completionMode Indexed";
  }
}

// Which action the first rule takes that names this exit status.
function actionFor(status, { rules }) {
  const rule = rules.find(
    ({ onExitCodes }) =>
      onExitCodes && (onExitCodes.operator === "In") === onExitCodes.values.includes(status),
  );
  return rule?.action;
}

// Every exit status is treated as the README says, and no other is named.
export function* policyComplaints(policy, program) {
  const { exitStatuses, wantedActions } = program;
  const named = policy.rules.flatMap(({ onExitCodes }) => onExitCodes?.values ?? []);
  for (const status of named) {
    if (!exitStatuses.includes(status)) yield `exit status ${status} is none of the program's`;
  }
  for (const status of exitStatuses) {
    const [wanted, found] = [wantedActions.get(status), actionFor(status, policy)];
    if (!wanted) yield `README.md does not say what to do about exit status ${status}`;
    else if (found !== wanted) yield `exit status ${status}: ${found} instead of ${wanted}`;
  }
  const [first] = policy.rules;
  const disruption = first.onPodConditions?.some(({ type }) => type === "DisruptionTarget");
  if (!disruption || first.action !== "Ignore") yield "a disruption is not ignored before all else";
}

// job: a Job; others: what is applied together with it.
export function* jobComplaints(job, others, program) {
  yield* serverComplaints(job.spec);
  yield* referenceComplaints(job.spec, others);
  yield* programComplaints(job.spec, program);
  yield* shardComplaints(job.spec);
  if (job.spec.podFailurePolicy) yield* policyComplaints(job.spec.podFailurePolicy, program);
}

// What a hardened Job has beyond the restricted Pod Security Standard.
export function* hardenedComplaints({ spec: { podFailurePolicy, template } }, others) {
  const { spec } = template;
  const account = others.find((o) => o.kind === "ServiceAccount" && o.metadata.name === spec.serviceAccountName);
  const bound = others.some((o) => /^(Cluster)?RoleBinding$/.test(o.kind));
  if (!account || account.automountServiceAccountToken !== false) yield "no service account without a token";
  if (bound) yield "a role is bound";
  if (spec.automountServiceAccountToken !== false) yield "a service account's token is mounted";
  if (!podFailurePolicy) yield "no podFailurePolicy";
  for (const { securityContext, resources, env = [] } of spec.containers) {
    if (securityContext?.readOnlyRootFilesystem !== true) yield "the root file system is writable";
    if (!resources?.requests?.cpu || !resources.requests.memory) yield "no requests";
    if (!resources?.limits?.memory) yield "no memory limit";
    if (env.some(({ valueFrom }) => valueFrom?.secretKeyRef)) yield "a secret is in the environment";
  }
  const labels = Object.entries(template.metadata?.labels ?? {});
  const selects = ({ matchLabels }) =>
    Object.entries(matchLabels ?? {}).every(([key, value]) => labels.some(([k, v]) => k === key && v === value));
  const policies = others.filter(({ kind, spec }) => kind === "NetworkPolicy" && selects(spec.podSelector));
  if (!["Ingress", "Egress"].every((type) => policies.some((p) => p.spec.policyTypes?.includes(type)))) {
    yield "no network policy selects it";
  }
}
