"""What the programs are built with so that a hole in them is harder to use, read out of the binaries."""
import platform
import re
import subprocess

import pytest

from harness.process import BIN

PROGRAMS = ["sluice-gateway", "sluicectl"]


def readelf(program, *options):
    return subprocess.run(["readelf", "-W", *options, BIN / program], check=True, capture_output=True, text=True, timeout=60).stdout


def sanitized(program):
    return "__asan_init" in readelf(program, "--dyn-syms") or "__tsan_init" in readelf(program, "--dyn-syms")


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_is_loaded_anywhere_and_its_tables_are_read_only(program):
    assert re.search(r"Type:\s+DYN \(Position-Independent Executable", readelf(program, "-h"))
    segments = readelf(program, "-l")
    assert "GNU_RELRO" in segments
    assert re.search(r"GNU_STACK\s.*RW\s", segments), "no stack that can be executed"
    assert not re.search(r"LOAD\s.*RWE", segments), "nothing that can be written and executed"
    dynamic = readelf(program, "-d")
    assert "BIND_NOW" in dynamic or re.search(r"FLAGS_1.*NOW", dynamic), "full RELRO"


@pytest.mark.parametrize("program", PROGRAMS)
def test_its_calls_and_its_stack_are_checked(program):
    if sanitized(program):
        pytest.skip("sanitizers bring their own")
    symbols = readelf(program, "--dyn-syms")
    assert "__stack_chk_fail" in symbols, "-fstack-protector-strong"
    assert re.search(r"__(mem|str|vsn?|sn?|f?)\w*_chk\b", symbols.replace("__stack_chk_fail", "")), "_FORTIFY_SOURCE"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="endbr64 is x86's")
def test_its_functions_begin_where_jumps_may_lead():
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "--disassemble=main", BIN / "sluice-gateway"], check=True,
                          capture_output=True, text=True, timeout=120).stdout
    assert re.search(r"<main>:\n\s+[0-9a-f]+:\s+endbr64", code), "-fcf-protection"
