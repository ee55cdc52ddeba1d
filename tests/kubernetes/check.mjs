// SPDX-License-Identifier: Apache-2.0
//
// Renders each kustomization with kubectl and judges what comes out; then spoils it, mistake by
// mistake, and wants each to be found.
// usage: node check.mjs REPOSITORY KUBECTL RESOLVED
//   RESOLVED: a directory of manifests that the program itself printed
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { hardenedComplaints, jobComplaints } from "./job_rules.mjs";
import { mistakes } from "./mistakes.mjs";
import { restrictedComplaints } from "./pod_security.mjs";
import { readProgram } from "./program.mjs";
import { schemaComplaints } from "./schema.mjs";

const [repository, kubectl, resolved] = process.argv.slice(2);
const manifests = join(repository, "docker/kubernetes");
const program = readProgram(repository);

// Strict: a key that occurs twice is an error.
function parse(text) {
  return parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS();
  });
}

const render = (directory) =>
  parse(execFileSync(kubectl, ["kustomize", join(manifests, directory)], { encoding: "utf8" }));

// hardened, restricted: whether the Jobs must be.
async function complaintsOf(objects, { hardened, restricted = hardened }) {
  const complaints = [];
  for (const object of objects) {
    const found = await schemaComplaints(object);
    // The rules below rely on what the schema promises.
    if (found.length === 0 && object.kind === "Job") {
      found.push(...jobComplaints(object, objects, program));
      if (restricted) found.push(...restrictedComplaints(object.spec.template.spec));
      if (hardened) found.push(...hardenedComplaints(object, objects));
    }
    complaints.push(...found.map((text) => `${object.kind} ${object.metadata?.name}: ${text}`));
  }
  return complaints;
}

let checks = 0;
let failed = 0;
function report(name, complaints) {
  checks += 1;
  if (complaints.length === 0) {
    console.log(`passed  ${name}`);
    return;
  }
  failed += 1;
  console.log(`FAILED  ${name}\n${complaints.map((text) => `        ${text}`).join("\n")}`);
}

function listed(directory) {
  return readdirSync(join(manifests, directory))
    .map((name) => join(directory, name))
    .filter((path) => existsSync(join(manifests, path, "kustomization.yaml")));
}

for (const directory of ["base", ...listed("overlays")]) {
  const hardened = directory !== "base";
  const objects = render(directory);
  report(`${directory}: ${objects.map(({ kind }) => kind).join(", ")}`, await complaintsOf(objects, { hardened }));
}
for (const name of readdirSync(resolved)) {
  const objects = parse(readFileSync(join(resolved, name), "utf8"));
  report(
    `resolve --kubernetes, ${name}: ${objects.map(({ kind }) => kind).join(", ")}`,
    await complaintsOf(objects, { restricted: true }),
  );
}
const secret = parse(readFileSync(join(manifests, "secret.yaml"), "utf8"));
report("secret.yaml", await complaintsOf(secret, {}));

const { wantedActions, explainedActions } = program;
const unexplained = [...wantedActions].filter(([status, action]) => explainedActions.get(status) !== action);
report(
  "docker/kubernetes/README.md: each exit status",
  unexplained.map(([status, action]) => `${status}: ${explainedActions.get(status)} instead of ${action}`),
);

const sound = render("overlays/hardened");
for (const [name, { spoil, expect }] of Object.entries(mistakes)) {
  const objects = structuredClone(sound);
  const get = (kind) => objects.find((object) => object.kind === kind);
  const { spec } = get("Job");
  spoil({ get, job: get("Job"), spec, pod: spec.template.spec, container: spec.template.spec.containers[0] });
  const complaints = await complaintsOf(objects, { hardened: true });
  const found = complaints.length > 0 && complaints.every((text) => expect.test(text));
  report(`finds ${name}`, found ? [] : [`wanted only ${expect}, found:`, ...complaints]);
}

console.log(`${checks - failed} of ${checks} checks passed`);
process.exitCode = failed === 0 ? 0 : 1;
