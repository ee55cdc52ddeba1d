// SPDX-License-Identifier: Apache-2.0
//
// The Pod Security Standards, levels baseline and restricted, rule by rule:
// https://kubernetes.io/docs/concepts/security/pod-security-standards/

const safeVolumes = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
];
const safeSysctls = [
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ping_group_range",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.tcp_wmem",
];
const safeSeLinuxTypes = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
const safeSeccomp = ["RuntimeDefault", "Localhost"];
const probes = ["livenessProbe", "readinessProbe", "startupProbe"];

const absent = (value) => value === undefined || value === null || value === false;

// Of a security context, whoever has it.
function* contextComplaints(context, where) {
  const { seLinuxOptions = {}, windowsOptions = {}, appArmorProfile, seccompProfile } = context;
  if (!absent(windowsOptions.hostProcess)) yield `${where}: hostProcess`;
  if (!safeSeLinuxTypes.includes(seLinuxOptions.type ?? "")) yield `${where}: seLinuxOptions.type`;
  if (seLinuxOptions.user || seLinuxOptions.role) yield `${where}: seLinuxOptions.user or role`;
  if (appArmorProfile && !safeSeccomp.includes(appArmorProfile.type)) yield `${where}: appArmorProfile`;
  if (seccompProfile && !safeSeccomp.includes(seccompProfile.type)) yield `${where}: seccompProfile`;
  if (context.runAsUser === 0) yield `${where}: runAsUser is root`;
  if (context.runAsNonRoot === false) yield `${where}: runAsNonRoot`;
}

function* hostComplaints(container, where) {
  if ((container.ports ?? []).some((port) => port.hostPort)) yield `${where}: hostPort`;
  const handlers = [...probes.map((probe) => container[probe]), ...Object.values(container.lifecycle ?? {})];
  if (handlers.some((handler) => handler?.httpGet?.host || handler?.tcpSocket?.host)) {
    yield `${where}: host of a probe or hook`;
  }
}

function* containerComplaints(container, pod) {
  const where = `container ${container.name}`;
  const context = container.securityContext ?? {};
  const { capabilities = {} } = context;
  yield* contextComplaints(context, where);
  yield* hostComplaints(container, where);
  if (!absent(context.privileged)) yield `${where}: privileged`;
  if ((context.procMount ?? "Default") !== "Default") yield `${where}: procMount`;
  if (context.allowPrivilegeEscalation !== false) yield `${where}: allowPrivilegeEscalation is not false`;
  if (!(context.runAsNonRoot ?? pod.runAsNonRoot)) yield `${where}: runAsNonRoot is not true`;
  if (!(context.seccompProfile ?? pod.seccompProfile)) yield `${where}: no seccompProfile`;
  if (!(capabilities.drop ?? []).includes("ALL")) yield `${where}: capabilities are not dropped`;
  if ((capabilities.add ?? []).some((name) => name !== "NET_BIND_SERVICE")) {
    yield `${where}: capabilities are added`;
  }
}

// Yields what the level "restricted" refuses of a pod's spec.
export function* restrictedComplaints(spec) {
  const pod = spec.securityContext ?? {};
  for (const name of ["hostNetwork", "hostPID", "hostIPC"]) {
    if (!absent(spec[name])) yield `pod: ${name}`;
  }
  for (const { name, ...source } of spec.volumes ?? []) {
    const kinds = Object.keys(source);
    if (!kinds.every((kind) => safeVolumes.includes(kind))) yield `volume ${name}: ${kinds}`;
  }
  for (const { name } of pod.sysctls ?? []) {
    if (!safeSysctls.includes(name)) yield `pod: sysctl ${name}`;
  }
  yield* contextComplaints(pod, "pod");
  const lists = [spec.initContainers, spec.containers, spec.ephemeralContainers];
  for (const container of lists.flatMap((list) => list ?? [])) {
    yield* containerComplaints(container, pod);
  }
}
