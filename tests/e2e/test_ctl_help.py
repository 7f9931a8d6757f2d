"""Every command of sluicectl shows an example, and stands in the manual page and in the completions."""
import os
import pathlib
import sys

import pytest

from harness.process import BIN

sys.path.insert(0, str(pathlib.Path(os.environ["SLUICE_SOURCE"]) / "packaging"))

import completions  # noqa: E402
import help_tree  # noqa: E402
import manual  # noqa: E402


@pytest.fixture(name="tree", scope="module")
def read_tree():
    return help_tree.read(BIN / "sluicectl")


@pytest.fixture(name="commands", scope="module")
def leaves(tree):
    found = [command for command in tree.all() if command.path and not command.commands]
    assert len(found) > 40, "all of them are read"
    return found


def test_each_shows_an_example_of_itself(commands):
    for command in commands:
        words = " ".join(command.path)
        examples = [line.strip() for line in command.after.splitlines() if line.startswith("  ")]
        assert examples and all(example.startswith(f"sluicectl {words}") for example in examples), f"{words}: {command.after!r}"


def test_the_examples_are_right(commands):
    """Each has options that its command has: what is wrong is exit status 2 before anything is asked."""
    import shlex
    import subprocess
    for command in commands:
        for line in command.after.splitlines():
            if not line.startswith("  "):
                continue
            words = shlex.split(line)[1:]
            # With --help behind nothing is done; what is no option is said all the same.
            done = subprocess.run([BIN / "sluicectl", *words, "--help"], capture_output=True, text=True, timeout=30, check=False)
            assert done.returncode == 0, f"{line}: {done.stderr}"


def test_each_stands_in_the_manual_page_with_its_example(tree, commands):
    page = manual.of_program("sluicectl", tree, "asks", "2026-01-01", "1.0", [("sluice-gateway", 1)])
    for command in commands:
        assert f".SS {manual.escape(' '.join(command.path))}" in page
        assert manual.escape(command.after.strip().splitlines()[-1].strip()) in page, command.path


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_stands_in_the_completions(shell, tree, commands):
    text = getattr(completions, shell)("sluicectl", tree)
    for command in commands:
        assert command.path[-1] in text and command.path[0] in text, command.path
    for option in ("--context", "--all", "--last", "--since"):
        assert option.lstrip("-") in text, option
