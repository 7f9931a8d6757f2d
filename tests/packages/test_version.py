"""--version of each program: version, commit and build, the same of all."""
import os
import pathlib
import re
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE"])
BIN = pathlib.Path(os.environ["SLUICE_BIN"])
PROGRAMS = ["sluice-gateway", "sluicectl", "sluice-echo-worker", "sluice-temperature-alarm"]


def version_of(program):
    done = subprocess.run([BIN / program, "--version"], capture_output=True, text=True, timeout=30, check=True)
    name, _, rest = done.stdout.rstrip("\n").partition(" ")
    assert name == program, "a name without a path, and one line"
    return rest


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_says_version_commit_type_and_compiler(program):
    number = subprocess.run([SOURCE / "scripts" / "version"], capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    assert re.fullmatch(rf"{re.escape(number)} \(commit ([0-9a-f]{{12}}(-dirty)?|unknown), \w[\w ,-]*, (GNU|Clang) [\d.]+\)", version_of(program))


def test_all_are_of_one_build():
    assert len({version_of(program) for program in PROGRAMS}) == 1


@pytest.fixture(name="write")
def write_build(tmp_path):
    """Runs what writes the one file that a commit changes; returns it."""
    output = tmp_path / "build.cc"

    def write(source, commit=""):
        subprocess.run(["cmake", f"-DSOURCE={source}", f"-DOUTPUT={output}", "-DVERSION=1.2.3", f"-DCOMMIT={commit}", "-DTYPE=Release",
                        "-DSANITIZE=", "-DCOMPILER=GNU 12", "-P", SOURCE / "version" / "write_build.cmake"], check=True, timeout=30)
        return output
    return write


def git(folder, *arguments):
    subprocess.run(["git", "-C", folder, "-c", "user.name=x", "-c", "user.email=x@x", *arguments], check=True, capture_output=True, timeout=30)


def test_the_commit_is_the_clones_and_a_changed_file_makes_it_dirty(write, tmp_path):
    clone = tmp_path / "clone"
    git(tmp_path, "init", clone)
    (clone / "file").write_text("1")
    git(clone, "add", ".")
    git(clone, "commit", "-m", "1")
    head = subprocess.run(["git", "-C", clone, "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=30).stdout
    assert f"(commit {head[:12]}, Release, GNU 12)" in write(clone).read_text()
    (clone / "file").write_text("2")
    assert f"(commit {head[:12]}-dirty, Release" in write(clone).read_text()


def test_what_is_said_already_is_not_written_again(write, tmp_path):
    output = write(tmp_path)
    assert "(commit unknown, " in output.read_text()
    os.utime(output, (1, 1))
    assert write(tmp_path).stat().st_mtime == 1, "nothing is compiled"
    assert write(tmp_path, commit="abc").stat().st_mtime != 1
