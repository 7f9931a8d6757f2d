"""What scripts/build-image shows while a build is under way; a buildah that only talks stands in for the real one."""
import json
import os
import pathlib
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE"])

BUILDAH = """#!/bin/sh
case $1 in
  bud) {build} ;;
  from) echo working ;;
  mount) echo {folder}/root ;;
esac
"""

PACKAGE = """Package: libx1
Status: install ok installed
Architecture: amd64
Version: 1.0-1
"""

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="scripts/build-image needs root")


def build(folder, commands):
    fake = folder / "buildah"
    fake.write_text(BUILDAH.format(build=commands, folder=folder))
    fake.chmod(0o755)
    root = folder / "root"
    for name, text in {"etc/os-release": "ID=debian\nVERSION_ID=12\n", "var/lib/dpkg/status": PACKAGE}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return subprocess.run([SOURCE / "scripts" / "build-image", "--sbom", folder / "bom.json"], capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})


def test_each_step_is_shown_as_it_begins_and_not_every_line(tmp_path):
    done = build(tmp_path, "echo 'STEP 1/2: FROM debian'; echo '[1/480] one'; echo 'STEP 2/2: RUN ninja' >&2; echo '[2/480] two'")

    assert done.returncode == 0, done.stderr
    assert [line.split("  ")[-1] for line in done.stdout.splitlines() if "STEP" in line] == ["STEP 1/2: FROM debian", "STEP 2/2: RUN ninja"]
    assert "/480]" not in done.stdout


def test_what_is_in_the_image_is_written_beside_it(tmp_path):
    done = build(tmp_path, "true")

    assert done.returncode == 0 and str(tmp_path / "bom.json") in done.stdout, done.stderr
    bom = json.loads((tmp_path / "bom.json").read_text())
    assert bom["metadata"]["component"]["type"] == "container"
    assert [component["purl"] for component in bom["components"]] == ["pkg:deb/debian/libx1@1.0-1?arch=amd64&distro=debian-12"]


def test_a_build_that_fails_ends_with_its_last_lines(tmp_path):
    done = build(tmp_path, "echo 'STEP 1/2: FROM debian'; echo 'no such image'; exit 3")

    assert done.returncode == 1
    assert "no such image" in done.stderr and "the build failed" in done.stderr
