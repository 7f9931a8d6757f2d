"""What must become of each message while routes, chains and connections change: the model of tests/chaos/run --changes.

A *route* is an id with a life of its own. A *tag* is one revision of what it does with a message (its target and processors);
it stands in the target's start node, so each answer says which revision took the message in. A *coverage* is a time in which the
broker certainly had a subscription of the route, on one connection.
"""
import bisect
import collections
import dataclasses
import time

# What a session that ends may take with it: messages that the broker had not handed over, and how old those may be.
GRACE_S = 10
# After the end of a disturbance something may still come twice: a lease that ends, a window that is sent again.
ECHO_S = 2


@dataclasses.dataclass(frozen=True)
class Route:
    """As the model needs it. line: (connection, client id), what must stay the same for the order to hold."""
    id: str
    family: str
    connection: str
    line: str
    chain: str
    tag: str
    qos: int
    hexed: bool


@dataclasses.dataclass
class Coverage:
    route: str
    connection: str
    begin: float
    line: int = 0  # Grows where the order may break; None while it may.


@dataclasses.dataclass(frozen=True)
class Configuration:
    """routes: by id. lasting: connections whose sessions outlive them. lines: see Route. denied: chains whose replies may not go out."""
    routes: dict
    lasting: dict
    denied: frozenset = frozenset()


@dataclasses.dataclass
class Message:
    family: str
    key: str
    published: float
    accepted: float = None


