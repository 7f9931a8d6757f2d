#!/usr/bin/env python3
"""Watches temperatures: takes sensor readings from Sluice gateways and answers each with a verdict.

A reading {"sensor":"boiler","celsius":81.5} on plant/boiler/temp is answered on plant/boiler/reply/alarm with
{"sensor":"boiler","celsius":81.5,"alarm":true,"limit":80}, at the reading's own QoS. What is no such reading goes to the
gateway's dead letters. Ctrl-C or SIGTERM lets what is in work finish first.

  temperature_alarm.py --gateway 127.0.0.1:7443 --chain temperature
"""

from __future__ import annotations

import argparse
import json
import logging
import sys

from sluice import Error, Message, Options, Reject, Reply, Tls, Worker


def as_written(value: float) -> float:
    """80, not 80.0: as a person would write it."""
    return int(value) if value.is_integer() else value


def check(message: Message, limit: float) -> Reply:
    """One reading in, one verdict out."""
    try:
        reading = message.json()
    except ValueError:
        reading = None
    if not isinstance(reading, dict):
        raise Reject("the payload is not a JSON object")
    sensor, celsius = reading.get("sensor"), reading.get("celsius")
    if not isinstance(sensor, str):
        raise Reject('"sensor" must be a string')
    if not isinstance(celsius, (int, float)) or isinstance(celsius, bool):
        raise Reject('"celsius" must be a number')
    verdict = {"sensor": sensor, "celsius": celsius, "alarm": celsius > limit, "limit": as_written(limit)}
    # "plant/boiler/temp" → "plant/boiler/reply/alarm"; a topic of one level gets the reply below itself.
    topic = message.topic.rpartition("/")[0] or message.topic
    payload = json.dumps(verdict, ensure_ascii=False, separators=(",", ":"))
    return Reply(topic=f"{topic}/reply/alarm", payload=payload, qos=message.qos)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--gateway",
        required=True,
        action="append",
        metavar="HOST:PORT[,HOST:PORT]",
        help="where gateways are; a name stands for all its addresses",
    )
    parser.add_argument("--chain", required=True, action="append", metavar="NAME", help="serve this chain; may be repeated")
    parser.add_argument("--name", default="temperature-alarm", help="what the gateway's logs call this worker")
    parser.add_argument(
        "--window", type=int, metavar="N", help="most messages in work at once; default: what the handler gets through"
    )
    parser.add_argument(
        "--concurrency", type=int, metavar="N", help="threads that run the handler; default: the CPUs, at least 4"
    )
    parser.add_argument("--ca-file", default="", help="PEM file to check the gateway's certificate with; without it: plain text")
    parser.add_argument("--cert-file", default="", help="this worker's certificate, where the gateway asks for one")
    parser.add_argument("--key-file", default="", help="the key that goes with --cert-file")
    parser.add_argument("--token-file", default="", help="bearer token to show the gateway; read anew for each connection")
    parser.add_argument("--limit", type=float, default=80.0, help="raise the alarm above this many degrees Celsius; default 80")
    given = parser.parse_args()

    # A line on standard error for every event.
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    tls = Tls(ca_file=given.ca_file, cert_file=given.cert_file, key_file=given.key_file)
    try:
        options = Options(
            worker_name=given.name,
            window_messages=given.window,
            concurrency=given.concurrency,
            security="plaintext" if tls == Tls() else "tls",
            tls=tls,
            token_file=given.token_file,
        )
        gateways = [gateway for some in given.gateway for gateway in some.split(",")]
        worker = Worker(gateways, given.chain, lambda message: check(message, given.limit), options=options)
        worker.run_until_signal()
    except Error as error:
        print(f"temperature_alarm.py: {error.status}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
