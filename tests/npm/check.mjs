// SPDX-License-Identifier: Apache-2.0
//
// Downloads from a running mock registry with the Hub's own client and compares every byte.
// usage: node check.mjs ENDPOINTS DIRECTORY
//   ENDPOINTS  what mock-registry --endpoints wrote
//   DIRECTORY  what it serves as acme/model
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import {
  checkRepoAccess,
  downloadFile,
  fileDownloadInfo,
  fileExists,
  listCommits,
  listFiles,
  modelInfo,
  snapshotDownload,
  whoAmI,
} from "@huggingface/hub";

const [endpointsFile, directory] = process.argv.slice(2);
const endpoints = JSON.parse(await readFile(endpointsFile, "utf8"));
const hubUrl = endpoints.hub;
const repo = "acme/model";
const accessToken = "hf_alice";
console.debug = () => {}; // the client tells of each file

async function filesBelow(root) {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

async function collect(generator) {
  const items = [];
  for await (const item of generator) {
    items.push(item);
  }
  return items;
}

const served = await filesBelow(directory);
const stats = async () => (await fetch(`${endpoints.control}/__mock/stats`)).json();

const checks = {
  async "the snapshot is the directory, byte by byte"() {
    const cacheDir = await mkdtemp(join(tmpdir(), "mock-registry-"));
    try {
      const snapshot = await snapshotDownload({ repo, hubUrl, cacheDir });
      assert.deepEqual(await filesBelow(snapshot), served);
      for (const path of served) {
        const got = await readFile(join(snapshot, path));
        assert.ok(got.equals(await readFile(join(directory, path))), path);
      }
    } finally {
      await rm(cacheDir, { recursive: true });
    }
  },

  async "the listing's digests are those of the bytes"() {
    const entries = await collect(listFiles({ repo, hubUrl, recursive: true }));
    const files = entries.filter((entry) => entry.type === "file");
    assert.deepEqual(files.map((file) => file.path).sort(), served);
    assert.ok(files.some((file) => file.lfs) && files.some((file) => !file.lfs));
    for (const file of files) {
      const bytes = await readFile(join(directory, file.path));
      assert.equal(file.size, bytes.length);
      const blob = createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      assert.equal(file.lfs ? file.lfs.oid : file.oid, file.lfs ? sha256 : blob, file.path);
    }
  },

  async "files and parts of files come through /resolve"() {
    for (const path of served) {
      const want = await readFile(join(directory, path));
      const info = await fileDownloadInfo({ repo, path, hubUrl });
      assert.equal(info.size, want.length);
      const blob = await downloadFile({ repo, path, hubUrl });
      const part = blob.slice(Math.floor(want.length / 3), Math.ceil(want.length / 2));
      const got = Buffer.from(await part.arrayBuffer());
      assert.ok(got.equals(want.subarray(want.length / 3, Math.ceil(want.length / 2))), path);
    }
    assert.equal(await downloadFile({ repo, path: "no/such", hubUrl }), null);
    assert.equal(await fileExists({ repo, path: "config.json", hubUrl }), true);
    assert.equal(await fileExists({ repo, path: "no/such", hubUrl }), false);
  },

  async "a token goes to the Hub and nowhere else"() {
    const path = served.find((name) => name.endsWith(".safetensors"));
    const blob = await downloadFile({ repo: "acme/gated", path, hubUrl, accessToken });
    const got = Buffer.from(await blob.arrayBuffer());
    assert.ok(got.equals(await readFile(join(directory, path))));
    assert.equal((await whoAmI({ accessToken, hubUrl })).name, "alice");
  },

  async "a long listing comes in pages"() {
    const before = (await stats()).requests_by_kind.tree;
    const files = await collect(listFiles({ repo: "acme/many", hubUrl, recursive: true }));
    assert.equal(files.filter((file) => file.type === "file").length, 2500);
    assert.equal((await stats()).requests_by_kind.tree - before, 3);
  },

  async "revisions, commits and infos agree"() {
    const info = await modelInfo({ name: repo, hubUrl, additionalFields: ["sha"] });
    const commits = await collect(listCommits({ repo, hubUrl }));
    assert.equal(commits[0].oid, info.sha);
    assert.equal(info.name, repo);
  },

  async "refusals are what the client expects of the Hub"() {
    const refused = (status, text) => (error) => {
      assert.equal(error.statusCode, status);
      assert.match(error.message, text);
      return true;
    };
    const path = "config.json";
    const gated = "acme/gated";
    await assert.rejects(downloadFile({ repo: gated, path, hubUrl }), refused(401, /restricted/));
    const bob = { repo: gated, path, hubUrl, accessToken: "hf_bob" };
    await assert.rejects(downloadFile(bob), refused(403, /not in the authorized list/));
    await assert.rejects(checkRepoAccess({ repo: "no/such", hubUrl }), refused(401, /Invalid user/));
    const known = { repo: "no/such", hubUrl, accessToken };
    await assert.rejects(checkRepoAccess(known), refused(404, /Repository not found/));
    const wrong = { repo, hubUrl, revision: "no-such" };
    await assert.rejects(collect(listFiles(wrong)), refused(404, /Invalid rev id: no-such/));
  },

  async "the client broke no rule"() {
    assert.deepEqual((await stats()).violations, []);
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`passed  ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.stack}`);
  }
}
console.log(`${Object.keys(checks).length - failed} of ${Object.keys(checks).length} checks passed`);
process.exitCode = failed === 0 ? 0 : 1;
