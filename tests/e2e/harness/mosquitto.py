"""A broker of the test's own."""
import os
import shutil
import socket
import subprocess

from harness.process import Process, free_port
from harness.wait import wait_until

MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")


class Mosquitto:
    """Listens on a free loopback port, which it keeps over restarts.

    users: name to password; none: anonymous. persistent: sessions and queued messages survive kill() and start().
    options: further lines of mosquitto.conf.
    """

    def __init__(self, folder, users=None, persistent=False, options=(), start=True):
        self.folder = folder
        self.port = free_port()
        self.conf = folder / "mosquitto.conf"
        self.saves = 0
        lines = [f"listener {self.port} 127.0.0.1", "log_dest stderr", "log_type error", "log_type warning",
                 "log_type notice", "log_type subscribe", "log_type unsubscribe", "max_queued_messages 0",
                 "set_tcp_nodelay true"]
        if os.getuid() == 0:
            lines.append("user root")  # Its own user could not read the test's folder.
        if users:
            passwords = folder / "mosquitto.passwords"
            passwords.touch()
            for name, password in users.items():
                subprocess.run(["mosquitto_passwd", "-b", str(passwords), name, password], check=True, capture_output=True)
            lines += ["allow_anonymous false", f"password_file {passwords}"]
        else:
            lines.append("allow_anonymous true")
        if persistent:
            lines += ["persistence true", f"persistence_location {folder}/", "autosave_on_changes true",
                      "autosave_interval 1"]
        self.conf.write_text("\n".join([*lines, *options]) + "\n")
        self.process = None
        if start:
            self.start()

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self):
        if self.process is None:
            self.process = Process("mosquitto", [MOSQUITTO, "-c", self.conf], self.folder)
        else:
            self.process.start()
        wait_until(self.listens, "mosquitto listens")

    def listens(self):
        self.process.assert_running()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self.process.stop()

    def save(self):
        """Returns when all that the broker has acknowledged before stands in its file; for a persistent one.

        It acknowledges a message, and writes its file at the end of that turn of its loop: a kill in between loses what
        it had promised. So before a kill after which nothing may be missing, keep back what it says from now on
        (TcpProxy.stall()), and call this. The broker is one thread and replaces its file as a whole: when the marker
        stands in the file, so does everything that it had acknowledged before.
        """
        self.saves += 1
        marker = f"saved-{self.saves}-end"
        subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.port), "-t", "harness/saved", "-q", "1",
                        "-r", "-m", marker], check=True, timeout=20)
        file = self.folder / "mosquitto.db"
        wait_until(lambda: file.exists() and marker.encode() in file.read_bytes(), "the broker has saved its state")

    def kill(self):
        self.process.kill()

    def freeze(self):
        self.process.freeze()

    def thaw(self):
        self.process.thaw()

    def close(self):
        if self.process is not None:
            self.process.close()
