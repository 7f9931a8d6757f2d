"""What a gateway is to run, and the dice that change it. Pure: the same changes for the same dice."""
import copy
import dataclasses

from .fates import Configuration, Route

FAMILIES = "abcdefgh"  # Messages go to in/FAMILY/KEY.
FILTERS = ["in/{0}/#", "in/{0}/+", "+/{0}/+", "in/{0}/+/#"]
CHAINS = ["c0", "c1", "c2", "c3"]  # c3 is put, the others stand in the file.
OF_FILE = ["plant", "f1", "f2"]
OF_PUTS = ["p1", "p2"]
HOMES = ("file", "put")
DEFAULTS = {"cleanSession": False, "protocol": "5", "replies": {"connection": "own"}, "sessionExpiry": "24h"}


@dataclasses.dataclass
class Connection:
    home: str
    generation: int  # Of its client id.
    options: dict

    def lasts(self):
        return not self.options.get("cleanSession", False) and self.options.get("sessionExpiry") != "0s"

    def effective(self):
        return {**DEFAULTS, **self.options}


@dataclasses.dataclass
class Step:
    """A change. home: of what it changes. put, delete: (kind, name) of items at run time. refused: (kind, name, body) of an
    attempt that must be refused, in place of all else."""
    what: str
    home: str
    touched: set
    put: list = dataclasses.field(default_factory=list)
    delete: list = dataclasses.field(default_factory=list)
    refused: tuple = None


class Wanted:
    def __init__(self, servers):
        self.servers = servers
        self.connections = {"plant": Connection("file", 0, {"server": servers[0]}), "f1": Connection("file", 0, {"server": servers[0]})}
        self.routes = {}  # Id to {connection, family, filter, share, qos, chain, tag, processors}
        self.chains = {name: {} for name in CHAINS[:3]}
        self.allow = None
        self.counts = {}
        for family in FAMILIES[:5]:
            self.set_route(f"file-{family}", connection="plant", family=family, filter=0, share=None, qos=1, chain="c0",
                           processors=[])

    def copy(self):
        return copy.deepcopy(self)

    def count(self, name):
        self.counts[name] = self.counts.get(name, 0) + 1
        return self.counts[name]

    def set_route(self, name, **changes):
        route = {**self.routes.get(name, {}), **changes}
        if name not in self.routes or changes.keys() & {"chain", "processors", "connection"}:
            route["tag"] = f"{name}.{self.count(name)}"
        self.routes[name] = route

    # ---- as the gateway reads it

    def client_id(self, name):
        return f"chaos-{name}-{self.connections[name].generation}"

    def connection(self, name):
        return {"clientId": self.client_id(name), "keepAlive": "10s", "connectTimeout": "2s", "maxReconnectInterval": "1s",
                **self.connections[name].options}

    def subscription(self, route):
        share = f"$share/{route['share']}/" if route["share"] else ""
        return share + FILTERS[route["filter"]].format(route["family"])

    def route(self, name):
        route = self.routes[name]
        return {"id": name, "connection": route["connection"],
                "from": {"path": self.subscription(route), "qos": route["qos"], "processors": route["processors"]},
                "to": {"path": f"chain:{route['chain']}:{route['tag']}"}}

    def of_home(self, home):
        """Names of the routes and of the connections."""
        return ([name for name in self.routes if name.startswith(home)],
                [name for name, connection in self.connections.items() if connection.home == home])

    def file(self, base):
        """The configuration file, with `base` beside it."""
        routes, connections = self.of_home("file")
        return {**base, "connections": {name: self.connection(name) for name in connections},
                "routes": [self.route(name) for name in routes],
                "chains": {name: options for name, options in self.chains.items() if name != "c3"},
                "replies": {} if self.allow is None else {"allow": [f"out/{chain}" for chain in self.allow]}}

    def subscriptions(self):
        """What the broker must know of: {client id: {filter: QoS}}; a client's further ids (3.1.1) count as the first."""
        wanted = {self.client_id(name): {} for name in self.connections}
        for route in self.routes.values():
            of = wanted[self.client_id(route["connection"])]
            path = self.subscription(route)
            of[path] = max(of.get(path, 0), route["qos"])
        return wanted

    def mixed_by(self, after):
        """Connections that go from MQTT 5 to 3.1.1 and have routes whose filters overlap: copies that wait for these do not say any
        more which they are for."""
        found = set()
        for name, connection in self.connections.items():
            later = after.connections.get(name, connection)
            if (connection.effective()["protocol"], later.effective()["protocol"]) == ("5", "3.1.1") and self._overlap(name):
                found.add(name)
        return found

    def valid(self):
        """One MQTT connection for both cannot have overlapping filters with MQTT 3.1.1."""
        return not any((connection.effective()["protocol"], connection.effective()["replies"]["connection"]) == ("3.1.1", "shared") and
                       self._overlap(name) for name, connection in self.connections.items())

    def _overlap(self, name):
        families = [route["family"] for route in self.routes.values() if route["connection"] == name]
        return len(families) > len(set(families))

    def model(self):
        routes = {}
        for name, route in self.routes.items():
            of = route["connection"]
            line = self.client_id(of)
            if self.connections[of].options.get("protocol") == "3.1.1":
                # Overlapping filters have sessions of their own, and a change of one may move another.
                line += str(sorted((other, each["filter"], str(each["share"])) for other, each in self.routes.items()
                                   if each["connection"] == of))
            routes[name] = Route(name, route["family"], of, line, route["chain"], route["tag"], route["qos"],
                                 "toHex" in route["processors"])
        return Configuration(routes, {name: connection.lasts() for name, connection in self.connections.items()},
                             frozenset() if self.allow is None else frozenset(CHAINS) - frozenset(self.allow))


