"""Programs of others against rpc::Server: h2spec, and gRPC's client for Python."""
import re
import subprocess

import pytest

from go_tools import BIN, go_tool

H2SPEC = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"

# h2spec's requests are no gRPC, so that the server answers them at once and in full (RFC 9113 §8.1). Where a case is about
# a later frame of the request, the answer may be faster than that frame, and h2spec calls this a failure. A stream whose
# number is smaller than that of another is always answered so: nghttp2 passes over it, and nothing is served.
ANSWER = re.compile(r"(DATA Frame \(length:\d+, flags:0x01|RST_STREAM Frame \(length:4), .*stream_id:[1-9]")


@pytest.fixture
def port():
    with subprocess.Popen([BIN / "sluice-rpc-test-server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        yield int(server.stdout.readline())
        server.stdin.close()
        assert server.wait(20) == 0


def test_h2spec_finds_nothing_but_what_is_explained(port):
    h2spec = go_tool("h2spec", H2SPEC)
    run = subprocess.run([h2spec, "-h", "127.0.0.1", "-p", str(port), "-o", "5"], capture_output=True, text=True,
                         timeout=250, check=False)
    summary = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", run.stdout)
    assert summary, run.stdout[-2000:]
    told = run.stdout.partition("\nFailures:")[2]
    cases = re.split(r"^ +× (?:\d+: )?", told, flags=re.MULTILINE)[1:]
    assert len(cases) == int(summary[4])
    findings = [case for case in cases if not ANSWER.search(case.partition("Actual: ")[2].partition("\n")[0])]
    assert not findings, told
    assert int(summary[2]) > 130, told


def test_grpcs_client_for_python_finds_a_grpc_server(port):
    grpc = pytest.importorskip("grpc")
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        unary = channel.unary_unary("/test.Echo/Unary")
        assert unary(b"hello", timeout=10) == b"hello"
        assert unary(b"x" * 3_000_000, timeout=20) == b"x" * 3_000_000
        response, call = unary.with_call(b"hello", timeout=10)
        assert dict(call.trailing_metadata())["x-trailer-bin"] == b"\x00\xff"

        assert list(channel.unary_stream("/test.Echo/Count")(b"x" * 500, timeout=10)) == [
            str(i).encode() for i in range(500)]
        assert channel.stream_unary("/test.Echo/Sum")(iter([b"x" * 1000] * 100), timeout=10) == b"100000"
        messages = [str(i).encode() * i for i in range(100)]
        assert list(channel.stream_stream("/test.Echo/Stream")(iter(messages), timeout=10)) == messages

        with pytest.raises(grpc.RpcError) as error:
            channel.unary_unary("/test.Echo/Fail")(b"x", timeout=10)
        assert (error.value.code(), error.value.details()) == (grpc.StatusCode.DATA_LOSS, "lost: x ä 100 %")
        with pytest.raises(grpc.RpcError) as error:
            channel.unary_unary("/test.Echo/Nothing")(b"x", timeout=10)
        assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED
        assert "this listener serves /test.Echo/Unary" in error.value.details()
        with pytest.raises(grpc.RpcError) as error:
            unary(b"x", timeout=10, compression=grpc.Compression.Gzip)
        assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED
