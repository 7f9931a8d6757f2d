"""One measured run: a source that prints steady_begin, steady_end and result, and the processes it loads."""


def written_bytes(watched, writers):
    each = [child.written_bytes() for role in writers for child in watched[role]]
    return [sum(values) for values in zip(*each)]


def run(source, watched, timeout_s, writers=()):
    """Follows `source` to its end. `watched`: {role: [Child]}; the CPU time of each role over the steady part is
    divided by the messages answered in it. Returns the source's result with "cpu_us" and "peak_rss_mib" per role; with
    `writers`, roles of `watched`, also "written_bytes" and "disk_bytes" per message of all of them."""
    begin = source.wait_for("steady_begin", timeout_s)
    written_begin = written_bytes(watched, writers)
    cpu_begin = {role: sum(child.cpu_s() for child in children) for role, children in watched.items()}
    end = source.wait_for("steady_end", timeout_s)
    cpu_end = {role: sum(child.cpu_s() for child in children) for role, children in watched.items()}
    written_end = written_bytes(watched, writers)
    peak = {role: max(child.memory_mib()[1] for child in children) for role, children in watched.items()}
    result = source.wait_for("result", timeout_s)
    messages = max(1, end["answered"] - begin["answered"])
    result["cpu_us"] = {role: 1e6 * (cpu_end[role] - cpu_begin[role]) / messages for role in watched}
    result["peak_rss_mib"] = peak
    if writers:
        result["written_bytes"], result["disk_bytes"] = [
            (after - before) / messages for before, after in zip(written_begin, written_end)]
    del result["event"]
    return result