class Dice:
    """Changes one Wanted after another."""

    KINDS = [("route", 6), ("unroute", 3), ("target", 3), ("filter", 4), ("qos", 2), ("share", 3), ("processors", 2), ("move", 2),
             ("chain", 4), ("replies", 3), ("options", 8), ("client_id", 2), ("connect", 3), ("disconnect", 2), ("tear", 1),
             ("refusal", 2)]

    def __init__(self, ordered):
        self.ordered = ordered

    def step(self, random, wanted):
        """Another Wanted, and the Step that leads there."""
        kinds, weights = zip(*self.KINDS)
        while True:
            after = wanted.copy()
            kind, home = random.choices(kinds, weights)[0], random.choice(HOMES)
            step = getattr(self, f"_{kind}")(random, after, home)
            if step is not None and after.valid():
                return after, step

    def _step(self, what, home, touched, put=(), delete=()):
        return Step(what, home, set(touched), list(put), list(delete))

    def _changed(self, after, name, what, *more):
        home = name.split("-")[0]
        return self._step(f"route {name}: {what}", home, {after.routes[name]["connection"], *more}, put=[("routes", name)])

    def _pick_route(self, random, after, home):
        routes, _ = after.of_home(home)
        return random.choice(routes) if routes else None

    def _connections_for(self, after, home):
        """Those that a route may use: the file's lean on nothing that was put."""
        return [name for name, connection in after.connections.items() if home == "put" or connection.home == "file"]

    def _chains_for(self, after, home):
        return [chain for chain in after.chains if home == "put" or chain != "c3"]

    def _route(self, random, after, home):
        free = [family for family in FAMILIES if f"{home}-{family}" not in after.routes]
        if not free or len(after.routes) > 11:
            return None
        name = f"{home}-{random.choice(free)}"
        after.set_route(name, connection=random.choice(self._connections_for(after, home)), family=name[-1],
                        filter=random.randrange(len(FILTERS)), share=random.choice([None, None, "g", "h"]),
                        qos=random.choice([1, 1, 1, 2, 0]), chain=random.choice(self._chains_for(after, home)), processors=[])
        return self._changed(after, name, "added")

    def _unroute(self, random, after, home):
        name = self._pick_route(random, after, home)
        if name is None or len(after.routes) < 6:
            return None
        connection = after.routes.pop(name)["connection"]
        return self._step(f"route {name} removed", home, {connection}, delete=[("routes", name)])

    def _set(self, random, after, home, key, choices):
        name = self._pick_route(random, after, home)
        if name is None:
            return None
        choices = [choice for choice in choices(name) if choice != after.routes[name][key]]
        if not choices:
            return None
        was = after.routes[name]["connection"]
        after.set_route(name, **{key: random.choice(choices)})
        return self._changed(after, name, f"{key} is {after.routes[name][key]}", was)

    def _target(self, random, after, home):
        return self._set(random, after, home, "chain", lambda _: self._chains_for(after, home))

    def _filter(self, random, after, home):
        return self._set(random, after, home, "filter", lambda _: range(len(FILTERS)))

    def _qos(self, random, after, home):
        return self._set(random, after, home, "qos", lambda _: [1, 1, 2, 0])

    def _share(self, random, after, home):
        return self._set(random, after, home, "share", lambda _: [None, "g", "h"])

    def _processors(self, random, after, home):
        return self._set(random, after, home, "processors", lambda _: [[], ["toHex"], ["setTextDataType"]])

    def _move(self, random, after, home):
        return self._set(random, after, home, "connection", lambda _: self._connections_for(after, home))

    def _chain(self, random, after, home):
        if home == "file":
            name = random.choice(CHAINS[:3])
        elif "c3" in after.chains and not any(route["chain"] == "c3" for route in after.routes.values()) and random.random() < 0.5:
            del after.chains["c3"]
            return self._step("chain c3 deleted", home, (), delete=[("chains", "c3")])
        else:
            name = "c3"
        after.chains[name] = {"lease": f"{random.randrange(5, 9)}s", "retryBackoff": f"{random.randrange(20, 200)}ms",
                              "queue": {"maxMessages": random.choice([20, 100, 10_000])},
                              "maxAttempts": random.randrange(50, 99)}
        return self._step(f"chain {name} is {after.chains[name]}", home, (), put=[("chains", name)])

    def _replies(self, random, after, _home):
        allow = random.choice([None, None, None, None, *[[chain for chain in CHAINS if chain != left_out] for left_out in CHAINS]])
        if allow == after.allow:
            return None
        after.allow = allow
        return self._step(f"replies may go to {'any' if allow is None else allow}", "file", ())

    def _options(self, random, after, home):
        _, connections = after.of_home(home)
        if not connections:
            return None
        name = random.choice(connections)
        options = after.connections[name].options
        before = after.connections[name].effective()
        for _ in range(random.randint(1, 2)):
            options.update(random.choice([
                {"keepAlive": f"{random.randrange(5, 15)}s"}, {"publishWindow": random.randrange(10, 100)},
                {"receiveMaximum": random.randrange(10, 500)}, {"sessionExpiry": f"{random.randrange(1, 5)}h"},
                {"sessionExpiry": "0s", "protocol": "5"}, {"cleanSession": True, "protocol": "5"}, {"cleanSession": False},
                {"protocol": "5"}, {"protocol": "3.1.1", "cleanSession": False, "sessionExpiry": "1h"},
                {"maxPacketBytes": f"{random.randrange(1, 9)}MiB"}, {"server": random.choice(after.servers)},
                {"server": [*after.servers]}, {"replies": {"connection": random.choice(["own", "shared"])}}]))
        changed = {key: value for key, value in options.items() if before.get(key) != value}
        if not changed:
            return None
        return self._step(f"connection {name}: {changed}", home, {name}, put=[("connections", name)])

    def _client_id(self, random, after, home):
        _, connections = after.of_home(home)
        if not connections:
            return None
        name = random.choice(connections)
        after.connections[name].generation = after.count(name)
        return self._step(f"connection {name}: client id {after.client_id(name)}", home, {name}, put=[("connections", name)])

    def _connect(self, random, after, home):
        free = [name for name in (OF_FILE if home == "file" else OF_PUTS) if name not in after.connections]
        if not free:
            return None
        name = random.choice(free)
        after.connections[name] = Connection(home, after.count(name), {"server": random.choice(after.servers)})
        return self._step(f"connection {name} added", home, {name}, put=[("connections", name)])

    def _disconnect(self, random, after, home):
        """Of one that has no routes any more."""
        used = {route["connection"] for route in after.routes.values()}
        free = [name for name in after.of_home(home)[1] if name not in used and name != "plant"]
        if not free:
            return None
        name = random.choice(free)
        del after.connections[name]
        return self._step(f"connection {name} removed", home, {name}, delete=[("connections", name)])

    def _tear(self, random, after, _home):
        """One of the file goes in one change with its routes: what its session holds goes with it."""
        used = {route["connection"] for name, route in after.routes.items() if name.startswith("put")}
        names = [name for name in after.of_home("file")[1] if name not in used and name != "plant"]
        if not names:
            return None
        name = random.choice(names)
        after.routes = {route: each for route, each in after.routes.items() if each["connection"] != name}
        del after.connections[name]
        return self._step(f"connection {name} removed with its routes", "file", {name})

    def _refusal(self, random, after, _home):
        """What must be refused, and change nothing."""
        used = [after.routes[name]["connection"] for name in after.of_home("put")[0]]
        puts = [name for name in used if after.connections[name].home == "put"]
        in_file = self._pick_route(random, after, "file")
        kinds = [("file", "http", {"http": {"listen": "127.0.0.1:1"}}), ("file", "nonsense", {"routs": []})]
        if puts:
            kinds.append(("delete", "connections", puts[0]))
        if in_file:
            kinds.append(("put", "routes", {**after.route(in_file), "to": {"path": "chain:c1"}}))
        refused = random.choice(kinds)
        return Step(f"to be refused: {refused[:2]}", "put", set(), refused=refused)
