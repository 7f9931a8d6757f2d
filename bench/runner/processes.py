"""Child processes that end with this one, and what the kernel says about their cost."""

import ctypes
import json
import os
import queue
import signal
import socket
import subprocess
import threading
import time

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """A part of the run went wrong; the text says which, for people."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Child:
    """A process whose standard output is JSON, an object per line, or of no interest."""

    def __init__(self, name, command, log_dir):
        self.name = name
        self.log_path = os.path.join(log_dir, f"{name}.log")
        self._events = queue.Queue()
        with open(self.log_path, "ab") as log:
            self._process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                preexec_fn=lambda: LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), text=True)
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self):
        return self._process.pid

    def running(self):
        return self._process.poll() is None

    def _read(self):
        for line in self._process.stdout:
            try:
                self._events.put(json.loads(line))
            except ValueError:
                pass  # Not meant for us.
        self._events.put(None)

    def wait_for(self, event, timeout_s):
        """The next object whose "event" is this one; others are passed over."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                found = self._events.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise Failed(f"{self.name}: no '{event}' within {timeout_s} s; its log:\n{self.log_tail()}") from None
            if found is None:
                raise Failed(f"{self.name} ended before '{event}'; its log:\n{self.log_tail()}")
            if found.get("event") == event:
                return found

    def tell(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def send_signal(self, number):
        self._process.send_signal(number)

    def log_tail(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-15:])

    def stop(self, grace_s=3):
        """SIGTERM, then SIGKILL for what does not go."""
        if self.running():
            self._process.terminate()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdin.close()

    # ---- cost

    def cpu_s(self):
        """User and system time of all its threads so far; still there when it has ended, until stop()."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def written_bytes(self):
        """(handed to files, on their way to disks) so far: sockets do not count, whole pages do."""
        values = {}
        with open(f"/proc/{self.pid}/io", encoding="ascii") as io:
            for line in io:
                name, _, value = line.partition(":")
                values[name] = int(value)
        return values["wchar"], values["write_bytes"]

    def memory_mib(self):
        """(now, at its highest), resident; zeros when it has ended."""
        values = {"VmRSS": 0, "VmHWM": 0}
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                name, _, value = line.partition(":")
                if name in ("VmRSS", "VmHWM"):
                    values[name] = int(value.split()[0]) / 1024
        return values["VmRSS"], values["VmHWM"]


class Children:
    """Starts processes, and stops them all at the end of a `with`, the last one first."""

    def __init__(self, log_dir):
        self._log_dir = log_dir
        self._children = []
        self._at_end = []

    def start(self, name, *command):
        child = Child(name, command, self._log_dir)
        self._children.append(child)
        return child

    def at_end(self, action):
        """Called when all have stopped."""
        self._at_end.append(action)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(self._children):
            child.stop()
        for action in self._at_end:
            action()
