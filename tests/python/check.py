# SPDX-License-Identifier: Apache-2.0
#
# Lets huggingface_hub and nai-model-processor work on the same volumes, against a running mock
# registry, and counts what each makes the registry serve.
# usage: check.py ENDPOINTS DIRECTORY BINARY WORK
#   ENDPOINTS  what mock-registry --endpoints wrote, the CA beside it as ca.pem
#   DIRECTORY  what it serves as acme/model
#   BINARY     nai-model-processor
#   WORK       an empty directory for volumes
import filecmp
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

endpoints_file, directory, binary, work = map(Path, sys.argv[1:5])
endpoints = json.loads(endpoints_file.read_text())
ca = str(endpoints_file.parent.resolve() / "ca.pem")
os.environ.update(
    HF_ENDPOINT=endpoints["hub"],
    SSL_CERT_FILE=ca,
    REQUESTS_CA_BUNDLE=ca,
    HF_HOME=str(work / "home"),
    HF_HUB_DISABLE_XET="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_UPDATE_CHECK="1",
)

from huggingface_hub import __version__, scan_cache_dir, snapshot_download  # noqa: E402

REPOSITORY = "acme/model"
served = sorted(p.relative_to(directory) for p in directory.rglob("*") if p.is_file())


def content_requests():
    with urllib.request.urlopen(endpoints["control"] + "/__mock/stats") as answer:
        kinds = json.load(answer)["requests_by_kind"]
    return sum(kinds.get(kind, 0) for kind in ("content", "resolve", "resolve_cache"))


class Asked:
    """How many requests for content were made inside."""

    def __enter__(self):
        self.before = content_requests()
        return self

    def __exit__(self, *_):
        self.count = content_requests() - self.before


def volume(name):
    path = work / name
    path.mkdir(parents=True)
    return path


def run(mount, **environment):
    message = work / "termination-message"
    message.write_text("")
    result = subprocess.run(
        [binary],
        env={
            "REPO_ID": REPOSITORY,
            "OUTPUT_MOUNT": str(mount),
            "HF_ENDPOINT": endpoints["hub"],
            "SSL_CERT_FILE": ca,
            "ALLOW_PATTERNS": "*",
            "TERMINATION_MESSAGE_FILE_PATH": str(message),
            **environment,
        },
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def same(root):
    for path in served:
        assert filecmp.cmp(directory / path, root / path, shallow=False), path


def local_dir_is_up_to_date():
    mount = volume("local-dir")
    run(mount)
    with Asked() as asked:
        snapshot_download(REPOSITORY, local_dir=mount / "model-files")
    assert asked.count == 0, asked.count
    same(mount / "model-files")


def local_dir_is_up_to_date_whatever_the_clocks_say():
    mount = volume("clocks")
    run(mount)
    for path in served:
        ahead = time.time() + 300.25
        os.utime(mount / "model-files" / path, (ahead, ahead))
    run(mount)
    with Asked() as asked:
        snapshot_download(REPOSITORY, local_dir=mount / "model-files")
    assert asked.count == 0, asked.count


def a_changed_file_is_noticed():
    mount = volume("changed")
    run(mount)
    path = mount / "model-files/config.json"
    path.write_text("{}")
    os.utime(path, (time.time() + 10, time.time() + 10))
    with Asked() as asked:
        snapshot_download(REPOSITORY, local_dir=mount / "model-files")
    assert asked.count > 0
    same(mount / "model-files")


def hub_cache_is_complete():
    mount = volume("hub-cache")
    run(mount, KEEP_HF_CACHE="true")
    cache = mount / "hf_cache"
    found = scan_cache_dir(cache)
    assert not found.warnings, found.warnings
    (repository,) = found.repos
    assert repository.repo_id == REPOSITORY and repository.nb_files == len(served)
    (revision,) = repository.revisions
    assert revision.refs == frozenset({"main"}), revision.refs
    with Asked() as asked:
        same(Path(snapshot_download(REPOSITORY, cache_dir=cache, local_files_only=True)))
        same(Path(snapshot_download(REPOSITORY, cache_dir=cache)))
    # One HEAD a file is what the older versions ask for; none of them asks for content.
    assert asked.count == 0, asked.count
    for path in served:
        assert os.path.samefile(mount / "model-files" / path, revision.snapshot_path / path), path
    assert not scan_cache_dir(cache).warnings


def a_local_dir_is_taken_over():
    mount = volume("filled-local-dir")
    snapshot_download(REPOSITORY, local_dir=mount / "model-files")
    with Asked() as asked:
        run(mount)
    assert asked.count == 0, asked.count
    same(mount / "model-files")


def a_hub_cache_is_taken_over():
    for place in ("hf_cache", "hf_cache/hub", "."):
        mount = volume("filled-cache-" + place.replace("/", "-"))
        snapshot_download(REPOSITORY, cache_dir=mount / place)
        with Asked() as asked:
            run(mount, KEEP_HF_CACHE="true")
        assert asked.count == 0, (place, asked.count)
        same(mount / "model-files")
        assert not scan_cache_dir(mount / "hf_cache").warnings or place == "hf_cache/hub"


def a_snapshot_is_taken_over():
    mount = volume("filled-snapshot")
    cache = work / "elsewhere"
    snapshot = snapshot_download(REPOSITORY, cache_dir=cache)
    shutil.copytree(snapshot, mount / "model-files")
    with Asked() as asked:
        run(mount)
    assert asked.count == 0, asked.count
    same(mount / "model-files")


failed = 0
checks = [
    local_dir_is_up_to_date,
    local_dir_is_up_to_date_whatever_the_clocks_say,
    a_changed_file_is_noticed,
    hub_cache_is_complete,
    a_local_dir_is_taken_over,
    a_hub_cache_is_taken_over,
    a_snapshot_is_taken_over,
]
print(f"huggingface_hub {__version__}")
for check in checks:
    name = check.__name__.replace("_", " ")
    try:
        check()
        print(f"passed  {name}")
    except Exception as error:  # noqa: BLE001
        failed += 1
        print(f"FAILED  {name}: {type(error).__name__}: {error}")
print(f"{len(checks) - failed} of {len(checks)} checks passed")
sys.exit(1 if failed else 0)
