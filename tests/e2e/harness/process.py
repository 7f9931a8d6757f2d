"""A child process with its log in a file."""
import fcntl
import os
import pathlib
import random
import signal
import socket
import subprocess
import tempfile

from harness.wait import TIME_FACTOR

BIN = pathlib.Path(os.environ["SLUICE_BIN"])
SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE"])


# Locks on the ports that free_port() gave, held until this process ends.
_ports = []


def free_port():
    """A loopback port for a server that must be told one. It is below those that the kernel gives to outgoing connections and
    to servers without a wish, and no other test is given it as long as this process lives: nobody else takes it meanwhile."""
    lowest_of_kernel = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    locks = pathlib.Path(tempfile.gettempdir()) / f"sluice-test-ports-{os.getuid()}"
    locks.mkdir(mode=0o700, exist_ok=True)
    for port in random.sample(range(10_000, lowest_of_kernel), 1_000):
        lock = open(locks / str(port), "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:  # Another test's, or another program's.
            lock.close()
            continue
        _ports.append(lock)
        return port
    raise RuntimeError(f"no free port on 127.0.0.1 below {lowest_of_kernel}")


class Process:
    """Started at construction. Its output, of all its starts, is in log_path."""

    def __init__(self, name, args, folder, env=None):
        self.name = name
        self.args = [str(arg) for arg in args]
        self.log_path = pathlib.Path(folder) / f"{name}.log"
        self.child = None
        self.set_env(env or {})
        self.start()

    def set_env(self, env):
        """From the next start on: what is added to the test's own environment."""
        self.env = {**os.environ, **env}

    def start(self):
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(
                self.args, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self.env)

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def assert_running(self):
        assert self.running(), f"{self.name} ended with status {self.child.returncode}:\n{self.log()[-3000:]}"

    def signal(self, number):
        self.child.send_signal(number)

    def kill(self):
        """kill -9, and waits for its end."""
        self.child.kill()
        self.child.wait()

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def wait(self, seconds=15.0):
        """Its exit status."""
        try:
            return self.child.wait(seconds * TIME_FACTOR)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {seconds} s:\n{self.log()[-3000:]}") from None

    def stop(self, seconds=30.0):
        """SIGTERM; returns the exit status."""
        if self.running():
            self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def close(self):
        """End of the test: whatever state it is in, it is gone afterwards."""
        if self.running():
            self.thaw()
            self.child.terminate()
            try:
                self.child.wait(5 * TIME_FACTOR)
            except subprocess.TimeoutExpired:
                self.child.kill()
        self.child.wait()
