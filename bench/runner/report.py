"""The results as tables for people."""


def table(title, columns, rows):
    """`columns`: [(heading, format of the value)]; a row's None is shown as a dash."""
    text = [[heading for heading, _ in columns]]
    for row in rows:
        text.append(["-" if value is None else form.format(value) for value, (_, form) in zip(row, columns)])
    widths = [max(len(line[i]) for line in text) for i in range(len(columns))]
    print(f"\n{title}")
    for line in text:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(line, widths)))


def ratio(value, floor):
    return value / floor if floor else None


def throughput(cells):
    rows = []
    for cell in cells:
        gateway, echo = cell["gateway"], cell["floors"].get("paho_echo")
        intake = cell["floors"].get("paho_intake")
        rows.append([
            cell["qos"], cell["size"], cell["window"], cell["workers"], cell["driver"], gateway["answered_per_s"],
            gateway["cpu_us"]["gateway"], gateway["cpu_us"]["workers"], gateway["cpu_us"]["broker"],
            echo and echo["answered_per_s"], echo and ratio(gateway["answered_per_s"], echo["answered_per_s"]),
            echo and echo["cpu_us"]["paho"], intake and intake["answered_per_s"], gateway["latency_us"]["p50"] / 1000, gateway["latency_us"]["p99"] / 1000,
            gateway["peak_rss_mib"]["gateway"], gateway["lost"], gateway["duplicates"],
        ])
    table("Through gateway and workers, beside Paho C++ alone (echo, intake) in the same run", [
        ("QoS", "{}"), ("bytes", "{}"), ("window", "{}"), ("workers", "{}"), ("driver", "{}"), ("answered/s", "{:.0f}"),
        ("gateway µs", "{:.2f}"), ("worker µs", "{:.2f}"), ("broker µs", "{:.2f}"), ("echo/s", "{:.0f}"),
        ("ratio", "{:.2f}"), ("echo µs", "{:.1f}"), ("intake/s", "{:.0f}"), ("p50 ms", "{:.1f}"), ("p99 ms", "{:.1f}"), ("peak MiB", "{:.0f}"),
        ("lost", "{}"), ("twice", "{}"),
    ], rows)


def scale(cells):
    base = cells[0]["result"]
    table("QoS 1, 128 B: what more of something costs, beside one route, one topic and one worker", [
        ("with", "{}"), ("answered/s", "{:.0f}"), ("ratio", "{:.2f}"), ("gateway µs", "{:.2f}"), ("ratio", "{:.2f}"),
        ("lost", "{}"), ("twice", "{}"),
    ], [[
        cell["what"], cell["result"]["answered_per_s"], ratio(cell["result"]["answered_per_s"], base["answered_per_s"]),
        cell["result"]["cpu_us"]["gateway"], ratio(cell["result"]["cpu_us"]["gateway"], base["cpu_us"]["gateway"]),
        cell["result"]["lost"], cell["result"]["duplicates"],
    ] for cell in cells])


def grpc(cells):
    table("The worker stream's frames over gRPC alone", [
        ("messages/frame", "{}"), ("outstanding", "{}"), ("bytes", "{}"), ("answered/s", "{:.0f}"),
        ("server µs", "{:.1f}"), ("worker µs", "{:.1f}"), ("p50 µs", "{:.0f}"), ("p99 µs", "{:.0f}"),
    ], [[
        cell["batch"], cell["outstanding"], cell["size"], cell["result"]["answered_per_s"],
        cell["result"]["cpu_us"]["server"], cell["result"]["cpu_us"]["worker"], cell["result"]["latency_us"]["p50"],
        cell["result"]["latency_us"]["p99"],
    ] for cell in cells])


