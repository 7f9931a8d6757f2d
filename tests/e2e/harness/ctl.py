"""The real sluicectl."""
import json
import subprocess

from harness.process import BIN
from harness.wait import TIME_FACTOR


def ctl(*args, address=None, status=0):
    """Runs sluicectl, without a terminal; returns what it printed. `status`: the exit status that is wanted."""
    command = [BIN / "sluicectl", *(["--address", address] if address else []), *args]
    done = subprocess.run([str(arg) for arg in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=30 * TIME_FACTOR, check=False)
    assert done.returncode == status, f"sluicectl {args} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


class Ctl:
    """sluicectl on one gateway."""

    def __init__(self, gateway):
        self.address = gateway.admin

    def __call__(self, *args, status=0):
        return ctl(*args, address=self.address, status=status)

    def letters(self, *filters):
        """The dead letters, as dlq list gives them in JSON."""
        return [json.loads(line) for line in self("dlq", "list", "--json", *filters).splitlines()]

    def status(self):
        return json.loads(self("status", "--json"))
