"""The small parts: addresses, pauses, windows, options, handlers."""

from __future__ import annotations

import random
import socket
from typing import Any

import pytest

from sluice import (
    Context,
    Drop,
    Message,
    Options,
    OptionsError,
    Outcome,
    Reject,
    Reply,
    Retry,
    Settlement,
    StatusCode,
    Tls,
    Worker,
)
from sluice._address import Address, LookupFailed, Target, parse_target, resolve
from sluice._backoff import Backoff
from sluice._handlers import compile_handler, from_exception, to_settlement
from sluice._options import validate
from sluice._window import HandlerTime, auto_window, worth_telling


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("host:1", Target("host", 1, False)),
        ("host", Target("host", 7443, False)),
        ("192.0.2.7:65535", Target("192.0.2.7", 65535, True)),
        ("[2001:db8::7]:99", Target("2001:db8::7", 99, True)),
        ("[2001:db8::7]", Target("2001:db8::7", 7443, True)),
        ("2001:db8::7", Target("2001:db8::7", 7443, True)),
    ],
)
def test_gateways_are_taken_apart(text: str, target: Target) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    "text", ["", ":1", "host:", "host:0", "host:65536", "host:1x", "[::1", "[::1]x", "http://host:1", "a:b:c", "host:²", 7]
)
def test_what_is_no_gateway_is_refused(text: Any) -> None:
    with pytest.raises(OptionsError, match="give HOST:PORT"):
        parse_target(text)


def test_addresses_are_dialled_by_number() -> None:
    assert Address("2001:db8::7", 1, "h").uri == "ipv6:[2001:db8::7]:1"
    assert Address("192.0.2.7", 1, "h").uri == "ipv4:192.0.2.7:1"


@pytest.mark.parametrize(
    ("family", "found", "chosen"),
    [
        ("prefer_ipv4", ["::2", "192.0.2.2", "192.0.2.1", "192.0.2.2"], ["192.0.2.1", "192.0.2.2"]),
        ("prefer_ipv4", ["::2"], ["::2"]),
        ("prefer_ipv6", ["::2", "192.0.2.2"], ["::2"]),
        ("all", ["::2", "192.0.2.2"], ["192.0.2.2", "::2"]),
    ],
)
def test_one_family_of_addresses_is_used(family: str, found: list[str], chosen: list[str]) -> None:
    addresses = resolve(Target("h", 1, False), family, lambda _: found)
    assert [address.ip for address in addresses] == chosen


@pytest.mark.parametrize("found", [[], ["name"], [7]])
def test_what_a_resolver_returns_is_looked_at(found: list[Any]) -> None:
    with pytest.raises(LookupFailed):
        resolve(Target("h", 1, False), "all", lambda _: found)


def test_the_system_looks_names_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [address.ip for address in resolve(Target("localhost", 1, False), "prefer_ipv4")] == ["127.0.0.1"]
    with pytest.raises(LookupFailed):
        resolve(Target("a" * 64 + ".invalid", 1, False), "prefer_ipv4")

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(LookupFailed, match="Name or service not known"):
        resolve(Target("h", 1, False), "prefer_ipv4")


def test_pauses_double_from_the_first_to_the_longest() -> None:
    backoff = Backoff(0.1, 30, random.Random(1))
    for failures in range(30):
        whole = min(30, 0.1 * 2**failures)
        assert whole / 2 <= backoff.next(StatusCode.UNAVAILABLE) <= whole
    backoff.reset()
    assert backoff.next(StatusCode.UNAVAILABLE) <= 0.1


@pytest.mark.parametrize(
    "code", ["INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "FAILED_PRECONDITION", "UNIMPLEMENTED"]
)
def test_what_does_not_mend_itself_waits_the_longest(code: str) -> None:
    assert Backoff(0.1, 30).next(StatusCode[code]) >= 15


@pytest.mark.parametrize(
    ("places", "handler", "streams", "window"),
    [(4, 0, 1, 4), (4, 0.1, 1, 8), (4, 1, 1, 4), (4, 0.001, 1, 404), (4, 0.001, 2, 202), (4, 1e-9, 1, 1000), (1, 0, 9, 1)],
)
def test_the_window_follows_the_handlers_time(places: int, handler: float, streams: int, window: int) -> None:
    assert auto_window(places, handler, streams) == window


def test_small_changes_of_the_window_are_not_told() -> None:
    assert not worth_telling(100, 100)
    assert not worth_telling(100, 120)
    assert worth_telling(100, 125)
    assert worth_telling(1, 2)


def test_the_handlers_time_is_a_moving_mean() -> None:
    time = HandlerTime()
    assert time.get() == 0
    time.add(1)
    assert time.get() == pytest.approx(1)
    time.add(5)
    assert time.get() == pytest.approx(2)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("worker_name", "x" * 257, "257 bytes; allowed are 256"),
        ("instance", "é" * 129, "258 bytes"),
        ("window_messages", 0, "0; allowed are 1 …"),
        ("window_bytes", -1, "-1"),
        ("concurrency", 4097, "4097; allowed are 0 … 4,096"),
        ("concurrency", True, "True"),
        ("lease", -1, "-1 seconds; allowed are 0 … 86,400"),
        ("lease", float("nan"), "nan"),
        ("resolve_interval", 0.5, "0.5 seconds; allowed are 1 … 86,400"),
        ("reconnect_first", 0, "0 seconds"),
        ("reconnect_longest", 0.05, "0.05 seconds; allowed are 0.1 …"),
        ("connect_timeout", 0, "0 seconds"),
        ("drain_timeout", 86_401, "86401 seconds"),
        ("security", "none", "'none'; allowed are 'tls', 'plaintext'"),
        ("family", "ipv4", "'ipv4'; allowed are"),
        ("token", "secret", "allowed is a function"),
        ("on_event", None, "allowed is a function"),
        ("tls", Tls(cert_file="x"), "tls.cert_file and tls.key_file go together"),
        ("tls", Tls(ca_file="/no/such/file"), "tls.ca_file: cannot read /no/such/file"),
    ],
)
def test_options_out_of_range_are_refused(field: str, value: Any, said: str) -> None:
    with pytest.raises(OptionsError) as error:
        validate(Options(**{field: value}))
    assert field in str(error.value)
    assert said in str(error.value)
    assert error.value.status.code == StatusCode.INVALID_ARGUMENT


