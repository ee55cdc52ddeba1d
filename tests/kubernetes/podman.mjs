// SPDX-License-Identifier: Apache-2.0
//
// The Job of a kustomization as podman runs it: the same variables, user, privileges, limits and
// mounts. What podman is not told of here is an error, so that nothing in a manifest goes untried.
// usage: node podman.mjs REPOSITORY KUBECTL OVERLAY VOLUME TOKENS MESSAGE
//   VOLUME, TOKENS: directories in the place of the claim and of the Secret; MESSAGE: a file in the
//   place of the termination message. Prints "option TEXT" and "argument TEXT", a line each.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

const [repository, kubectl, overlay, volume, tokens, message] = process.argv.slice(2);
const rendered = execFileSync(kubectl, ["kustomize", join(repository, "docker/kubernetes", overlay)], {
  encoding: "utf8",
});
const objects = parseAllDocuments(rendered).map((document) => document.toJS());
const pod = objects.find(({ kind }) => kind === "Job").spec.template.spec;
const [container] = pod.containers;
assert.equal(pod.containers.length, 1);

const known = (object, names, where) =>
  Object.keys(object).forEach((name) => assert.ok(names.includes(name), `${where}.${name} is not tried`));

function valueOf({ name, value, valueFrom }) {
  if (valueFrom === undefined) return value ?? "";
  const { key } = valueFrom.secretKeyRef;
  assert.equal(key, name);
  return readFileSync(join(tokens, key), "utf8");
}

function identity() {
  const context = { ...pod.securityContext, ...container.securityContext };
  known(
    context,
    [
      "runAsUser",
      "runAsGroup",
      "runAsNonRoot",
      "seccompProfile",
      "allowPrivilegeEscalation",
      "readOnlyRootFilesystem",
      "capabilities",
    ],
    "securityContext",
  );
  assert.ok(!context.runAsNonRoot || context.runAsUser > 0);
  assert.equal(context.seccompProfile?.type ?? "RuntimeDefault", "RuntimeDefault");
  const options = [`--user=${context.runAsUser}:${context.runAsGroup ?? 0}`];
  if (context.allowPrivilegeEscalation === false) options.push("--security-opt=no-new-privileges");
  if (context.readOnlyRootFilesystem) options.push("--read-only", "--read-only-tmpfs=false");
  return [...options, ...(context.capabilities?.drop ?? []).map((name) => `--cap-drop=${name.toLowerCase()}`)];
}

function limits() {
  const limit = container.resources?.limits ?? {};
  known(limit, ["memory"], "limits");
  const memory = limit.memory?.replace(/^(\d+)Mi$/, "$1m");
  return memory ? [`--memory=${memory}`, `--memory-swap=${memory}`] : [];
}

function mounts() {
  const places = Object.fromEntries(
    pod.volumes.map(({ name, secret, persistentVolumeClaim }) => {
      assert.ok(secret || persistentVolumeClaim, `the volume ${name} is not tried`);
      return [name, secret ? tokens : volume];
    }),
  );
  return [
    ...container.volumeMounts.map(
      ({ name, mountPath, readOnly }) => `--volume=${places[name]}:${mountPath}${readOnly ? ":ro" : ""}`,
    ),
    `--volume=${message}:${container.terminationMessagePath}`,
  ];
}

const options = [
  ...identity(),
  ...limits(),
  ...mounts(),
  ...container.env.map((variable) => `--env=${variable.name}=${valueOf(variable)}`),
];
assert.equal(container.command, undefined);
options.forEach((text) => console.log(`option ${text}`));
(container.args ?? []).forEach((text) => console.log(`argument ${text}`));
