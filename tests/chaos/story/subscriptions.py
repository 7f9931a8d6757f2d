"""What a mosquitto has granted, read from its log: it is one thread, so what stands there holds for all that it accepts later."""
import re

CONNECTED = re.compile(r"New client connected from \S+ as (chaos-\S+) \(p\d, c(\d)")
SUBSCRIBED = re.compile(r"^\d+: (chaos-\S+) ([012]) (\S+)$")
ENDED = re.compile(r"Client (chaos-\S+) (?:disconnected|closed its connection|has exceeded|already connected)")
LEFT = re.compile(r"^\d+: (chaos-\S+) (\S+)$")
OURS = re.compile(r"^(chaos-[a-z]+\d?-\d+)(?:-\d+)?$")  # Not the connections for replies.


class Subscriptions:
    """One thread."""

    def __init__(self, path):
        self.file = open(path, encoding="utf-8", errors="replace")  # noqa: SIM115
        self.rest = ""
        self.of = {}          # Client to {filter: QoS}.
        self.brief = set()    # Clients whose sessions end with their connections.
        self.awaited = set()  # Clients whose session is to begin anew before anything counts.

    def close(self):
        self.file.close()

    def set_lasting(self, client, lasts):
        """Whether what it has outlives its connections."""
        (self.brief.discard if lasts else self.brief.add)(client)

    def await_new(self, client):
        """Its session did not last, or the next one does not: whatever it has had until now counts no more."""
        self.read()
        self.of.pop(client, None)
        self.awaited.add(client)

    def read(self):
        *lines, self.rest = (self.rest + self.file.read()).split("\n")
        for line in lines:
            if match := CONNECTED.search(line):
                if match[2] == "1" or match[1] in self.awaited:
                    self.of.pop(match[1], None)
                self.awaited.discard(match[1])
            elif (match := ENDED.search(line)) and match[1] in self.brief:
                self.of.pop(match[1], None)
            elif match := SUBSCRIBED.match(line):
                self.of.setdefault(match[1], {})[match[3]] = int(match[2])
            elif match := LEFT.match(line):
                self.of.get(match[1], {}).pop(match[2], None)

    def differences(self, wanted, abandoned):
        """Texts; none when the clients of `wanted` ({client: {filter: QoS}}) have just that, and all others nothing, but for the
        abandoned ones."""
        self.read()
        have = {}
        for client, filters in self.of.items():
            if match := OURS.match(client):
                have.setdefault(match[1], []).extend(filters.items())
        found = [f"{client} is not connected anew" for client in sorted(self.awaited) if wanted.get(client)]
        for client in sorted({*have, *wanted}):
            if client not in wanted and client in abandoned:
                continue
            of_it, should = sorted(have.get(client, [])), sorted(wanted.get(client, {}).items())
            if of_it != should:
                found.append(f"{client} has {of_it}, not {should}")
        return found
