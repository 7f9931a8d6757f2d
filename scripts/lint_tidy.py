"""Runs clang-tidy over the programs' .cc files, or the named ones: scripts/lint_tidy.py [--jobs N] [FILE …]

A file without findings gets a stamp under build/tidy/stamps, named by a hash of all that could change the outcome:
the file, the project's headers it includes, its compile command, the .clang-tidy files and clang-tidy's version.

Most of the time goes into the headers of the libraries, which clang-tidy reads and matches anew for every file. So up to
UNITY files of one target are looked at as one, which takes a third of the time; only if that has findings, each is looked
at alone, and what is told is what it has then.
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
UNITY = 8
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


def run(path, *options):
    """Exit status, findings and CPU seconds, which unlike the time of day do not depend on what else runs."""
    child = subprocess.Popen(
        [CLANG_TIDY, "--quiet", *options, str(path)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    output = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, output, used.ru_utime + used.ru_stime


def run_alone(path):
    return run(path, "-p", str(BUILD))


def run_as_one(paths, command):
    """As run(): a file that includes all of them, compiled as the first of them is. A name may hide one of another file."""
    folder = BUILD / "unity" / hashlib.sha256(str(paths).encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / "unity.cc"
    whole.write_text("".join(f'#include "{path}"\n' for path in paths))
    command = command.replace(f" -c {paths[0]}", f" -Wno-shadow -c {whole}")
    (folder / "compile_commands.json").write_text(
        json.dumps([{"directory": str(BUILD), "file": str(whole), "command": command}]))
    return run(whole, "-p", str(folder), r"--header-filter=/(server|client/cpp|bench)/.*\.(h|cc)$")


def grouped(todo, commands):
    """Lists of files of one target that are compiled in the same way, as even as can be. The names in their anonymous
    namespaces do not clash: release builds them several at a time, too."""
    targets = {}
    for path, stamp in todo:
        target = re.sub(r" -o (\S+\.dir)/\S+ -c \S+$", r" \1", commands[path])
        targets.setdefault(target, []).append((path, stamp))
    groups = []
    for files in targets.values():
        parts = -(-len(files) // UNITY)
        groups += [files[part::parts] for part in range(parts)]
    return groups


def check(group, commands):
    """For each file of the group: its name, stamp, exit status and findings; then the CPU seconds of all, and whether
    each was looked at alone."""
    used = 0
    if len(group) > 1:
        paths = [path for path, _ in group]
        code, _, used = run_as_one(paths, commands[paths[0]])
        if code == 0:
            return [(path, stamp, 0, "") for path, stamp in group], used, False
    found = []
    for path, stamp in group:
        code, output, seconds = run_alone(path)
        found.append((path, stamp, code, output))
        used += seconds
    return found, used, True


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

    failed, done, times = 0, 0, []
    groups = grouped(todo, commands)
    # Longest first, so that no core waits at the end: includes are the best guess at a group's cost.
    groups.sort(key=lambda group: -len(set().union(*(closure(path) for path, _ in group))))
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for future in concurrent.futures.as_completed([pool.submit(check, group, commands) for group in groups]):
            found, seconds, alone = future.result()
            done += len(found)
            names = ", ".join(path.name for path, *_ in found)
            names += " (each alone)" if alone and len(found) > 1 else ""
            times.append((seconds, names))
            print(f"tidy: [{done}/{len(todo)}] {seconds:5.1f} s  {found[0][0].parent.relative_to(ROOT)}: {names}", flush=True)
            for path, stamp, code, output in found:
                if code:
                    failed += 1
                    print(f"tidy: FAILED {path.relative_to(ROOT)}")
                    print(output or f"{CLANG_TIDY} ended with status {code}", flush=True)
                else:
                    stamp.touch()
    if times:
        slowest = ", ".join(f"{name} {seconds:.0f} s" for seconds, name in sorted(times, reverse=True)[:3])
        print(f"tidy: {sum(seconds for seconds, _ in times):.0f} s of CPU over {len(todo)} files; slowest: {slowest}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
