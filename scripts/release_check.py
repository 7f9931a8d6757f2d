"""Whether a folder that scripts/release has made is whole and of one version."""
import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
import zipfile

from release_parts import PARTS, Problem


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _member(path, pattern):
    """The text of the archive's first member of that name."""
    if path.suffix in (".whl", ".jar", ".zip"):
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if re.fullmatch(pattern, name)]
            return archive.read(names[0]).decode() if names else ""
    with tarfile.open(path) as archive:
        found = next((member for member in archive if re.fullmatch(pattern, member.name)), None)
        return archive.extractfile(found).read().decode() if found else ""


def _says(path, pattern, text, version):
    if not re.search(pattern.format(re.escape(version)), text, re.MULTILINE):
        raise Problem(f"{path.name} is not of version {version}")


def _packages(folder, content):
    version = content["version"]
    debs = {path.name.partition("_")[0]: path for path in (folder / "debian").glob("*.deb")}
    if set(debs) != {"sluice-gateway", "sluicectl", "libsluice-worker-dev", "sluice-examples"}:
        raise Problem(f"the Debian packages are {', '.join(sorted(debs)) or 'none'}")
    for path in debs.values():
        field = subprocess.run(["dpkg-deb", "-f", path, "Version"], capture_output=True, text=True, check=True, timeout=60).stdout
        _says(path, "^{}-", field, version)
    with tempfile.TemporaryDirectory() as root:
        subprocess.run(["dpkg-deb", "-x", debs["sluice-gateway"], root], check=True, timeout=60)
        said = subprocess.run([f"{root}/usr/bin/sluice-gateway", "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    if f"sluice-gateway {version} (commit {content['commit']}, Release, " not in said:
        raise Problem(f"the packaged gateway says '{said.strip()}', not version {version} and commit {content['commit']}")


def _chart(folder, content):
    path = folder / f"sluice-{content['version']}.tgz"
    for key in ("version", "appVersion"):
        _says(path, rf'^{key}: "?{{}}"?$', _member(path, "sluice/Chart.yaml"), content["version"])


def _sbom(folder, content):
    path = folder / f"sluice-{content['version']}.cdx.json"
    bom = json.loads(path.read_text())
    if bom["bomFormat"] != "CycloneDX" or bom["metadata"]["component"]["version"] != content["version"]:
        raise Problem(f"{path.name} is not of version {content['version']}")


def _source(folder, content):
    path = folder / f"sluice-{content['version']}.tar.gz"
    _says(path, r"^project\(sluice VERSION {} ", _member(path, r"sluice-[\d.]+/CMakeLists\.txt"), content["version"])


# Of each SDK's package: its file, what says the version in it, and how.
SDK_FILES = {
    "sdk-go": [("**/*.zip", r".*/version\.go", r'Version = "{}"')],
    "sdk-java": [("sluice-worker-[0-9]*.jar", None, None), ("sluice-parent.pom", None, r"<artifactId>sluice-parent</artifactId>\s*<version>{}<")],
    "sdk-node": [("*.tgz", r"package/package\.json", r'"version": "{}"')],
    "sdk-python": [("*.whl", r".*dist-info/METADATA", "^Version: {}$"), ("*.tar.gz", r"[^/]+/PKG-INFO", "^Version: {}$")],
    "sdk-rust": [("*.crate", r"[^/]+/Cargo\.toml", '^version = "{}"$')],
    "sdk-cpp": [("**/SluiceClientConfigVersion.cmake", None, r'set\(PACKAGE_VERSION "{}"\)'), ("**/libsluice_worker.a", None, None)],
}


def _sdk(part):
    def check(folder, content):
        for glob, member, pattern in SDK_FILES[part]:
            found = [path for path in (folder / part).glob(glob) if "sluiceotel" not in str(path)]
            if not found:
                raise Problem(f"{part} has no {glob}")
            if pattern:
                _says(found[0], pattern, _member(found[0], member) if member else found[0].read_text(), content["version"])
            elif content["version"] not in found[0].name and not found[0].suffix == ".a":
                raise Problem(f"{found[0].name} is not of version {content['version']}")
    return check


CHECKS = {"packages": _packages, "chart": _chart, "sbom": _sbom, "source": _source, **{part: _sdk(part) for part in SDK_FILES}}


def check(folder):
    """Raises a Problem that says what is wrong."""
    try:
        content = json.loads((folder / "release.json").read_text())
        lines = (folder / "SHA256SUMS").read_text().splitlines()
    except (OSError, ValueError) as error:
        raise Problem(f"{folder} is no release that was finished: {error}") from None
    listed = dict(reversed(line.split("  ", 1)) for line in lines)
    there = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS"}
    if set(listed) != set(there):
        raise Problem(f"SHA256SUMS and the folder differ by {', '.join(sorted(set(listed) ^ set(there)))}")
    for name, path in there.items():
        if digest(path) != listed[name]:
            raise Problem(f"{name} is not what SHA256SUMS says")
    made, left_out = content["made"], content["leftOut"]
    if set(made) | set(left_out) != set(PARTS) or set(made) & set(left_out):
        raise Problem(f"release.json does not tell of {', '.join(sorted(set(PARTS) ^ (set(made) | set(left_out))))}")
    if unmade := [name for files in made.values() for name in files if name not in there]:
        raise Problem(f"release.json names {', '.join(unmade)}, which is not there")
    if empty := [name for name, files in made.items() if not files]:
        raise Problem(f"{', '.join(empty)} has no files")
    if not all(left_out.values()):
        raise Problem("something is left out without a reason")
    if not (folder / "NOTES.md").read_text().strip():
        raise Problem("NOTES.md is empty")
    for name in made:
        if name in CHECKS:
            CHECKS[name](folder, content)
