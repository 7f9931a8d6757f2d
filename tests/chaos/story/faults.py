"""What goes wrong in a round, and when: the same for the same seed."""
import dataclasses
import heapq
import itertools
import time

VICTIMS = ("gateway", "worker", "broker", "network")
# How long each lasts, in seconds: from, to. Of two seconds without a word the gateway's keepalive and heartbeat take notice.
ACTIONS = {
    "gateway": {"kill": (0, 0.5), "freeze": (0.2, 4)},
    "worker": {"kill": (0, 1), "freeze": (0.2, 4)},
    "broker": {"kill": (0, 1), "freeze": (0.2, 4)},
    "network": {"reset": (0, 0), "close": (0, 0), "stall": (0.1, 4), "stall up": (0.1, 2), "stall down": (0.1, 2),
                "half-open": (3, 5), "refuse": (0.2, 2)},
}


@dataclasses.dataclass(order=True, frozen=True)
class Fault:
    at: float      # Seconds from the beginning of the round.
    victim: str
    which: int     # Of the workers.
    action: str
    lasts: float


def plan(random, victims, seconds, workers):
    """One to four faults for each round, no two at once on the same victim. Kills are twice as likely as the rest."""
    faults, free = [], {}
    for _ in range(random.randint(1, 4)):
        victim = random.choice(victims)
        which = random.randrange(workers) if victim == "worker" else 0
        actions = list(ACTIONS[victim])
        action = random.choice([*actions, actions[0], actions[0]])
        lasts = random.uniform(*ACTIONS[victim][action])
        at = random.uniform(0.1, seconds)
        if all(at > end or at + lasts < begin for begin, end in free.get((victim, which), [])):
            free.setdefault((victim, which), []).append((at - 0.1, at + lasts + 0.1))
            faults.append(Fault(at, victim, which, action, lasts))
    return sorted(faults)


class Player:
    """Does to a site what a plan says, and undoes it."""

    def __init__(self, site):
        self.site = site

    def play(self, faults, seconds):
        """Returns after all faults and `seconds`, with everything up again."""
        began = time.monotonic()
        order = itertools.count()
        agenda = [(fault.at, next(order), self.begin, fault) for fault in faults]
        heapq.heapify(agenda)
        under_way = {}  # When it will be over, by victim.
        while agenda:
            at, _, act, fault = heapq.heappop(agenda)
            victim = (fault.victim, fault.which)
            if act == self.begin and victim in under_way:
                # On a busy machine what began before takes longer than was planned.
                heapq.heappush(agenda, (under_way[victim], next(order), act, fault))
                continue
            time.sleep(max(0, began + at - time.monotonic()))
            self.site.check_alive()
            act(fault)
            if act == self.begin:
                # From now, as beginning may have taken its time.
                under_way[victim] = time.monotonic() - began + fault.lasts
                heapq.heappush(agenda, (under_way[victim], next(order), self.end, fault))
            else:
                del under_way[victim]
        time.sleep(max(0, began + seconds - time.monotonic()))

    def process(self, fault):
        site = self.site
        return {"gateway": site.gateway, "broker": site.broker.process, "worker": site.workers[fault.which]}[fault.victim]

    def begin(self, fault):
        proxy = self.site.proxy
        if fault.victim == "network":
            {"reset": proxy.cut, "close": lambda: proxy.cut(reset=False), "stall": proxy.stall,
             "stall up": lambda: proxy.stall("up"), "stall down": lambda: proxy.stall("down"),
             "half-open": proxy.swallow, "refuse": lambda: (proxy.refuse(), proxy.cut())}[fault.action]()
        elif fault.action == "freeze":
            self.process(fault).freeze()
        elif fault.victim == "broker":
            self.site.kill_broker()
        else:
            self.site.kill(self.process(fault))

    def end(self, fault):
        proxy = self.site.proxy
        if fault.victim == "network":
            {"half-open": proxy.restore, "refuse": lambda: proxy.refuse(False)}.get(fault.action, proxy.resume)()
        elif fault.action == "freeze":
            self.process(fault).thaw()
        elif fault.victim == "broker":
            self.site.start_broker()
        else:
            self.site.start(self.process(fault))
            if fault.victim == "gateway":
                self.site.wait_for_gateway()