class Fates:
    """Bookkeeping alone; the caller keeps threads apart. Times are those of `clock`, in seconds."""

    def __init__(self, configuration, ordered, clock=time.monotonic):
        self.clock, self.ordered = clock, ordered
        self.now = configuration
        self.next = None
        self.messages = {}
        self.coverages = {}      # Route id to what covers it now.
        self.owed = {}           # (number, route id): the coverage that owes an answer.
        self.settled_ways = collections.defaultdict(list)  # (number, route id): times and ways.
        self.tags = {}           # Tag: [route, possible from, possible until or None].
        self.denials = []        # [chains, possible from, possible until or None]
        self.breaks = collections.defaultdict(list)  # Connection: times at which its session went.
        self.disturbances = []   # (from, until or None, connections or None for all, what)
        self.lines_of = {}       # (number, route id): the coverage's line, where the order holds.
        self.latest = {}         # Highest number answered, by route, key, chain and line.
        self.faults = []         # (what, number, text)
        self.letters_seen = set()
        self.excused = 0
        now = clock()
        self._possible(configuration, now)
        for route in configuration.routes.values():
            self._cover(route, now)

    # ---- the configuration

    def change(self, configuration, what, touched, mixed=frozenset()):
        """From now on both may be what runs, until settle(). touched: connections that it concerns; mixed: those of which what waits
        in their sessions cannot be told apart any more."""
        now = self.clock()
        old, self.next = self.now, configuration
        self._possible(configuration, now)
        self.disturbances.append([now, None, frozenset(touched), what])
        for name, lasts in old.lasting.items():
            if name not in configuration.lasting or name in mixed or (
                    name in touched and not (lasts and configuration.lasting[name])):
                self.breaks[name].append(now)
        for route_id, coverage in list(self.coverages.items()):
            was, will = old.routes[route_id], configuration.routes.get(route_id)
            lasts = old.lasting[was.connection] and configuration.lasting.get(was.connection) and was.connection not in mixed
            if will is None or will.qos == 0 or will.connection != was.connection or (
                    was.connection in touched and not lasts):
                del self.coverages[route_id]
            elif will.line != was.line:
                coverage.line = None

    def settle(self):
        """The change is in effect, at the broker, too."""
        now = self.clock()
        new = self.next
        tags = {route.tag for route in new.routes.values()}
        for tag, entry in self.tags.items():
            if entry[2] is None and tag not in tags:
                entry[2] = now
        for entry in self.denials:
            if entry[2] is None and entry[0] != new.denied:
                entry[2] = now
        for entry in self.disturbances:
            if entry[1] is None and entry[2] is not None:
                entry[1] = now
        for route in new.routes.values():
            if route.id not in self.coverages:
                self._cover(route, now)
            elif self.coverages[route.id].line is None:
                old_line = self.coverages[route.id]
                self.coverages[route.id] = Coverage(route.id, route.connection, old_line.begin, now)
        self.now, self.next = new, None

    def disturb(self, what, sessions_end=False):
        """A kill; sessions_end: of those connections whose sessions do not last. Returns what end() takes."""
        now = self.clock()
        entry = [now, None, None, what]
        self.disturbances.append(entry)
        if sessions_end:
            lasting = {**self.now.lasting, **(self.next.lasting if self.next else {})}
            for name, lasts in lasting.items():
                if not lasts or not self.now.lasting.get(name, True):
                    self.breaks[name].append(now)
                    for route_id in [one for one, coverage in self.coverages.items() if coverage.connection == name]:
                        del self.coverages[route_id]
        return entry

    def end(self, entry):
        entry[1] = self.clock()

    def _possible(self, configuration, now):
        for route in configuration.routes.values():
            self.tags.setdefault(route.tag, [route, now, None])[2] = None
        if not self.denials or self.denials[-1][0] != configuration.denied or self.denials[-1][2] is not None:
            self.denials.append([configuration.denied, now, None])

    def _cover(self, route, now):
        if route.qos > 0:
            self.coverages[route.id] = Coverage(route.id, route.connection, now, now)

    # ---- messages

    def publish(self, number, family, key):
        self.messages[number] = Message(family, key, self.clock())

    def accept(self, number):
        message = self.messages[number]
        message.accepted = self.clock()
        for coverage in self.coverages.values():
            if coverage.begin <= message.published and self._family(coverage.route) == message.family:
                if not self.settled_ways.get((number, coverage.route)):
                    self.owed[number, coverage.route] = coverage
                if coverage.line is not None:
                    self.lines_of[number, coverage.route] = coverage.line

    def _family(self, route_id):
        return self.now.routes[route_id].family

    def answer(self, number, route_id, chain, tag, hexed, reply_chain):
        now = self.clock()
        message, known = self.messages.get(number), self.tags.get(tag)
        if message is None or known is None:
            self._fault("invented", number, f"an answer of route {route_id}, {tag}, to what nobody published or put")
            return
        route, since, until = known
        said = (route_id, chain, reply_chain, hexed, message.family)
        if said != (route.id, route.chain, route.chain, route.hexed, route.family):
            self._fault("wrong", number, f"answered by {said}, and {tag} is {route}")
        if until is not None and until < message.published:
            self._fault("removed", number, f"taken by {tag} of {route_id}, which was gone {message.published - until:.3f} s "
                                           "before the message was published")
        if not self._denied(reply_chain, False, message.published, now):
            self._fault("denied", number, f"a reply to out/{reply_chain} went out while that was not permitted")
        first = not self.settled_ways.get((number, route_id))
        self._settle(number, route_id, now, f"answered by {tag}")
        if first:
            self._follow(number, route_id, chain)

    def _settle(self, number, route_id, now, way):
        self.settled_ways[number, route_id].append((now, way))
        self.owed.pop((number, route_id), None)

    def _follow(self, number, route_id, chain):
        """The order: first answers of one chain, of messages of one topic that one coverage has in one line."""
        line = self.lines_of.get((number, route_id))
        if line is None:
            return
        message = self.messages[number]
        stream = (route_id, message.key, chain, line)
        latest = self.latest.get(stream, -1)
        if number < latest:
            if self.ordered:
                self._fault("order", number, f"answered after {latest}, of {stream}")
        else:
            self.latest[stream] = number

    def _denied(self, chain, wanted, since, until):
        """Whether at some time in between replies of the chain were (wanted) or were not denied."""
        return any((chain in chains) == wanted and begin <= until and (end is None or end >= since)
                   for chains, begin, end in self.denials)

    def bury(self, letter_id, number, route_id, died, reason, reply_chain=None):
        """A dead letter; of a reply if reply_chain is given. It may be told again and again."""
        if letter_id in self.letters_seen:
            return
        self.letters_seen.add(letter_id)
        message = self.messages.get(number)
        if message is None:
            self._fault("invented", number, f"a dead letter of what nobody published: {reason}")
            return
        touched = self.touched(route_id, number)
        if reply_chain is not None:
            explained = (self._denied(reply_chain, True, message.published, died) or
                         self.disturbed(message.published - GRACE_S, died, touched))
        else:
            explained = reason.startswith("no route") and self.disturbed(message.published - GRACE_S, died, touched)
        if not explained:
            self._fault("dead", number, f"a dead letter for no reason that the model knows: route {route_id}, {reason}")
        routes = [route_id] if route_id else [one for of, one in list(self.owed) if of == number]
        for one in routes:
            self._settle(number, one, died, f"dead letter: {reason}")

    def touched(self, route_id, number):
        """The connections that the message may have come by."""
        family = self.messages[number].family
        return {route.connection for route, _, _ in self.tags.values()
                if (route.id == route_id if route_id else route.family == family)}

    def disturbed(self, since, until, connections):
        return any(begin <= until and (end is None or end >= since) and (of is None or of & connections)
                   for begin, end, of, _ in self.disturbances)

    # ---- the verdict

    def missing(self):
        """What is owed, and no session that ended may have taken with it."""
        found = []
        for (number, route_id), coverage in self.owed.items():
            published = self.messages[number].published
            breaks = self.breaks.get(coverage.connection, [])
            at = bisect.bisect_left(breaks, published)
            if at == len(breaks) or breaks[at] > published + GRACE_S:
                found.append((number, route_id))
        return found

    def conclude(self):
        """Once nothing comes any more: adds what is lost, and what came twice for no reason."""
        lost = self.missing()
        self.excused = len(self.owed) - len(lost)
        for number, route_id in sorted(lost):
            self._fault("lost", number, f"route {route_id} had it, and nobody answered")
        for (number, route_id), ways in self.settled_ways.items():
            if len(ways) < 2:
                continue
            since, until = self.messages[number].published - ECHO_S, max(at for at, _ in ways)
            if not self.disturbed(since, until, self.touched(route_id, number)):
                self._fault("twice", number, f"route {route_id}: settled {len(ways)} times, and nothing had happened")

    def _fault(self, what, number, text):
        self.faults.append((what, number, text))

    def report(self):
        counts = collections.Counter(what for what, _, _ in self.faults)
        ways = self.settled_ways.values()
        return {"accepted": sum(message.accepted is not None for message in self.messages.values()),
                "answered": sum(any(way.startswith("answered") for _, way in each) for each in ways),
                "dead": len(self.letters_seen), "duplicates": sum(len(each) - 1 for each in ways if each),
                "lost": counts["lost"], "excused": self.excused, "order breaks": counts["order"],
                "other faults": sum(counts[what] for what in ("invented", "wrong", "removed", "denied", "dead", "twice"))}

    def story_of(self, number, epoch):
        """What is known of a message, with times from `epoch`."""
        message = self.messages.get(number)
        if message is None:
            return ["  it was never published"]
        lines = [f"  topic in/{message.family}/{message.key}, published {message.published - epoch:.3f} s, accepted "
                 + (f"{message.accepted - epoch:.3f} s" if message.accepted else "never")]
        for tag, (route, begin, end) in self.tags.items():
            if route.family == message.family and (end is None or end > message.published - 2) and begin < message.published + 5:
                lines.append(f"  {tag}: {route.id} on {route.connection} to {route.chain}, QoS {route.qos}, possible from "
                             f"{begin - epoch:.3f} s to " + (f"{end - epoch:.3f} s" if end else "the end"))
        for begin, end, of, what in self.disturbances:
            if begin < message.published + 5 and (end is None or end > message.published - 2):
                lines.append(f"  {begin - epoch:.3f} to " + (f"{end - epoch:.3f} s" if end else "the end") + f": {what}"
                             + (f" (of {', '.join(sorted(of))})" if of is not None else ""))
        for (of, route_id), ways in self.settled_ways.items():
            if of == number:
                lines += [f"  {at - epoch:.3f} s, route {route_id}: {way}" for at, way in ways]
        return lines
