"""Carries changes out, with kills in between, and tells the model."""
import hashlib
import json
import random
import subprocess
import threading
import time

import yaml

from harness.process import BIN

from .wanted import Dice

# Of all changes, how many are cut by a kill of the gateway, and how many by one of a worker.
GATEWAY_KILLS, WORKER_KILLS = 0.08, 0.12


class NotInEffect(Exception):
    """A change was not carried out, or a refusal did not come."""


class Changer:
    """Makes the changes of a seed, one after the other."""

    def __init__(self, site, options):
        self.site, self.fates, self.lock = site, site.fates, site.lock
        self.seed, self.victims, self.plant = options.seed, options.kill, options.plant
        self.effect_s = options.effect
        self.dice = Dice(options.order)
        # Client ids that nobody leaves: their connection went as the gateway was killed, or they ended by themselves.
        self.abandoned = set()
        self.retired = set()    # Client ids that were.
        self.down = threading.Lock()  # While the gateway is down.
        self.kills = 0
        self.count = 0
        self.slowest = 0.0
        self.longest_gap = 0.0

    # ---- one change

    def change(self):
        """The next one. Returns what it was, for people."""
        dice = random.Random(f"{self.seed} {self.count}")
        self.count += 1
        before = self.site.wanted
        wanted, step = self.dice.step(dice, before)
        how = dice.choice(["SIGHUP", "apply"]) if step.home == "file" else "put"
        killer = self._killer(dice)
        if self.plant is not None and self.count == 3:
            wanted = self.site.sabotage(wanted, self.plant)
        began = time.monotonic()
        if any(name not in wanted.connections for name in step.touched) and len(before.routes) == len(wanted.routes):
            self.site.wait_answered(step.touched)
        if killer is not None:
            killer.start()
        if step.refused is not None:
            self._refused(*step.refused)
        else:
            self._carry(before, wanted, step, how)
        if killer is not None:
            killer.join()
        self._wait_in_effect(wanted)
        if step.refused is None:
            with self.lock:
                self.fates.settle()
        self.slowest = max(self.slowest, time.monotonic() - began)
        return f"{step.what} ({how})" if step.refused is None else step.what

    def _carry(self, before, wanted, step, how):
        for name in step.touched & wanted.connections.keys():
            self.site.subscriptions.set_lasting(wanted.client_id(name), wanted.connections[name].lasts())
        for name in step.touched & before.connections.keys():
            was, will = before.connections[name], wanted.connections.get(name)
            if will is None or will.generation != was.generation:
                # A session that does not last goes without a word in the broker's log.
                (self.retired if was.lasts() else self.abandoned).add(before.client_id(name))
            elif will.effective() != was.effective() and not (was.lasts() and will.lasts()):
                self.site.subscriptions.await_new(wanted.client_id(name))
        with self.lock:
            self.fates.change(wanted.model(), f"change {self.count}: {step.what} ({how})", step.touched,
                              before.mixed_by(wanted))
        self.site.wanted = wanted
        if step.home == "file":
            self._write(how)
        else:
            self._put(wanted, step)

    def _write(self, how):
        text = self.site.write()
        version = hashlib.sha256(text.encode()).hexdigest()[:12]
        deadline, asked = time.monotonic() + self.effect_s, 0
        while f"configuration: {version}," not in self.site.readiness():
            self.site.check_alive()
            if time.monotonic() > deadline:
                raise NotInEffect(f"version {version} does not run after {self.effect_s} s:\n{self.site.readiness()}")
            if time.monotonic() > asked + 1:
                # Once more after a kill: what it had been asked for is forgotten.
                asked = time.monotonic()
                with self.down:
                    if how == "SIGHUP":
                        self.site.hang_up()
                    else:
                        self.site.ctl("config", "apply")
            time.sleep(0.01)

    def _put(self, wanted, step):
        for kind, name in step.put:
            body = {"routes": wanted.route, "connections": lambda name: {name: wanted.connection(name)},
                    "chains": lambda name: {name: wanted.chains[name]}}[kind](name)
            self._insist((kind, "put", "-"), json.dumps(body))
        for kind, name in step.delete:
            self._insist((kind, "delete", name), None)

    def _insist(self, arguments, body):
        """Until it is acknowledged; what was asked of a gateway that was killed is asked once more."""
        deadline = time.monotonic() + self.effect_s
        while True:
            kills = self.kills
            with self.down:
                pass
            done = self.site.ctl(*arguments, body=body)
            if done.returncode == 0:
                return
            if arguments[1] == "delete" and self.kills > 0 and "no " in done.stderr and "was put" in done.stderr:
                return  # It had been done.
            if (self.kills == kills and "gateway" not in self.site.killed) or time.monotonic() > deadline:
                raise NotInEffect(f"{arguments} {body}: {done.stderr.strip()}")

    def _refused(self, how, kind, body):
        if how == "file":
            path = self.site.folder / "refused.yaml"
            path.write_text(yaml.safe_dump({**self.site.wanted.file(self.site.base), **body}))
            done = self.site.ctl("config", "apply", path)
        elif how == "put":
            done = self.site.ctl(kind, "put", "-", body=json.dumps(body))
        else:
            done = self.site.ctl(kind, "delete", body)
        if done.returncode == 0:
            raise NotInEffect(f"{how} {kind} {body} was to be refused, and was not")

    def _wait_in_effect(self, wanted):
        deadline = time.monotonic() + self.effect_s
        while True:
            self.site.check_alive()
            found = self.site.subscriptions.differences(wanted.subscriptions(), self.abandoned)
            if not found:
                return
            if time.monotonic() > deadline:
                raise NotInEffect(f"not at the broker after {self.effect_s} s: " + "; ".join(found) + f"\n{self.site.readiness()}")
            time.sleep(0.01)

    # ---- kills

    def _killer(self, dice):
        """A thread that kills in the middle of the change, or null."""
        roll, delay, pause, which = dice.random(), dice.uniform(0, 0.3), dice.uniform(0, 0.4), dice.randrange(len(self.site.workers))
        if roll < GATEWAY_KILLS and "gateway" in self.victims:
            return threading.Thread(target=self._kill_gateway, args=(delay, pause))
        if GATEWAY_KILLS <= roll < GATEWAY_KILLS + WORKER_KILLS and "worker" in self.victims:
            return threading.Thread(target=self._kill_worker, args=(which, delay, pause))
        return None

    def _kill_gateway(self, delay, pause):
        time.sleep(delay)
        with self.down:
            wanted = self.site.wanted
            self.kills += 1
            with self.lock:
                entry = self.fates.disturb("the gateway is killed", sessions_end=True)
            self.site.kill(self.site.gateway)
            live = {wanted.client_id(name) for name in wanted.connections}
            names = {f"chaos-{name}-" for name in wanted.connections}
            self.abandoned |= {client for client in self.retired - live if not client.startswith(tuple(names))}
            for name, connection in wanted.connections.items():
                if not connection.lasts():
                    self.site.subscriptions.await_new(wanted.client_id(name))
            time.sleep(pause)
            self.site.start(self.site.gateway)
            self.site.wait_for_gateway()
            with self.lock:
                self.fates.end(entry)

    def _kill_worker(self, which, delay, pause):
        time.sleep(delay)
        worker = self.site.workers[which]
        with self.lock:
            entry = self.fates.disturb(f"{worker.name} is killed")
        self.site.kill(worker)
        time.sleep(pause)
        self.site.start(worker)
        self.kills += 1
        with self.lock:
            self.fates.end(entry)


def run_ctl(address, arguments, body):
    return subprocess.run([str(BIN / "sluicectl"), "--address", address, *map(str, arguments)], input=body or "", text=True,
                          capture_output=True, timeout=30, check=False)
