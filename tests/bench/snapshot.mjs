// SPDX-License-Identifier: Apache-2.0
//
// Downloads a repository with the Hub's own client.
// usage: node snapshot.mjs ENDPOINTS REPOSITORY DIRECTORY
import { readFile } from "node:fs/promises";
import { snapshotDownload } from "@huggingface/hub";

const [endpoints, repo, cacheDir] = process.argv.slice(2);
console.debug = () => {}; // the client tells of each file
await snapshotDownload({ repo, hubUrl: JSON.parse(await readFile(endpoints, "utf8")).hub, cacheDir });
