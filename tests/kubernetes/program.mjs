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

const actions = {
  "fail the Job": "FailJob",
  "try again": "Count",
  ignore: "Ignore",
  fails: "FailJob",
  "tries again": "Count",
  "does not count": "Ignore",
};

// Exit status -> what a page tells of it, in a column of its table, as podFailurePolicy names it.
function toldActions(page) {
  const column = Object.keys(actions).join("|");
  const told = new Map();
  const row = new RegExp(`^\\| (\\d[\\d, ]*) \\|.*\\| (${column}) \\|`, "gm");
  for (const [, statuses, action] of all(page, row, "advice on exit statuses")) {
    statuses.split(",").forEach((status) => told.set(Number(status), actions[action]));
  }
  return told;
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
    wantedActions: toldActions(read(`${root}/README.md`)),
    explainedActions: toldActions(read(`${root}/docker/kubernetes/README.md`)),
  };
}
