"""Checks that the server's folders stay layers: scripts/lint_layers.py

A file may include headers of its own folder and of folders in lower layers, so that there is no cycle. A third-party
library is included in the folders of LIBRARIES alone. What breaks a rule is told as file:line, with the rule.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# The lowest first: from what knows nothing of Sluice to the map of it all. docs/architecture.md says what each folder is for.
LAYERS = (
    ("runtime", "sqlite"),
    ("telemetry", "message", "rpc/service"),
    ("certificates", "mqtt", "rpc/protocol"),
    ("net", "route", "mqtt/protocol", "mqtt/paho"),
    ("http", "identity", "journal", "pressure", "rpc", "spans"),
    ("queue", "router", "session", "tap"),
    ("worker",),
    ("reply",),
    ("deadletter",),
    ("config",),
    ("mqtt/transport", "reload", "trial"),
    ("mqtt/wire", "admin", "addition", "otlp"),
    ("backlog", "dashboard", "live"),
    ("",),
)

# The beginning of what is included in <…> or "…", and where it may be. Those that are everywhere (Abseil, the
# standard library's and the system's) are not named.
LIBRARIES = {
    "CLI/": ("config",),
    "boost/": ("net", "mqtt/transport"),  # One library, Asio, for both sides' sockets; WebSockets are MQTT's alone.
    "google/": ("rpc", "otlp"),  # Its log, its JSON and its arena. Messages are generated code.
    "grpcpp/": (),  # Workers and tools use it: no part of the server.
    "isa-l": ("journal",),
    "jemalloc": (),
    "MQTT": ("mqtt/paho",),
    "mqtt/": ("mqtt/paho",),
    "nghttp2/": ("rpc/protocol",),
    "nlohmann/": ("identity",),
    "openssl/": ("net", "certificates", "mqtt/transport"),  # Streams of both sides, and what a certificate's file holds.
    "prometheus/": ("telemetry",),
    "spdlog/": ("telemetry",),
    "sqlite3.h": ("sqlite",),
    "yaml-cpp/": ("config",),
    "zlib.h": ("rpc/protocol",),
}

INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]')


def folder_of(name):
    """Below server/: "mqtt/wire"; "" for server/ itself."""
    return "/".join(pathlib.PurePosixPath(name).parts[1:-1])


def check(name, text, layer_of):
    """The findings in the file `name`."""
    folder = folder_of(name)
    if folder not in layer_of:
        yield f"{name}:1: the folder stands in no layer: name it in scripts/lint_layers.py"
        return
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        included = found.group(1)
        if included.startswith("server/"):
            other = folder_of(included)
            if other != folder and layer_of.get(other, len(LAYERS)) >= layer_of[folder]:
                yield (f"{name}:{number}: {included} is in no lower layer than server/{folder}: move what both need to "
                       "where both may see it, or let this folder say as an interface what it asks for (scripts/lint_layers.py)")
        for library, folders in LIBRARIES.items():
            if included.startswith(library) and folder not in folders:
                where = f"for {' and '.join(f'server/{one}' for one in folders)} alone" if folders else "for no folder of the server"
                yield f"{name}:{number}: {included} is {where} (scripts/lint_layers.py)"


def main():
    layer_of = {folder: layer for layer, folders in enumerate(LAYERS) for folder in folders}
    names = subprocess.run(
        ["git", "ls-files", "--", "server/*.cc", "server/*.h"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    findings = [finding for name in names if (ROOT / name).exists() for finding in check(name, (ROOT / name).read_text(), layer_of)]
    print("\n".join(findings) if findings else f"layers: {len(names)} files keep to {len(LAYERS)} layers")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