def path(cells):
    table("The gateway with a fake in the driver's place: all that is not MQTT", [
        ("QoS", "{}"), ("bytes", "{}"), ("messages/call", "{:.1f}"), ("pace/s", "{}"), ("answered/s", "{:.0f}"),
        ("path µs", "{:.2f}"), ("fake µs", "{:.2f}"), ("worker µs", "{:.2f}"), ("p50 µs", "{:.0f}"),
        ("p99 µs", "{:.0f}"), ("lost", "{}"), ("twice", "{}"),
    ], [[
        cell["qos"], cell["size"], cell["result"]["messages_per_intake_call"], cell["rate"] or "free",
        cell["result"]["answered_per_s"], cell["result"]["path_cpu_us"], cell["result"]["fake_cpu_us"],
        cell["result"]["cpu_us"]["workers"], cell["result"]["latency_us"]["p50"], cell["result"]["latency_us"]["p99"],
        cell["result"]["lost"], cell["result"]["duplicates"],
    ] for cell in cells])


def journal(results):
    sync, cells = results["sync"], results["cells"]
    off = {cell["window"]: cell["result"] for cell in cells if cell["fsync"] == "off"}
    table(f"QoS 1, {results['size']} B in and out, 1 worker: the journal on a disk where 4 KiB and an fdatasync take "
          f"{sync['p50_us']:.0f} µs (p99 {sync['p99_us']:.0f})", [
        ("journal", "{}"), ("window", "{}"), ("answered/s", "{:.0f}"), ("ratio to off", "{:.2f}"),
        ("gateway µs", "{:.2f}"), ("added µs", "{:+.2f}"), ("written B", "{:.0f}"), ("disk B", "{:.0f}"), ("p50 ms", "{:.1f}"),
        ("p99 ms", "{:.1f}"), ("peak MiB", "{:.0f}"), ("lost", "{}"), ("twice", "{}"), ("goal", "{}"),
    ], [[
        cell["fsync"], cell["window"], cell["result"]["answered_per_s"],
        ratio(cell["result"]["answered_per_s"], off[cell["window"]]["answered_per_s"]),
        cell["result"]["cpu_us"]["gateway"],
        cell["result"]["cpu_us"]["gateway"] - off[cell["window"]]["cpu_us"]["gateway"],
        cell["result"]["written_bytes"], cell["result"]["disk_bytes"], cell["result"]["latency_us"]["p50"] / 1000,
        cell["result"]["latency_us"]["p99"] / 1000, cell["result"]["peak_rss_mib"]["gateway"], cell["result"]["lost"],
        cell["result"]["duplicates"], cell["goal"],
    ] for cell in cells])
    table("What journal, settle and outbox cost (a fake in the driver's place)", [
        ("messages/call", "{:.1f}"), ("off: path µs", "{:.2f}"), ("interval: path µs", "{:.2f}"), ("added µs", "{:.2f}"),
        ("goal", "{}"),
    ], [[
        cell["off"]["messages_per_intake_call"], cell["off"]["path_cpu_us"], cell["interval"]["path_cpu_us"],
        cell["interval"]["path_cpu_us"] - cell["off"]["path_cpu_us"], cell["goal"],
    ] for cell in results["path"]])


def idle(cells):
    table("Idle round trip through mosquitto, one message at a time", [
        ("QoS", "{}"), ("bytes", "{}"), ("gateway p50 µs", "{:.0f}"), ("p99 µs", "{:.0f}"), ("echo p50 µs", "{:.0f}"),
        ("p99 µs", "{:.0f}"), ("added p50 µs", "{:.0f}"), ("gateway CPU µs", "{:.0f}"),
    ], [[
        cell["qos"], cell["size"], cell["gateway"]["latency_us"]["p50"], cell["gateway"]["latency_us"]["p99"],
        cell["echo"]["latency_us"]["p50"], cell["echo"]["latency_us"]["p99"],
        cell["gateway"]["latency_us"]["p50"] - cell["echo"]["latency_us"]["p50"], cell["gateway"]["cpu_us"]["gateway"],
    ] for cell in cells])


def memory(stopped):
    print(f"\nMemory of the gateway: with a stopped worker and a queue of "
          f"{stopped['queue_mib']} MiB it went from {stopped['rest_rss_mib']:.0f} to {stopped['peak_rss_mib']:.0f} MiB "
          f"({stopped['messages_in_queue']:.0f} messages waiting, {stopped['messages_in_flight']:.0f} in flight)")