def test_options_that_contradict_each_other() -> None:
    for options in (Options(security="plaintext", tls=Tls(server_name="x")), Options(token=lambda: "t", token_file="f")):
        with pytest.raises(OptionsError):
            validate(options)


def test_a_secret_in_the_wrong_place_is_not_shown() -> None:
    with pytest.raises(OptionsError) as error:
        validate(Options(token="eyJhbGciOi"))  # type: ignore[arg-type]
    assert "eyJ" not in str(error.value)


def test_workers_without_gateways_chains_or_handlers() -> None:
    def handler(_: Message) -> None: ...

    for gateways, chains, function in (([], ["c"], handler), ("h", [], handler), ("h", ["c"], None), ("h", ["c"], 7)):
        with pytest.raises(OptionsError):
            Worker(gateways, chains, function)  # type: ignore[arg-type]
    for chains in ([""], ["x" * 257], [f"c{n}" for n in range(1001)]):
        with pytest.raises(OptionsError):
            Worker("h", chains, handler)
    with pytest.raises(OptionsError, match="chains is empty"):
        Worker("h").run()


def test_concurrency_0_is_not_for_async_handlers() -> None:
    async def handler(_: Message) -> None: ...

    with pytest.raises(OptionsError, match="concurrency is 0"):
        Worker("h", "c", handler, options=Options(concurrency=0)).run()


def test_handlers_take_a_message_and_perhaps_a_context() -> None:
    async def two(message: Message, context: Context) -> None: ...

    class Callable:
        async def __call__(self, message: Message) -> None: ...

    def own(message: Message, limit: int = 80) -> None: ...

    def spread(*arguments: Any) -> None: ...

    handlers: list[tuple[Any, bool, bool]] = [
        (lambda _: None, False, False),
        (two, True, True),
        (Callable(), False, True),
        (own, False, False),
        (spread, True, False),
        (lambda m, context=None: None, True, False),
    ]
    for handler, takes_context, is_async in handlers:
        compiled = compile_handler(handler, ())
        assert (compiled.takes_context, compiled.is_async) == (takes_context, is_async)
    for wrong in (lambda: None, lambda a, b, c: None):
        with pytest.raises(OptionsError):
            compile_handler(wrong, ())


def test_middleware_must_keep_the_handlers_kind() -> None:
    async def handler(_: Message) -> None: ...

    def wrong(call: Any) -> Any:
        return lambda message, context: None

    with pytest.raises(OptionsError, match="async def"):
        compile_handler(handler, [wrong])


def test_outcomes_as_values_and_as_exceptions() -> None:
    assert to_settlement(None) == Settlement()
    assert to_settlement((Reply("a"),)).replies == (Reply("a"),)
    assert from_exception(Retry("r", 2)) == Settlement(Outcome.RETRY, "r", 2)
    assert from_exception(Reject("r")) == Settlement(Outcome.REJECT, "r")
    assert from_exception(Drop()) == Settlement(Outcome.DROP)
    assert from_exception(ValueError("text")) == Settlement(Outcome.RETRY, "text")
    assert from_exception(KeyError()) == Settlement(Outcome.RETRY, "KeyError")


def test_a_message_made_by_hand() -> None:
    message = Message("a/b", b'{"x": 1}', user_properties=[("k", "v")], expiry_s=0, lease=1.5, metadata={"m": "n"})
    assert (message.topic, message.json(), message.user_properties) == ("a/b", {"x": 1}, [("k", "v")])
    assert (message.expiry_s, message.lease, message.metadata) == (0, 1.5, {"m": "n"})
    assert Message().expiry_s is None
