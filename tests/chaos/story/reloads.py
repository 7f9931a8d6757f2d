"""Changes of the gateway's configuration while everything else goes wrong."""
import threading

import yaml

from .mqtt import KEYS

# A connection whose keepalive differs is made anew.
KEEP_ALIVES = ["2s", "3s", "4s"]


class Reloader:
    """Writes another configuration, and says SIGHUP, so many times a second from resume() to pause(). Whatever it writes takes
    each message once, and answers it on the same topic; what a filter, a share or a connection that changes owes to a message
    is the gateway's affair. The same changes for the same dice.

    One thread.
    """

    def __init__(self, site, dice, per_second, qos):
        self.site, self.dice, self.pause_s, self.qos = site, dice, 1 / per_second, qos
        self.path = site.folder / "gateway.yaml"
        self.config = yaml.safe_load(self.path.read_text())
        self.count = 0
        self.running = threading.Event()
        self.quiet = threading.Event()
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def resume(self):
        self.quiet.clear()
        self.running.set()

    def pause(self):
        self.running.clear()
        self.quiet.wait()

    def close(self):
        self.ending.set()
        self.running.set()
        self.thread.join(10)

    def _run(self):
        while not self.ending.is_set():
            if not self.running.is_set():
                self.quiet.set()
                self.running.wait()
                continue
            self._change()
            beside = self.path.with_suffix(".new")
            beside.write_text(yaml.safe_dump(self.config))
            beside.rename(self.path)
            self.count += 1
            self.site.hang_up()
            self.ending.wait(self.pause_s)

    def _route(self, name, path, share=None, node=""):
        source = {"path": path, "qos": self.qos, **({"share": share} if share else {})}
        return {"id": name, "connection": "plant", "from": source, "to": {"path": f"chain:c{node}"}}

    def _change(self):
        dice, config = self.dice, self.config
        plant, chain = config["connections"]["plant"], config["chains"]["c"]
        kind = dice.randrange(6)
        if kind <= 1:
            config["routes"] = [self._route("in", dice.choice(["in/#", "in/+", "+/+"]), dice.choice([None, None, "g", "h"]))]
        elif kind == 2:
            config["routes"] = [self._route(f"k{key}", f"in/k{key}", None, dice.choice(["", ":first"])) for key in range(KEYS)]
        elif kind == 3:
            plant.update(keepAlive=dice.choice(KEEP_ALIVES), publishWindow=dice.randrange(20, 60))
        elif kind == 4:
            chain.update(lease=f"{dice.randrange(5, 9)}s", retryBackoff=f"{dice.randrange(50, 200)}ms")
        else:
            config["replies"] = dice.choice([{}, {"allow": ["out/#", "out"]}])
