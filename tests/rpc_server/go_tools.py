"""Go programs that test rpc::Server: installed ones, or built once into the build tree."""
import os
import pathlib
import shutil
import subprocess

import pytest

BIN = pathlib.Path(os.environ["SLUICE_BIN"])
TOOLS = pathlib.Path(os.environ.get("SLUICE_TOOLS", BIN.parent / "tools"))


def go_tool(name, package):
    """Its path; skips the test where there is neither the program nor Go."""
    found = shutil.which(name) or shutil.which(name, path=TOOLS)
    if found:
        return found
    if shutil.which("go") is None:
        pytest.skip(f"{name} is not there, and neither is Go, to build it")
    built = subprocess.run(["go", "install", package], env={**os.environ, "GOBIN": str(TOOLS)}, capture_output=True,
                           text=True, timeout=600, check=False)
    if built.returncode != 0:
        pytest.skip(f"{name} could not be built: {built.stderr.strip().splitlines()[-1:]}")
    return str(TOOLS / name)
