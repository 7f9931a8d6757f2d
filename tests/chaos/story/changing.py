"""tests/chaos/run --changes: from the first change to the verdict."""
import json
import pathlib
import shutil
import subprocess
import sys
import time

from .changes import Changer, NotInEffect
from .changing_site import ChangingSite
from .site import Died

FOUND, CANNOT_JUDGE = 1, 2
TOLD, STORIES = 10, 2  # Faults that are told, and how many of them with all that is known of the message.


def play(options, folder):
    """The exit status: 1 when something became of a message that must not, or a change did not come into effect."""
    site, changer, report, trouble, status = None, None, {}, None, CANNOT_JUDGE
    log, marks = [], []
    try:
        site = ChangingSite(folder, options)
        changer = Changer(site, options)
        site.publisher.resume()
        trouble = make_changes(site, changer, options, log, marks)
        site.publisher.pause()
        site.settle(options.patience)
        with site.lock:
            site.fates.conclude()
            report = site.fates.report()
            status = FOUND if trouble or site.fates.faults else 0
            tell(site, trouble, marks, options)
    except (Died, AssertionError, RuntimeError, OSError, subprocess.SubprocessError) as error:
        print(f"chaos: {type(error).__name__}: {error}", file=sys.stderr)
    finally:
        logs = options.logs or folder.with_name(folder.name + "-logs")
        if site is not None:
            site.note_metrics()
            site.close()
            (folder / "changes.log").write_text("\n".join(log) + "\n")
            if status != 0 or options.logs:
                site.keep_logs(logs)
        shutil.rmtree(folder, ignore_errors=True)
    if changer is not None and report:
        report = {"changes": changer.count, "kills": changer.kills, **report}
        print(", ".join(f"{what} {count}" for what, count in report.items()) + f"; the slowest change took {changer.slowest:.1f} s")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"seed": options.seed, **report}) + "\n")
    if status != 0:
        print(f"FAILED: seed {options.seed}; logs are in {logs}")
    return status


def make_changes(site, changer, options, log, marks):
    """All of them; the text of what went wrong with one, or None."""
    time.sleep(0.2)
    for number in range(1, options.changes + 1):
        began = time.monotonic()
        try:
            what = changer.change()
        except NotInEffect as error:
            marks.append(began)
            return f"change {number}: {error}"
        log.append(f"{number:4} {began - site.epoch:8.3f} to {time.monotonic() - site.epoch:8.3f} s: {what}")
        marks.append(began)
        with site.lock:
            if site.fates.faults:
                return None  # While it is near.
        time.sleep(0.1)
    return None


def tell(site, trouble, marks, options):
    """What is wrong, shrunk to a few messages, what was around them, and the changes that are needed to see it again."""
    if trouble:
        print(trouble)
    faults = site.fates.faults
    for at, (what, number, text) in enumerate(faults[:TOLD]):
        print(f"message {number}, {what}: {text}")
        if at < STORIES:
            print("\n".join(site.fates.story_of(number, site.epoch)))
    if len(faults) > TOLD:
        print(f"… and {len(faults) - TOLD} more")
    if not faults:
        return
    last = max((site.fates.messages[number].published for _, number, _ in faults if number in site.fates.messages),
               default=marks[-1])
    needed = sum(mark <= last + 1 for mark in marks)
    print(f"again: tests/chaos/run --changes {needed} --seed {options.seed} --rate {options.rate:g} --qos {options.qos} "
          f"--kill {','.join(options.kill) or 'none'}" + (" --order" if options.order else ""))
