"""Which of Debian's packages a program is linked with: read out of the binaries and out of dpkg's files, below any root."""
import os
import pathlib
import re
import struct
from typing import NamedTuple

PROGRAMS = ("sluice-gateway", "sluicectl", "sluice-echo-worker", "sluice-temperature-alarm")


class Problem(Exception):
    """For people: what was found, and what to do."""


class Package(NamedTuple):
    name: str
    version: str
    architecture: str
    source: str  # The source package and its version, which Debian's security notices are about.
    source_version: str


def _paragraphs(text):
    """Of a file as dpkg writes it: a dict for each."""
    for block in re.split(r"\n\s*\n", text):
        fields, name = {}, None
        for line in block.splitlines():
            if line[:1] in " \t":
                if name is not None:
                    fields[name] += "\n" + line.strip()
            elif ":" in line:
                name, value = line.split(":", 1)
                fields[name] = value.strip()
        if fields:
            yield fields


class Root:
    """A file system with Debian in it: this machine's, or that of an image."""

    def __init__(self, path="/"):
        self.path = pathlib.Path(path)
        self._packages = None
        self._owners = None

    def at(self, path):
        return self.path / str(path).lstrip("/")

    def release(self):
        """("debian", "12")."""
        try:
            text = self.at("/etc/os-release").read_text()
        except OSError as error:
            raise Problem(f"{self.path} holds no system: {error}") from None
        fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.MULTILINE))
        return fields.get("ID", "debian"), fields.get("VERSION_ID", "")

    def packages(self):
        """All that are installed, by name and architecture."""
        if self._packages is None:
            status = self.at("/var/lib/dpkg/status")
            try:
                text = status.read_text(errors="replace")
            except OSError as error:
                raise Problem(f"dpkg's list of packages cannot be read: {error}") from None
            self._packages = {}
            for fields in _paragraphs(text):
                if not fields.get("Status", "").endswith(" installed"):
                    continue
                source, _, version = fields.get("Source", fields["Package"]).partition(" ")
                package = Package(fields["Package"], fields["Version"], fields.get("Architecture", ""), source,
                                  version.strip("()") or fields["Version"])
                self._packages[package.name, package.architecture] = package
        return self._packages

    def owner(self, path):
        """The package of a file, or None."""
        if self._owners is None:
            self._owners = {}
            by_name = {}
            for (name, architecture), package in self.packages().items():
                by_name[name] = by_name[f"{name}:{architecture}"] = package
            for listing in self.at("/var/lib/dpkg/info").glob("*.list"):
                package = by_name.get(listing.stem)
                for line in listing.read_text(errors="replace").splitlines() if package else ():
                    # Where /lib is /usr/lib, packages of either spelling are about.
                    self._owners[line.removeprefix("/usr")] = package
        return self._owners.get(str(path).removeprefix("/usr"))

    def licences(self, package):
        """What the package's copyright file names, where it is one that machines can read; else nothing."""
        try:
            text = self.at(f"/usr/share/doc/{package.name}/copyright").read_text(errors="replace")
        except OSError:
            return []
        if "copyright-format" not in text.split("\n\n")[0]:
            return []
        names = {fields["License"].splitlines()[0].strip() for fields in _paragraphs(text) if fields.get("License")}
        return sorted(name for name in names if name)

    def _inside(self, path, link=""):
        """How the system below the root calls what lies at `path`, or what its link leads to."""
        return os.path.normpath(os.path.join("/", path.relative_to(self.path).parent, link or path.name))

    def _directories(self):
        found = [path for pattern in ("lib/*-linux-gnu*", "usr/lib/*-linux-gnu*") for path in sorted(self.path.glob(pattern))]
        return [path for path in [*found, self.at("/lib"), self.at("/usr/lib"), self.at("/lib64")] if path.is_dir()]

    def closure(self, program):
        """The libraries that are loaded with it: name to path below the root; those that nothing has, to None."""
        found, wanted = {}, _needed(program)
        directories = self._directories()
        while wanted:
            name = wanted.pop()
            if name in found:
                continue
            path = next((folder / name for folder in directories if (folder / name).exists()), None)
            found[name] = path
            if path is not None:
                wanted |= _needed(path)
        return found

    def linked_packages(self, program):
        """The packages of the closure, and the names of libraries that belong to none."""
        packages, strangers = set(), []
        for name, path in self.closure(program).items():
            package = None
            if path is not None:
                package = self.owner(self._inside(path)) or self.owner(self._inside(path, os.readlink(path) if path.is_symlink() else ""))
            if package is None:
                strangers.append(name)
            else:
                packages.add(package)
        return packages, sorted(strangers)


def _needed(binary):
    """The libraries that an ELF file names (DT_NEEDED)."""
    data = pathlib.Path(binary).read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise Problem(f"{binary} is no program of a 64-bit, little-endian machine")
    table, size, count = (*struct.unpack_from("<Q", data, 32), *struct.unpack_from("<HH", data, 54))
    segments = [struct.unpack_from("<IIQQQQ", data, table + i * size) for i in range(count)]
    loaded = [(address, offset, length) for kind, _, offset, address, _, length in segments if kind == 1]
    dynamic = next(((offset, length) for kind, _, offset, _, _, length in segments if kind == 2), None)
    if dynamic is None:
        raise Problem(f"{binary} loads no libraries: it is linked statically, and nobody knows with what")
    entries = list(struct.iter_unpack("<QQ", data[dynamic[0]:dynamic[0] + dynamic[1] // 16 * 16]))
    names = next(value for tag, value in entries if tag == 5)
    names = next(names - address + offset for address, offset, length in loaded if address <= names < address + length)
    return {data[names + value:data.index(b"\0", names + value)].decode() for tag, value in entries if tag == 1}


def programs_of(build):
    """Those of a build's folder."""
    found = [path for path in (pathlib.Path(build) / "bin" / name for name in PROGRAMS) if path.exists()]
    if not found:
        raise Problem(f"{build}/bin holds none of {', '.join(PROGRAMS)}: build them first")
    return found
