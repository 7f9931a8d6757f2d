"""scripts/check-security-fixes, against what apt-cache was recorded to say."""
import os
import pathlib
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE"])

POCKETS = """Package files:
 100 /var/lib/dpkg/status
     release a=now
 500 http://deb.debian.org/debian-security bookworm-security/main amd64 Packages
     release v=12,o=Debian,a=oldstable-security,n=bookworm-security,l=Debian-Security,c=main,b=amd64
     origin deb.debian.org
 500 http://deb.debian.org/debian bookworm-updates/main amd64 Packages
     release v=12-updates,o=Debian,a=oldstable-updates,n=bookworm-updates,l=Debian,c=main,b=amd64
     origin deb.debian.org
 500 http://deb.debian.org/debian bookworm/main amd64 Packages
     release v=12.15,o=Debian,a=oldstable,n=bookworm,l=Debian,c=main,b=amd64
     origin deb.debian.org
Pinned packages:
"""
NO_LISTS = """Package files:
 100 /var/lib/dpkg/status
     release a=now
Pinned packages:
"""
OPENSSL = """libssl3:
  Installed: 3.0.19-1~deb12u2
  Candidate: 3.0.22-1~deb12u2
  Version table:
     3.0.22-1~deb12u2 500
        500 http://deb.debian.org/debian-security bookworm-security/main amd64 Packages
     3.0.20-1~deb12u2 500
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
 *** 3.0.19-1~deb12u2 100
        100 /var/lib/dpkg/status
     3.0.17-1~deb12u2 500
        500 http://deb.debian.org/debian bookworm-updates/main amd64 Packages
"""
# The pocket's version is older than the one of a later point release.
GLIBC = """libc6:
  Installed: 2.36-9+deb12u14
  Candidate: 2.36-9+deb12u14
  Version table:
 *** 2.36-9+deb12u14 500
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
        100 /var/lib/dpkg/status
     2.36-9+deb12u7 500
        500 http://deb.debian.org/debian-security bookworm-security/main amd64 Packages
"""
# Held back by a pin: apt's candidate is what is there.
HELD = """libnghttp2-14:
  Installed: 1.52.0-1+deb12u1
  Candidate: 1.52.0-1+deb12u1
  Version table:
     1.52.0-1+deb12u3 -1
        500 http://security.debian.org/debian-security bookworm-security/main amd64 Packages
     1.52.0-1+deb12u2 -1
        500 http://deb.debian.org/debian bookworm-updates/main amd64 Packages
 *** 1.52.0-1+deb12u1 1001
        100 /var/lib/dpkg/status
"""


@pytest.fixture(name="check")
def check_with(tmp_path):
    """Runs it with an apt-cache that says these two things."""
    def check(policy, packages, *arguments):
        (tmp_path / "policy").write_text(policy)
        (tmp_path / "packages").write_text(packages)
        fake = tmp_path / "apt-cache"
        fake.write_text(f'#!/bin/sh\n[ $# -gt 1 ] && exec cat {tmp_path}/packages\nexec cat {tmp_path}/policy\n')
        fake.chmod(0o755)
        return subprocess.run([SOURCE / "scripts" / "check-security-fixes", *(arguments or ("--package", "x"))], capture_output=True,
                              text=True, timeout=60, check=False, cwd=SOURCE,
                              env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    return check


def test_a_fix_that_is_not_installed_is_named_and_fails(check):
    done = check(POCKETS, OPENSSL + GLIBC)
    assert (done.returncode, done.stdout) == (1, "libssl3 3.0.19-1~deb12u2 3.0.22-1~deb12u2 bookworm-security\n")
    assert "apt-get upgrade" in done.stderr


def test_what_is_installed_is_newer_than_the_pockets(check):
    done = check(POCKETS, GLIBC)
    assert done.returncode == 0
    assert "have all fixes of bookworm-security, bookworm-updates" in done.stdout


def test_a_pin_hides_no_fix_and_the_newest_is_named(check):
    done = check(POCKETS, HELD)
    assert (done.returncode, done.stdout) == (1, "libnghttp2-14 1.52.0-1+deb12u1 1.52.0-1+deb12u3 bookworm-security\n")


def test_without_lists_of_the_security_pocket_it_cannot_be_said(check):
    for policy in (NO_LISTS, POCKETS.replace("bookworm-security/main", "bookworm/main")):
        done = check(policy, GLIBC)
        assert done.returncode == 2
        assert "apt-get update" in done.stderr


def test_without_programs_it_cannot_be_said(check, tmp_path):
    done = check(POCKETS, "", "--build", tmp_path)
    assert done.returncode == 2
    assert "build them first" in done.stderr


def test_the_packages_are_those_that_the_programs_load(check, tmp_path):
    """apt is asked for the libraries of a real program."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sluicectl").symlink_to(pathlib.Path(os.environ["SLUICE_BIN"]).resolve() / "sluicectl")
    asked = tmp_path / "asked"
    check(POCKETS, GLIBC)
    (tmp_path / "apt-cache").write_text(f'#!/bin/sh\n[ $# -gt 1 ] && echo "$@" >{asked} && exit 0\nexec cat {tmp_path}/policy\n')
    done = subprocess.run([SOURCE / "scripts" / "check-security-fixes", "--build", tmp_path], capture_output=True, text=True, timeout=60,
                          check=False, env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stderr
    names = {name.split(":")[0] for name in asked.read_text().split()}
    assert {"libc6", "libstdc++6"} <= names and any(name.startswith("libssl3") for name in names)
