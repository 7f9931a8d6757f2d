"""What is planted between the model and the gateway is found, and told."""
import pathlib
import subprocess

import pytest

RUN = pathlib.Path(__file__).parent / "run"


@pytest.mark.parametrize(("plant", "told"), [("route", "not at the broker"), ("chain", "wrong: answered by"), ("reply", "lost: route")])
def test_it_is_found_and_told(plant, told, tmp_path):
    # Of this seed the third change and some after it are changes of the file.
    command = [RUN, "--changes", "6", "--seed", "7", "--rate", "1000", "--kill", "none", "--order", "--plant", plant,
               "--patience", "3", "--effect", "3", "--logs", tmp_path / "logs"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, told in done.stdout) == (1, True), done.stdout + done.stderr
    assert plant == "route" or "again: tests/chaos/run --changes" in done.stdout
    assert (tmp_path / "logs" / "changes.log").exists()
