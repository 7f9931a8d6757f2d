"""scripts/sbom: what it lists, and that its form is CycloneDX 1.5's.

The form is checked by hand: the keys that the specification's JSON schema requires or knows for the objects that are written,
its patterns and enumerations, and that references lead somewhere. The whole schema, with its list of SPDX, is not here.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import uuid

import pytest

SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE"])
BIN = pathlib.Path(os.environ["SLUICE_BIN"])

# Of the schema's objects: what they must have, and what else is written of what they may have.
OBJECTS = {
    "bom": ({"bomFormat", "specVersion"}, {"$schema", "serialNumber", "version", "metadata", "components", "dependencies"}),
    "metadata": (set(), {"timestamp", "tools", "component"}),
    "component": ({"type", "name"}, {"bom-ref", "version", "purl", "licenses", "hashes", "properties"}),
    "hash": ({"alg", "content"}, set()),
    "property": (set(), {"name", "value"}),
    "dependency": ({"ref"}, {"dependsOn"}),
}


def check_object(kind, found):
    must, may = OBJECTS[kind]
    assert must <= set(found) <= must | may, (kind, found)


def check_component(component):
    check_object("component", component)
    assert component["type"] in {"application", "container", "library"}
    for licence in component.get("licenses", []):
        assert set(licence) == {"license"} and set(licence["license"]) in ({"id"}, {"name"})
        assert licence["license"].get("id", "Apache-2.0") == "Apache-2.0", "an id must be one of SPDX"
        assert all(licence["license"].values())
    for digest in component.get("hashes", []):
        check_object("hash", digest)
        assert digest["alg"] == "SHA-256" and re.fullmatch(r"[0-9a-f]{64}", digest["content"])
    for each in component.get("properties", []):
        check_object("property", each)
    if "purl" in component:
        assert re.fullmatch(r"pkg:(deb/[a-z]+|generic)/[\w.%~-]+@[\w.%~-]+(\?[\w.%~=&-]+)?", component["purl"]), component["purl"]


def check_form(bom):
    check_object("bom", bom)
    assert (bom["bomFormat"], bom["specVersion"], bom["version"]) == ("CycloneDX", "1.5", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bom["serialNumber"]) and uuid.UUID(bom["serialNumber"][9:])
    check_object("metadata", bom["metadata"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", bom["metadata"]["timestamp"])
    for component in [bom["metadata"]["component"], *bom["metadata"]["tools"]["components"], *bom["components"]]:
        check_component(component)
    references = [component["bom-ref"] for component in [bom["metadata"]["component"], *bom["components"]]]
    assert len(references) == len(set(references)), "no reference stands twice"
    refs = [dependency["ref"] for dependency in bom["dependencies"]]
    assert len(refs) == len(set(refs))
    for dependency in bom["dependencies"]:
        check_object("dependency", dependency)
        used = dependency.get("dependsOn", [])
        assert len(used) == len(set(used)) and {dependency["ref"], *used} <= set(references)


def sbom(*arguments, status=0):
    done = subprocess.run([SOURCE / "scripts" / "sbom", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False,
                          cwd=SOURCE)
    assert done.returncode == status, done.stderr
    return done


@pytest.fixture(name="root")
def root_of_an_image(tmp_path):
    """A Debian of two packages, one of which a program of ours loads; dpkg and the copyright file say what is known of them."""
    root = tmp_path / "root"
    ldd = subprocess.run(["ldd", "/bin/true"], capture_output=True, text=True, check=True).stdout
    libraries = [pathlib.Path(path) for path in re.findall(r"(/\S*lib\S+)", ldd)]
    folder = root / "usr/lib" / next(path.parent.name for path in libraries if "linux-gnu" in str(path))
    folder.mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    for path in libraries:
        shutil.copy(path.resolve(), folder / path.name)
    (root / "usr/bin").mkdir()
    shutil.copy("/bin/true", root / "usr/bin/sluicectl")
    (root / "etc").mkdir()
    (root / "etc/os-release").write_text('PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="12"\n')
    info = root / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (info.parent / "status").write_text("""Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc
Version: 2.36-9+deb12u14
Description: library
 of two lines

Package: tool
Status: install ok installed
Architecture: all
Source: tools (7)
Version: 1:2.0~rc1-1+b1

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
""")
    (info / "libc6:amd64.list").write_text("/.\n" + "".join(f"/lib/{folder.name}/{path.name}\n" for path in libraries))
    (info / "tool.list").write_text("/usr/bin/tool\n")
    (root / "usr/share/doc/tool").mkdir(parents=True)
    (root / "usr/share/doc/tool/copyright").write_text("""Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: somebody
License: MIT

License: GPL-2+
 Whole text.
""")
    return root


def test_an_images_has_all_of_its_packages(root):
    bom = json.loads(sbom("--root", root).stdout)
    check_form(bom)
    by_name = {component["name"]: component for component in bom["components"]}
    assert set(by_name) == {"sluicectl", "libc6", "tool"}
    assert by_name["libc6"]["purl"] == "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64&distro=debian-12&upstream=glibc%402.36-9%2Bdeb12u14"
    assert by_name["tool"]["purl"] == "pkg:deb/debian/tool@1%3A2.0~rc1-1%2Bb1?arch=all&distro=debian-12&upstream=tools%407"
    assert by_name["tool"]["licenses"] == [{"license": {"name": "GPL-2+"}}, {"license": {"name": "MIT"}}]
    loads = {each["ref"]: each.get("dependsOn", []) for each in bom["dependencies"]}
    assert loads[by_name["sluicectl"]["bom-ref"]] == [by_name["libc6"]["purl"]]


def test_a_library_that_no_package_has_is_an_error(root):
    (root / "var/lib/dpkg/info/libc6:amd64.list").write_text("")
    assert "what no package has: " in sbom("--root", root, status=1).stderr


def test_what_is_no_system_is_an_error(tmp_path):
    assert "dpkg's list of packages cannot be read" in sbom("--root", tmp_path, status=1).stderr
    assert "build them first" in sbom("--build", tmp_path, status=1).stderr


def test_a_builds_has_what_its_programs_load_and_what_is_compiled_into_them():
    build = BIN.parent
    bom = json.loads(sbom("--build", build).stdout)
    check_form(bom)
    use = {component["name"]: component["properties"][0]["value"] for component in bom["components"] if "properties" in component}
    names = {component["name"] for component in bom["components"]}
    assert {"sluice-gateway", "sluicectl"} <= names
    assert {"libc6", "libnghttp2-14", "libsqlite3-0", "libstdc++6"} <= {name for name, how in use.items() if how == "loaded"}
    assert {"libcli11-dev", "nlohmann-json3-dev"} <= {name for name, how in use.items() if how != "loaded"}
    versions = dict(line.split("\t") for line in subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package}\t${Version}\n"], capture_output=True, text=True, check=True).stdout.splitlines())
    for component in bom["components"]:
        if component["type"] == "library":
            assert component["version"] == versions[component["name"]]
    assert sbom("--build", build).stdout == sbom("--build", build).stdout, "the same again"
