#!/usr/bin/env python3
"""What rpc::Server costs beside gRPC's callback server: runs of both in turn, medians, ratios.

    cmake --build --preset release --target benchmarks
    bench/transport/compare.py --bin build/release/bin [--runs 3] [--seconds 3]
"""

import argparse
import json
import pathlib
import statistics
import subprocess

SCENARIOS = [("ping-pong", 1, 1), ("1 stream", 1, 1000), ("16 streams", 16, 1000), ("64 streams", 64, 1000)]


def run(program, transport, streams, outstanding, seconds):
    serve = [program, "serve", "--transport", transport, "--streams", str(streams), "--outstanding", str(outstanding),
             "--seconds", str(seconds)]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        port = json.loads(server.stdout.readline())["port"]
        work = [program, "work", "--gateway", f"127.0.0.1:{port}", "--streams", str(streams)]
        with subprocess.Popen(work) as workers:
            result = json.loads(server.stdout.readline())
            server.wait()
            workers.kill()  # gRPC's client may look at its sockets later.
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=pathlib.Path("build/release/bin"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    program = options.bin / "rpc_transport"
    print(f"{'':12} {'CPU µs a message':>26} {'messages/s':>22} {'a frame':>11} {'p50 µs':>13}")
    for name, streams, outstanding in SCENARIOS:
        results = {"grpc": [], "rpc": []}
        for _ in range(options.runs):
            for transport, runs in results.items():
                runs.append(run(program, transport, streams, outstanding, options.seconds))

        def median(transport, key):
            return statistics.median(result[key] for result in results[transport])

        cpu = [median(transport, "cpu_us_per_message") for transport in ("grpc", "rpc")]
        rate = [median(transport, "messages_per_s") for transport in ("grpc", "rpc")]
        frame = [median(transport, "messages_per_frame") for transport in ("grpc", "rpc")]
        line = f"{name:12} {cpu[0]:7.2f} → {cpu[1]:6.2f} ({cpu[1] / cpu[0]:4.2f} ×)"
        line += f" {rate[0] / 1000:6.0f}k → {rate[1] / 1000:6.0f}k   {frame[0]:4.1f} → {frame[1]:4.1f}"
        if outstanding == 1:
            p50 = [statistics.median(result["latency_us"]["p50"] for result in results[t]) for t in ("grpc", "rpc")]
            line += f" {p50[0]:5.0f} → {p50[1]:5.0f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
