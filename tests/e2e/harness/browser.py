"""Chromium, driven by Playwright from a program in tests/e2e/browser."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from harness.process import BIN
from harness.wait import TIME_FACTOR

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "browser"
CHROMIUM = os.environ.get("SLUICE_CHROMIUM", "/usr/bin/chromium")


def modules():
    """Where playwright-core is, below the build; got once from npm for each lock file. Skips where it cannot be had."""
    if not pathlib.Path(CHROMIUM).exists():
        pytest.skip(f"there is no {CHROMIUM}; scripts/install-deps test installs it")
    if shutil.which("npm") is None:
        pytest.skip("there is no npm, which brings playwright-core")
    lock = (FOLDER / "package-lock.json").read_bytes()
    place = BIN.parent / "browser" / hashlib.sha256(lock).hexdigest()[:12]
    if not (place / "node_modules" / ".package-lock.json").exists():
        place.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(FOLDER / name, place)
        got = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=place, capture_output=True,
                             text=True, timeout=120, check=False)
        if got.returncode != 0:
            pytest.skip(f"playwright-core cannot be had from npm: {got.stderr[-300:]}")
    return place


def browse(program, *arguments, seconds=120):
    """Runs tests/e2e/browser/PROGRAM; what it says, as JSON, on its last line."""
    place = modules()
    shutil.copy(FOLDER / program, place)  # Modules are looked for beside the file.
    done = subprocess.run(["node", place / program, *map(str, arguments)], capture_output=True, text=True,
                          timeout=seconds * TIME_FACTOR, check=False, env={**os.environ, "SLUICE_CHROMIUM": CHROMIUM})
    assert done.stdout.strip(), done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
