"""Runs clang-tidy over the programs' .cc files, or the named ones: scripts/lint_tidy.py [--jobs N] [FILE …]

A file without findings gets a stamp under build/tidy/stamps, named by a hash of all that could change the outcome:
the file, the project's headers it includes, its compile command, the .clang-tidy files and clang-tidy's version.
"""
import argparse
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "tidy"
STAMPS = BUILD / "stamps"
CLANG_TIDY = "clang-tidy-19"
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
# Generated headers are included like "sluice/v1/worker.pb.h": the .proto files stand for them.
INCLUDE_ROOTS = (ROOT, ROOT / "client" / "cpp", ROOT / "client" / "cpp" / "include")


def tracked_files(*patterns):
    listed = subprocess.run(["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, check=True, capture_output=True)
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).exists()]


@functools.lru_cache(maxsize=None)
def content(path):
    return path.read_bytes()


@functools.lru_cache(maxsize=None)
def direct_includes(path):
    found = []
    for name in INCLUDE.findall(content(path)):
        for folder in (path.parent, *INCLUDE_ROOTS):
            header = folder / name.decode()
            if header.is_file():
                found.append(header.resolve())
                break
    return found


def closure(path):
    seen, todo = {path}, [path]
    while todo:
        for header in direct_includes(todo.pop()):
            if header not in seen:
                seen.add(header)
                todo.append(header)
    return sorted(seen)


def stamp_of(path, command, common):
    digest = hashlib.sha256(common)
    digest.update(command.replace(str(ROOT), "").encode())  # The same in every clone.
    for included in closure(path):
        digest.update(content(included))
    return STAMPS / digest.hexdigest()


def run(path):
    """Exit status, findings and CPU seconds, which unlike the time of day do not depend on what else runs."""
    child = subprocess.Popen(
        [CLANG_TIDY, "-p", str(BUILD), "--quiet", str(path)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    output = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, output, used.ru_utime + used.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*", type=lambda name: pathlib.Path(name).resolve())
    args = parser.parse_args()

    commands = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        commands[pathlib.Path(entry["file"]).resolve()] = entry["command"]
    version = subprocess.run([CLANG_TIDY, "--version"], check=True, capture_output=True).stdout
    common = version + b"".join(content(path) for path in tracked_files("*.clang-tidy", "*.proto"))

    todo = []
    # Not the tests: the sanitizer presets compile them with clang's warnings, -Wthread-safety among them, as errors, and
    # they would double the time. By name they can be checked too.
    for path in args.files or tracked_files("server/*.cc", "client/*.cc", "bench/*.cc"):
        if path not in commands:
            print(f"tidy: {path.relative_to(ROOT)} is not compiled by the tidy preset: skipped")
            continue
        stamp = stamp_of(path, commands[path], common)
        if not stamp.exists():
            todo.append((path, stamp))
    STAMPS.mkdir(parents=True, exist_ok=True)
    print(f"tidy: {len(todo)} files to check, {len(commands)} known", flush=True)

    failed, times = 0, []
    # Longest first, so that no core waits at the end: includes are the best guess at a file's cost.
    todo.sort(key=lambda item: -len(closure(item[0])))
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        futures = {pool.submit(run, path): (path, stamp) for path, stamp in todo}
        for done, future in enumerate(concurrent.futures.as_completed(futures), 1):
            path, stamp = futures[future]
            code, output, seconds = future.result()
            name = str(path.relative_to(ROOT))
            times.append((seconds, name))
            print(f"tidy: [{done}/{len(todo)}] {seconds:5.1f} s  {name}{'  FAILED' if code else ''}", flush=True)
            if code:
                failed += 1
                print(output or f"{CLANG_TIDY} ended with status {code}", flush=True)
            else:
                stamp.touch()
    if times:
        slowest = ", ".join(f"{name} {seconds:.0f} s" for seconds, name in sorted(times, reverse=True)[:3])
        print(f"tidy: {sum(seconds for seconds, _ in times):.0f} s of CPU over {len(times)} files; slowest: {slowest}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
