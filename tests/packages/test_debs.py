"""What is in the Debian packages: files, manual, completions; and what lintian says. SLUICE_PACKAGES is the folder that they are in."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

SOURCE = pathlib.Path(os.environ["SLUICE_SOURCE"])
BIN = pathlib.Path(os.environ["SLUICE_BIN"])
PACKAGES = {path.name.partition("_")[0]: path for path in pathlib.Path(os.environ["SLUICE_PACKAGES"]).glob("*.deb")}
PROGRAMS = ["sluice-gateway", "sluicectl", "sluice-echo-worker", "sluice-temperature-alarm"]


def run(*command, **options):
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, timeout=100, check=False, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(name="root", scope="module")
def all_of_them(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    for path in PACKAGES.values():
        run("dpkg-deb", "-x", path, root)
    return root


def field(package, name):
    return run("dpkg-deb", "-f", PACKAGES[package], name).strip()


def commands_of(program, path=()):
    """Each command with the options in its help, read in another way than the generator does."""
    text = run(BIN / program, *path, "--help")
    options = set(re.findall(r"(?m)^  (?:-\w,)?(--[a-z][a-z-]+)", text)) - {"--help"}
    commands = re.findall(r"(?m)^  ([a-z]+) ", text.partition("Subcommands:")[2])
    yield path, options, commands
    for command in commands:
        yield from commands_of(program, (*path, command))


def test_there_are_four_of_this_version_and_each_names_what_it_needs():
    version = run(SOURCE / "scripts" / "version").strip()
    assert set(PACKAGES) == {"sluice-gateway", "sluicectl", "libsluice-worker-dev", "sluice-examples"}
    for package in PACKAGES:
        assert re.fullmatch(rf"{re.escape(version)}-1~deb\d+", field(package, "Version"))
    for package, needed in (("sluice-gateway", ("adduser", "libnghttp2-14", "libjemalloc2", "libc6")), ("sluicectl", ("libgrpc++1",)),
                            ("libsluice-worker-dev", ("libgrpc++-dev",)), ("sluice-examples", ("libgrpc++1",))):
        for name in needed:
            assert name in field(package, "Depends"), (package, name)
    assert "libgrpc" not in field("sluice-gateway", "Depends"), "its server is its own"


def test_the_configuration_is_a_conffile_that_is_open_to_nobody(root):
    conffiles = subprocess.run(f"dpkg-deb --ctrl-tarfile '{PACKAGES['sluice-gateway']}' | tar -xO ./conffiles", shell=True, check=True,
                               capture_output=True, text=True, timeout=30).stdout.split()
    assert conffiles == ["/etc/sluice/gateway.yaml"]
    config = yaml.safe_load((root / "etc/sluice/gateway.yaml").read_text())
    for part in ("workers", "http"):
        assert config[part]["listen"].startswith("127.0.0.1:")
    assert config["journal"]["path"] == "/var/lib/sluice" and "admin" not in config
    assert config["connections"]["plant"]["server"].startswith("mqtt://127.0.0.1:")


def test_everything_is_roots_and_nobody_else_may_write_it():
    for path in PACKAGES.values():
        for line in run("dpkg-deb", "-c", path).splitlines():
            mode, owner = line.split()[:2]
            assert owner == "root/root" and (mode[0] == "l" or mode[5] == mode[8] == "-"), line
            assert mode[0] != "l" or (pathlib.PurePosixPath(line.split(" -> ")[1]).parts[0] != ".."), f"a link out of the package: {line}"


def test_programs_are_stripped(root):
    for program in PROGRAMS:
        sections = run("readelf", "-SW", root / "usr/bin" / program)
        assert ".debug_info" not in sections and ".symtab" not in sections


@pytest.mark.skipif(shutil.which("lintian") is None, reason="no lintian")
def test_lintian_finds_nothing():
    done = subprocess.run(["lintian", "--allow-root", "--tag-display-limit", "0", "--fail-on", "error,warning", *PACKAGES.values()], capture_output=True,
                          text=True, timeout=550, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_manual_names_each_option_of_each_command(root, program):
    path = root / f"usr/share/man/man1/{program}.1.gz"
    page = run("zcat", path).replace("\\-", "-")
    for command, options, _ in commands_of(program):
        start = page.find(f".SS {' '.join(command)} ") if command else 0
        section = page[start:page.find(".SS", start + 1) if command else None]
        assert start >= 0 or not options, command
        for option in options:
            assert re.search(rf"(?m)^\.B .*{option}\b", section), (command, option)


def test_the_manual_of_the_configuration_has_each_key(root):
    page = run("zcat", root / "usr/share/man/man5/sluice-gateway.yaml.5.gz")
    keys = re.findall(r"(?m)^\| `(\w+)` \|", (SOURCE / "docs/configuration.md").read_text().partition("## All keys")[2])
    assert len(keys) > 100
    for key in keys:
        assert f".TP\n\\fB{key}\\fR\n" in page, key


@pytest.mark.skipif(shutil.which("mandoc") is None and shutil.which("groff") is None, reason="neither mandoc nor groff")
def test_the_manual_is_well_formed(root):
    for path in sorted((root / "usr/share/man").rglob("*.gz")):
        text = run("zcat", path)
        if shutil.which("mandoc"):
            run("mandoc", "-T", "lint", "-W", "warning", input=text)
        else:
            done = subprocess.run(["groff", "-man", "-ww", "-z", "-Kutf8", "-Tutf8"], input=text, capture_output=True, text=True, timeout=30, check=True)
            assert not done.stderr, f"{path}: {done.stderr}"


# ---- completions

def missing(option, texts):
    """The shells whose file does not have it."""
    return [shell for shell, text in texts.items() if not re.search(
        rf"(?<![\w-]){option}(?![\w-])" if shell != "fish" else rf"-l {option[2:]} ", text)]


@pytest.mark.parametrize("program", PROGRAMS)
def test_completions_have_each_option_and_command(root, program):
    files = {"bash": f"usr/share/bash-completion/completions/{program}", "zsh": f"usr/share/zsh/vendor-completions/_{program}",
             "fish": f"usr/share/fish/vendor_completions.d/{program}.fish"}
    texts = {shell: (root / path).read_text() for shell, path in files.items()}
    for command, options, commands in commands_of(program):
        for option in options:
            assert not missing(option, texts), (command, option)
        for name in commands:
            assert all(name in text for text in texts.values())


def bash(root, program, line):
    """What bash offers behind the line."""
    script = f"""source '{root}/usr/share/bash-completion/completions/{program}'
      compopt() {{ :; }}
      COMP_WORDS=({line}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
      _{program.replace('-', '_')}; printf '%s\\n' "${{COMPREPLY[@]}}" """
    return run("bash", "-c", script, cwd=root).split()


def fish(root, program, line):
    return [each.partition("\t")[0] for each in run(
        "fish", "--no-config", "-c", f"source '{root}/usr/share/fish/vendor_completions.d/{program}.fish'; complete -C '{program} {line}'",
        cwd=root).splitlines()]


def test_bash_offers_what_a_command_takes(root):
    def offer(root, program, line):
        return bash(root, program, f"{program} {line}")
    for path, options, commands in commands_of("sluicectl"):
        found = set(offer(root, "sluicectl", f"{' '.join(path)} --"))
        assert options | {"--address", "--json"} <= found, path
        assert set(commands) <= set(offer(root, "sluicectl", f"{' '.join(path)} ''"))
    assert "--chain" not in offer(root, "sluicectl", "status --")
    assert offer(root, "sluicectl", "dlq list --kind ''") == ["message", "reply"]
    assert offer(root, "sluicectl", "dlq list --kind = re") == ["reply"]
    assert offer(root, "sluicectl", "--address dlq ''")[0] == "status", "the value of an option is no command"
    assert offer(root, "sluice-gateway", "--log-level ''") == ["debug", "info", "warning", "error"]
    assert offer(root, "sluice-gateway", "--config et") == ["etc"]
    assert offer(root, "sluicectl", "config apply et") == ["etc"]


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish")
def test_fish_offers_what_a_command_takes(root):
    for path, options, commands in commands_of("sluicectl"):
        assert options | {"--address", "--json"} <= set(fish(root, "sluicectl", f"{' '.join(path)} --".lstrip())), path
        if commands:
            assert set(commands) == set(fish(root, "sluicectl", "".join(f"{name} " for name in path)))
    assert "--chain" not in fish(root, "sluicectl", "status --")
    assert set(fish(root, "sluicectl", "dlq list --kind ")) == {"message", "reply"}
    assert "etc/" in fish(root, "sluice-gateway", "--config ")
    assert "etc/" in fish(root, "sluicectl", "config apply ")


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh")
@pytest.mark.parametrize("program", PROGRAMS)
def test_zsh_reads_its_file(root, program):
    """Its functions are called with stand-ins for zsh's own, which check what each argument looks like."""
    text = run("zsh", "-fc", f"""
      _arguments() {{ [[ $1 == -C ]] && shift; state=; for each; do print -r -- "$each"; done }}
      _describe() {{ :; }}
      source '{root}/usr/share/zsh/vendor-completions/_{program}'""")
    specs = text.splitlines()
    assert specs
    for spec in specs:
        assert re.fullmatch(r"\*?(-\w|--[\w-]+=?)\[.+\](:[^:]+:.+)?|(\d|\*)?:+[\w ]+:.+", spec), spec
    run("zsh", "-fn", root / f"usr/share/zsh/vendor-completions/_{program}")
