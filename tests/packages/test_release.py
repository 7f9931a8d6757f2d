"""scripts/release: what it makes, and that its check finds what is wrong. The parts that take minutes (SDKs, image) are left out here."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE"])
BUILD = pathlib.Path(os.environ["SLUICE_BIN"]).parent
sys.path.insert(0, str(SOURCE / "scripts"))
import release_check  # noqa: E402

PARTS = ["source", "sbom", "chart"]


def release(*arguments, cwd=SOURCE, status=0):
    done = subprocess.run([cwd / "scripts" / "release", *map(str, arguments)], capture_output=True, text=True, timeout=200, check=False, cwd=cwd)
    assert done.returncode == status, done.stdout + done.stderr
    return done


@pytest.fixture(name="made", scope="module")
def made_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release") / "release"
    version = subprocess.run([SOURCE / "scripts" / "version"], capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    release(version, "--as-is", "--only", ",".join(PARTS), "--output", folder, "--build", BUILD)
    return folder


@pytest.fixture(name="folder")
def copy_of_it(made, tmp_path):
    return pathlib.Path(shutil.copytree(made, tmp_path / "copy"))


def test_it_lists_what_it_made_and_why_the_rest_is_missing(made):
    content = json.loads((made / "release.json").read_text())
    assert {"source", "sbom"} <= set(content["made"])
    assert content["leftOut"]["packages"] == "not asked for"
    assert "chart" in content["made"] or "helm" in content["leftOut"]["chart"]
    assert (made / "NOTES.md").read_text().startswith("### ")
    done = subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=made, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "is whole" in release("--check", made).stdout


def resum(folder):
    (folder / "SHA256SUMS").write_text("".join(f"{release_check.digest(path)}  {path.relative_to(folder)}\n" for path in sorted(folder.rglob("*"))
                                               if path.is_file() and path.name != "SHA256SUMS"))


def change(folder, edit):
    path = folder / "release.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    resum(folder)


def test_a_changed_byte_is_found(folder):
    path = next(folder.glob("*.cdx.json"))
    path.write_text(path.read_text().replace("CycloneDX", "CycloneDY", 1))
    assert f"{path.name} is not what SHA256SUMS says" in release("--check", folder, status=1).stderr


def test_files_more_or_less_are_found(folder):
    (folder / "stranger").write_text("x")
    assert "differ by stranger" in release("--check", folder, status=1).stderr
    (folder / "stranger").unlink()
    next(folder.glob("*.tar.gz")).unlink()
    assert "differ by sluice-" in release("--check", folder, status=1).stderr


def test_another_version_is_found(folder):
    change(folder, lambda content: content.update(version="9.8.7"))
    assert release("--check", folder, status=1).stderr
    for path in list(folder.glob("sluice-*")):
        path.rename(path.with_name(re.sub(r"\d+\.\d+\.\d+", "9.8.7", path.name)))
    change(folder, lambda content: content.update(made={part: [re.sub(r"\d+\.\d+\.\d+", "9.8.7", name) for name in names]
                                                       for part, names in content["made"].items()}))
    assert "is not of version 9.8.7" in release("--check", folder, status=1).stderr


def test_a_part_that_nobody_tells_of_is_found(folder):
    change(folder, lambda content: content["leftOut"].pop("sdk-go"))
    assert "does not tell of sdk-go" in release("--check", folder, status=1).stderr


def test_a_package_that_is_missing_is_found(folder):
    change(folder, lambda content: (content["leftOut"].pop("packages"), content["made"].update(packages=["NOTES.md"])))
    assert "the Debian packages are none" in release("--check", folder, status=1).stderr


def test_one_that_was_not_finished_is_found(folder):
    (folder / "SHA256SUMS").unlink()
    assert "no release that was finished" in release("--check", folder, status=1).stderr


@pytest.fixture(name="clone")
def clone_of_it(tmp_path):
    """Of the commit, with this script as it stands."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--shared", SOURCE, clone], check=True, timeout=60)
    for name in ("release", "release_parts.py", "release_check.py", "version"):
        shutil.copy(SOURCE / "scripts" / name, clone / "scripts" / name)
    for arguments in (["config", "user.name", "x"], ["config", "user.email", "x@x"], ["add", "-A"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", "-C", clone, *arguments], check=True, timeout=60)
    return clone


def test_a_version_is_set_and_its_changes_are_cut_and_nothing_is_committed(clone):
    head = subprocess.run(["git", "-C", clone, "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=30).stdout
    unreleased = (clone / "CHANGELOG.md").read_text().partition("## [Unreleased]\n")[2].partition("\n## ")[0].strip()
    release("9.8.7", "--only", "source", cwd=clone)
    assert re.search(r"## \[Unreleased\]\n\n## \[9\.8\.7\] - \d{4}-\d\d-\d\d\n", (clone / "CHANGELOG.md").read_text())
    folder = clone / "build/release-9.8.7"
    assert (folder / "NOTES.md").read_text().strip() == unreleased
    subprocess.run([clone / "scripts/version", "--check"], check=True, timeout=30)
    assert "ARG VERSION=9.8.7" in (clone / "Dockerfile").read_text()
    assert subprocess.run(["git", "-C", clone, "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=30).stdout == head
    assert json.loads((folder / "release.json").read_text())["commit"] == head[:12] + "-dirty"
    # Again, over what it has prepared itself: that is committed now.
    release("9.8.7", "--only", "source", "--commit", cwd=clone)
    assert (clone / "CHANGELOG.md").read_text().count("## [9.8.7]") == 1
    assert subprocess.run(["git", "-C", clone, "status", "--porcelain"], capture_output=True, text=True, check=True, timeout=30).stdout == ""
    assert re.fullmatch(r"[0-9a-f]{12}", json.loads((folder / "release.json").read_text())["commit"])


def test_commit_commits_what_it_changes(clone):
    release("9.8.7", "--only", "source", "--commit", cwd=clone)
    assert subprocess.run(["git", "-C", clone, "status", "--porcelain"], capture_output=True, text=True, check=True, timeout=30).stdout == ""
    content = json.loads((clone / "build/release-9.8.7/release.json").read_text())
    assert re.fullmatch(r"[0-9a-f]{12}", content["commit"])


def test_a_tree_with_other_changes_is_refused(clone):
    (clone / "README.md").write_text("changed")
    assert "the tree has changes" in release("9.8.7", "--only", "source", cwd=clone, status=1).stderr


def test_what_is_no_version_and_no_part_is_refused():
    assert "three numbers" in release("next", status=2).stderr
    assert "no part is called wheel" in release("9.8.7", "--only", "wheel", status=2).stderr
