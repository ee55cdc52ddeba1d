// SPDX-License-Identifier: Apache-2.0
//
// usage: node check.mjs HELP RENDERED...
//
// Holds rendered manifests to the Kubernetes API schema: required fields, types and values by the
// validators of kubernetes-models, fields that do not exist by its types. Then to this program: HELP is
// the output of --help, of which every environment variable and exit status must be. Names with
// "hardened", "nim" or "sharded" are held to the Pod Security Standard "restricted" too.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { parseAllDocuments } from "yaml";

const complaints = [];
const expect = (condition, text) => condition || complaints.push(text);

const moduleOf = ({ apiVersion }) => `kubernetes-models/${apiVersion}`;
const name = (object) => `${object.kind} ${object.metadata?.name}`;

async function schemaComplaint(object) {
  const model = (await import(moduleOf(object)))[object.kind];
  if (!model) return `there is no ${object.kind} in ${object.apiVersion}`;
  try {
    new model(object).validate();
  } catch (error) {
    return error.message;
  }
}

// A literal with a field that its type has not is an error of the compiler's.
function unknownFields(objects) {
  const source = objects.map((object, i) =>
    `import type { I${object.kind} as T${i} } from "${moduleOf(object)}";\n` +
    `export const object${i}: T${i} = ${JSON.stringify(object, null, 1)};\n`);
  writeFileSync("objects.ts", source.join(""));
  try {
    execFileSync("node_modules/.bin/tsc", ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext",
      "--moduleResolution", "nodenext", "objects.ts"], { stdio: "pipe" });
    return "";
  } catch (error) {
    return error.stdout.toString();
  }
}

function readHelp(file) {
  const help = readFileSync(file, "utf8");
  const statuses = help.split("\nExit status:\n")[1].split("\n\n")[0].split("\n")
    .flatMap((line) => line.match(/^ *((?:\d+, )*\d+)  /)?.[1].split(", ") ?? []).map(Number);
  return { variables: new Set(help.match(/\b[A-Z][A-Z_]*[A-Z]\b/g)), statuses };
}

function checkProgram(job, file, { variables, statuses }) {
  for (const container of job.spec.template.spec.containers) {
    for (const { name: variable } of container.env) {
      expect(variables.has(variable), `${file}: the program knows no variable ${variable}`);
    }
    expect(!container.command && !container.args, `${file}: the image starts without arguments`);
    const told = container.env.find((e) => e.name === "TERMINATION_MESSAGE_FILE_PATH").value;
    expect(told === container.terminationMessagePath, `${file}: the termination message goes elsewhere`);
  }
  const rules = (job.spec.podFailurePolicy?.rules ?? []).filter((rule) => rule.onExitCodes);
  if (rules.length === 0) return;
  const wanted = { FailJob: [2, 3, 4, 5, 7], Count: [1, 6, 8, 75], Ignore: [130, 143] };
  const named = rules.flatMap((rule) => rule.onExitCodes.values);
  for (const status of statuses.filter((s) => s !== 0)) {
    const rule = rules.filter((r) => r.onExitCodes.values.includes(status));
    expect(rule.length === 1, `${file}: exit status ${status} is in ${rule.length} rules instead of one`);
    expect(rule[0] && wanted[rule[0].action]?.includes(status), `${file}: wrong action for ${status}`);
  }
  // 137 is the kernel's.
  for (const status of named) {
    expect(status === 137 || statuses.includes(status), `${file}: the program never exits with ${status}`);
  }
  expect(job.spec.podReplacementPolicy === "Failed", `${file}: a podFailurePolicy needs podReplacementPolicy Failed`);
}

function checkRestricted(job, file) {
  const pod = job.spec.template.spec;
  expect(pod.securityContext?.runAsNonRoot === true, `${file}: runAsNonRoot`);
  expect(pod.securityContext?.seccompProfile?.type === "RuntimeDefault", `${file}: seccompProfile`);
  expect(pod.automountServiceAccountToken === false, `${file}: automountServiceAccountToken`);
  expect(!pod.hostNetwork && !pod.hostPID && !pod.hostIPC, `${file}: the host's namespaces`);
  for (const { securityContext: context, resources } of pod.containers) {
    expect(context.allowPrivilegeEscalation === false, `${file}: allowPrivilegeEscalation`);
    expect(context.readOnlyRootFilesystem === true, `${file}: readOnlyRootFilesystem`);
    expect(String(context.capabilities?.drop) === "ALL", `${file}: capabilities`);
    expect(context.runAsUser !== 0 && !context.privileged, `${file}: root`);
    expect(resources.limits?.memory && resources.requests?.memory, `${file}: memory is not limited`);
  }
  for (const volume of pod.volumes) {
    expect(volume.persistentVolumeClaim || volume.secret || volume.configMap, `${file}: volume ${volume.name}`);
  }
}

// Every reference within a rendering leads somewhere.
function checkReferences(objects, job, file) {
  const has = (kind, wanted) => objects.some((o) => o.kind === kind && o.metadata.name === wanted);
  const pod = job.spec.template.spec;
  for (const volume of pod.volumes) {
    expect(has("PersistentVolumeClaim", volume.persistentVolumeClaim?.claimName), `${file}: no such claim`);
  }
  for (const { valueFrom } of pod.containers[0].env) {
    expect(!valueFrom || has("Secret", valueFrom.secretKeyRef.name), `${file}: no such Secret`);
  }
  expect(!pod.serviceAccountName || has("ServiceAccount", pod.serviceAccountName), `${file}: no such account`);
}

// A check that finds nothing wrong anywhere would pass everything.
async function checkTheChecks(job) {
  const broken = (change) => { const copy = structuredClone(job); change(copy); return copy; };
  expect(await schemaComplaint(broken((j) => { j.spec.backoffLimit = "one"; })), "a wrong type passes");
  expect(await schemaComplaint(broken((j) => { delete j.spec.template; })), "a missing field passes");
  expect(unknownFields([broken((j) => { j.spec.template.spec.containers[0].imagePullPolicie = "x"; })])
    .includes("imagePullPolicie"), "an unknown field passes");
}

const [helpFile, ...files] = process.argv.slice(2);
const program = readHelp(helpFile);
expect(program.statuses.includes(75) && program.variables.has("REPO_ID"), "--help cannot be read");
const all = [];
for (const path of files) {
  const file = basename(path);
  const objects = parseAllDocuments(readFileSync(path, "utf8")).map((document) => document.toJS());
  for (const object of objects) {
    const complaint = await schemaComplaint(object);
    expect(!complaint, `${file}: ${name(object)}: ${complaint}`);
  }
  const job = objects.find((object) => object.kind === "Job");
  checkProgram(job, file, program);
  checkReferences(objects, job, file);
  if (/hardened|nim|sharded/.test(file)) checkRestricted(job, file);
  all.push(...objects);
}
const unknown = unknownFields(all);
expect(!unknown, unknown);
await checkTheChecks(all.find((object) => object.kind === "Job"));
for (const complaint of complaints) console.log(complaint);
console.log(`${all.length} objects in ${files.length} variants, ${complaints.length} complaints`);
process.exit(complaints.length === 0 ? 0 : 1);
