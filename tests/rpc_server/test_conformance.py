"""connectrpc's conformance suite for gRPC servers, against sluice-rpc-conformance-server.

The suite starts the server once for each configuration (with TLS, with client certificates, without) and plays two clients against
it: one of its own, and gRPC's for Go. Nothing is listed as known to fail.
"""
import pathlib
import re
import subprocess

from go_tools import BIN, go_tool

SUITE = "connectrpc.com/conformance/cmd/connectconformance@v1.0.7"
CONFIG = pathlib.Path(__file__).parent / "conformance" / "config.yaml"


def test_every_case_that_applies_passes():
    suite = go_tool("connectconformance", SUITE)
    run = subprocess.run([suite, "--conf", CONFIG, "--mode", "server", "--", BIN / "sluice-rpc-conformance-server"],
                         capture_output=True, text=True, timeout=200, check=False)
    told = run.stdout + run.stderr
    counts = re.search(r"(\d+) passed, (\d+) failed", told)
    assert counts, told[-4000:]
    assert (int(counts[2]), run.returncode) == (0, 0), told[-8000:]
    # A configuration that matches little would be green, too.
    assert int(counts[1]) >= 570, told[-2000:]
