// SPDX-License-Identifier: Apache-2.0
//
// What the program's sources and its README say, as far as manifests depend on it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const read = (path) => readFileSync(path, "utf8");

function all(text, pattern, what) {
  const found = [...text.matchAll(pattern)];
  assert.ok(found.length > 0, `no ${what} found: was the source rearranged?`);
  return found;
}

function exitStatuses(source) {
  const rows = all(source, /Row\{ErrorKind::(\w+), (\d+),/g, "exit statuses");
  // SIGINT and SIGTERM share a row.
  return rows.flatMap(([, kind, status]) => (kind === "interrupted" ? [130, 143] : [Number(status)]));
}

const actions = { "fail the Job": "FailJob", "try again": "Count", ignore: "Ignore" };

// Exit status -> what the README wants of a podFailurePolicy.
function wantedActions(readme) {
  const wanted = new Map();
  for (const [, statuses, advice] of all(readme, /^\| ([\d, ]+) \|.*\| ([\w ]+) \|$/gm, "advice")) {
    assert.ok(actions[advice], `README.md: unknown advice "${advice}" for status ${statuses}`);
    statuses.split(",").forEach((status) => wanted.set(Number(status), actions[advice]));
  }
  return wanted;
}

// root: the repository.
export function readProgram(root) {
  const variables = all(read(`${root}/src/app/settings.cpp`), /\.variable = "(\w+)"/g, "settings");
  const commands = all(
    read(`${root}/src/app/commands/commands.cpp`),
    /\{\.name = "(\w+)"/g,
    "commands",
  );
  return {
    variables: new Set(variables.map(([, name]) => name)),
    commands: new Set(commands.map(([, name]) => name)),
    exitStatuses: exitStatuses(read(`${root}/src/app/exit_status.cpp`)),
    wantedActions: wantedActions(read(`${root}/README.md`)),
  };
}
