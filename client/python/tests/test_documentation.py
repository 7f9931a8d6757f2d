"""What is public is documented, and what the README shows works."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from workers import options

import sluice
import sluice.testing
from sluice import Message, Options, Outcome, Reject, Reply, Worker
from sluice.testing import FakeGateway

if TYPE_CHECKING:
    from collections.abc import Iterator

README = Path(__file__).parents[1] / "README.md"
SOURCES = Path(__file__).parents[1] / "src" / "sluice"


def public() -> Iterator[tuple[str, Any]]:
    for module in (sluice, sluice.testing):
        for name in module.__all__:
            thing = getattr(module, name)
            if not inspect.isclass(thing) and not inspect.isfunction(thing):
                continue
            yield name, thing
            if inspect.isclass(thing):
                for member, value in vars(thing).items():
                    if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                        yield f"{name}.{member}", value


def test_public_classes_and_methods_have_docstrings() -> None:
    assert [name for name, thing in public() if not inspect.getdoc(thing)] == []


def test_every_option_is_explained_where_it_is_declared_and_in_the_readme() -> None:
    tree = ast.parse((SOURCES / "_options.py").read_text(encoding="utf-8"))
    [declared] = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Options"]
    readme = README.read_text(encoding="utf-8")
    explained = set()
    for node, after in zip(declared.body, declared.body[1:]):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and isinstance(after, ast.Expr):
            explained.add(node.target.id)
    names = {field.name for field in dataclasses.fields(Options)}
    assert names - explained == {"tls"}  # Its class is explained.
    assert [name for name in names if f"`{name}`" not in readme] == []


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_first_worker_of_the_readme_works(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeGateway() as gateway:

        def meanwhile(worker: Worker) -> None:
            with worker:
                settle = gateway.expect_settle(gateway.deliver("temperature", b"93"))
                assert settle.replies == [Reply("plant/alarm", b"seen 93", qos=1)]
                assert gateway.expect_settle(gateway.deliver("temperature", b"")).outcome is Outcome.REJECT

        monkeypatch.setattr(Worker, "run_until_signal", meanwhile)
        code = blocks()[0]
        assert len(code.splitlines()) < 20
        assert "127.0.0.1:7443" in code
        exec(code.replace("127.0.0.1:7443", gateway.address), {})


def test_the_test_of_the_readme_works() -> None:
    def check(message: Message) -> Reply:
        if not message.payload:
            raise Reject("no reading")
        return Reply(payload=b"seen " + message.payload)

    scope: dict[str, Any] = {"check": check}
    exec(blocks()[1], scope)
    scope["test_a_reading_is_answered"]()


def test_values_have_slots_and_options_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        options().concurrency = 1  # type: ignore[misc]
