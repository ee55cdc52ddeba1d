// SPDX-License-Identifier: Apache-2.0
//
// Lets the Hub's own client and nai-model-processor work on the same volumes, against a running mock
// registry, and counts the requests for content that each makes.
// usage: node volumes.mjs ENDPOINTS DIRECTORY BINARY
//   ENDPOINTS  what mock-registry --endpoints wrote, the CA beside it as ca.pem
//   DIRECTORY  what it serves as acme/model
//   BINARY     nai-model-processor
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { scanCacheDir, snapshotDownload } from "@huggingface/hub";

const [endpointsFile, directory, binary] = process.argv.slice(2);
const endpoints = JSON.parse(await readFile(endpointsFile, "utf8"));
const hubUrl = endpoints.hub;
const repo = "acme/model";
console.debug = () => {}; // the client tells of each file

async function filesBelow(root) {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

const served = await filesBelow(directory);

async function contentRequests() {
  const stats = await (await fetch(`${endpoints.control}/__mock/stats`)).json();
  const kinds = stats.requests_by_kind;
  return ["content", "resolve", "resolve_cache"].reduce((sum, kind) => sum + (kinds[kind] ?? 0), 0);
}

async function expectNoContent(action) {
  const before = await contentRequests();
  const result = await action();
  assert.equal((await contentRequests()) - before, 0, "requests for content");
  return result;
}

async function expectSame(root) {
  for (const path of served) {
    const got = await readFile(join(root, path));
    assert.ok(got.equals(await readFile(join(directory, path))), path);
  }
}

async function run(mount, variables = {}) {
  const message = join(mount, "..", "termination-message");
  await writeFile(message, "");
  await promisify(execFile)(binary, [], {
    env: {
      REPO_ID: repo,
      OUTPUT_MOUNT: mount,
      HF_ENDPOINT: hubUrl,
      SSL_CERT_FILE: resolve(dirname(endpointsFile), "ca.pem"),
      ALLOW_PATTERNS: "*",
      TERMINATION_MESSAGE_FILE_PATH: message,
      ...variables,
    },
  });
}

async function withVolume(action) {
  const top = await mkdtemp(join(tmpdir(), "volumes-"));
  try {
    await mkdir(join(top, "data"));
    await action(join(top, "data"));
  } finally {
    await rm(top, { recursive: true });
  }
}

const download = (cacheDir) => snapshotDownload({ repo, hubUrl, cacheDir });
const same = async (a, b) => (await stat(a)).ino === (await stat(b)).ino;

const checks = {
  async "the client fetches nothing that KEEP_HF_CACHE left"(mount) {
    await run(mount, { KEEP_HF_CACHE: "true" });
    const cache = join(mount, "hf_cache");
    const snapshot = await expectNoContent(() => download(cache));
    await expectSame(snapshot);
    for (const path of served) {
      assert.ok(await same(join(snapshot, path), join(mount, "model-files", path)), path);
    }
  },

  async "and takes it for a sound cache"(mount) {
    await run(mount, { KEEP_HF_CACHE: "true" });
    const found = await scanCacheDir(join(mount, "hf_cache"));
    assert.deepEqual(found.warnings, []);
    assert.equal(found.repos.length, 1);
    assert.equal(found.repos[0].id.name, repo);
    assert.deepEqual(found.repos[0].revisions.map((revision) => revision.refs), [["main"]]);
  },

  async "nothing is fetched that the client left in hf_cache"(mount) {
    await download(join(mount, "hf_cache"));
    await expectNoContent(() => run(mount));
    await expectSame(join(mount, "model-files"));
  },

  async "nor in the hub of hf_cache"(mount) {
    await download(join(mount, "hf_cache", "hub"));
    await expectNoContent(() => run(mount));
    await expectSame(join(mount, "model-files"));
  },

  async "nor on the volume, where its cache stays as it was"(mount) {
    const snapshot = await download(mount);
    await expectNoContent(() => run(mount));
    await expectSame(join(mount, "model-files"));
    await expectSame(snapshot);
  },

  async "nor as a snapshot in model-files"(mount) {
    const snapshot = await download(join(mount, "..", "elsewhere"));
    await cp(snapshot, join(mount, "model-files"), { recursive: true, dereference: true });
    await expectNoContent(() => run(mount));
    await expectSame(join(mount, "model-files"));
  },

  async "its cache becomes ours, and is still one for it"(mount) {
    const cache = join(mount, "hf_cache");
    await download(cache);
    await expectNoContent(() => run(mount, { KEEP_HF_CACHE: "true" }));
    await expectSame(await expectNoContent(() => download(cache)));
    assert.deepEqual((await scanCacheDir(cache)).warnings, []);
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await withVolume(check);
    console.log(`passed  ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.stack}${error.stderr ?? ""}`);
  }
}
console.log(`${Object.keys(checks).length - failed} of ${Object.keys(checks).length} checks passed`);
process.exitCode = failed === 0 ? 0 : 1;
