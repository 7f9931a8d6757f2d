"""The parts of a release, for scripts/release. Each is a function that makes its files into a folder and returns them."""
import os
import pathlib
import shutil
import subprocess
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parent.parent
SKIPPED = 77
PROGRAMS = ("sluice-gateway", "sluicectl", "sluice-echo-worker", "sluice-temperature-alarm")


class Problem(Exception):
    """For people: what is wrong, and what to do."""


class LeftOut(Exception):
    """It cannot be made on this machine; why."""


def run(*command, timeout=3600, **options):
    """Its output. What fails is a Problem, and what says that a tool is missing (exit status 77) a LeftOut."""
    done = subprocess.run([str(each) for each in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout, check=False,
                          **{"cwd": SOURCE, **options})
    if done.returncode == SKIPPED:
        raise LeftOut((done.stderr.strip() or done.stdout.strip()).splitlines()[-1])
    if done.returncode != 0:
        raise Problem(f"{' '.join(map(str, command))}:\n" + "\n".join((done.stdout + done.stderr).splitlines()[-15:]))
    return done.stdout


def git(*arguments):
    return run("git", *arguments).rstrip("\n")


def _into(folder, name):
    target = folder / name
    target.mkdir()
    return target


def source(folder, version, _options):
    """The tree as it is, with what was prepared and not committed."""
    tree = git("stash", "create") or "HEAD"
    path = folder / f"sluice-{version}.tar.gz"
    run("git", "archive", "--format=tar.gz", f"--prefix=sluice-{version}/", "-o", path, tree)
    return [path]


def _build(options, *targets):
    if not (options.build / "build.ninja").exists():
        if options.build != SOURCE / "build" / "release":
            raise Problem(f"{options.build} is not configured")
        run("cmake", "--preset", "release")
    run("cmake", "--build", options.build, "-j", options.jobs, "--target", *targets)


def packages(folder, _version, options):
    for tool in ("dpkg-shlibdeps", "cpack"):
        if not shutil.which(tool):
            raise LeftOut(f"there is no {tool}")
    _build(options, *PROGRAMS, "sluice_worker_sdk")
    target = _into(folder, "debian")
    with tempfile.TemporaryDirectory() as work:
        run("cpack", "--config", options.build / "CPackConfig.cmake", "-B", work, "-D", f"CPACK_OUTPUT_FILE_PREFIX={target}", cwd=options.build)
    return list(target.glob("*.deb"))


def image(folder, version, _options):
    for tool in ("buildah", "debootstrap"):
        if not shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin"):
            raise LeftOut(f"there is no {tool} (docs/image.md)")
    if os.geteuid() != 0:
        raise LeftOut("needs root, for chroot and mounts")
    target = _into(folder, "image")
    # From Debian's own packages: no registry is asked.
    run("scripts/build-image", "--debootstrap", "--sbom", target / f"sluice-{version}-image.cdx.json")
    archive = target / f"sluice-{version}-image.tar"
    run("buildah", "push", "-q", f"localhost/sluice:{version}", f"oci-archive:{archive}:sluice:{version}")
    return list(target.iterdir())


def chart(folder, version, _options):
    helm = shutil.which(os.environ.get("HELM", "helm"), path=f"{os.environ['PATH']}:{SOURCE}/build/tools/bin")
    if not helm:
        raise LeftOut("there is no helm; scripts/chart tools builds it")
    run(helm, "package", "helm/sluice", "--destination", folder)
    return [folder / f"sluice-{version}.tgz"]


def sbom(folder, version, options):
    _build(options, *PROGRAMS)
    path = folder / f"sluice-{version}.cdx.json"
    run("scripts/sbom", "--build", options.build, "--version", version, "--output", path)
    return [path]


def _sdk(language):
    def make(folder, _version, options):
        target = _into(folder, f"sdk-{language}")
        try:
            run(f"client/{language}/dev", "package", target, env={**os.environ, "SLUICE_BUILD_DIRECTORY": str(options.build)})
        except LeftOut:
            shutil.rmtree(target)
            raise
        return [path for path in target.rglob("*") if path.is_file()]
    return make


PARTS = {"source": source, "packages": packages, "image": image, "chart": chart, "sbom": sbom,
         **{f"sdk-{language}": _sdk(language) for language in ("cpp", "go", "java", "node", "python", "rust")}}
