"""The table of docs/metrics.md from what a gateway's /metrics says: imported by tests/e2e/test_metrics.py, which runs a gateway
that has everything, and with SLUICE_UPDATE_DOCS=1 writes the page.
"""
import re

MARK = "<!-- Made from a gateway's /metrics by tests/e2e/test_metrics.py; SLUICE_UPDATE_DOCS=1 writes it. -->\n"
SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
# What these hold comes from the configuration, or is a number: any value. The page says those of the others only, so that nothing of
# the machine that made it stands in it.
OPEN = {"chain", "connection", "route", "gateway", "setting", "file", "version", "le"}


class Family:
    def __init__(self, name):
        self.name = name
        self.type = ""
        self.help = ""
        self.label_sets = set()  # Of its series, without le.
        self.values = {}         # By label.


def families(text):
    """{name: Family} of an exposition."""
    found = {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, what = line.split(" ", 3)
            found.setdefault(name, Family(name)).help = what
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            found.setdefault(name, Family(name)).type = kind
        elif match := SAMPLE.match(line):
            name = match[1] if match[1] in found else re.sub("_(bucket|sum|count)$", "", match[1])
            family = found[name]
            labels = dict(LABEL.findall(match[2] or ""))
            family.label_sets.add(tuple(sorted(set(labels) - {"le"})))
            for label, value in labels.items():
                family.values.setdefault(label, set()).add(value)
    return found


def row(family):
    (names,) = family.label_sets
    labels = []
    for name in names:
        values = "" if name in OPEN else ": " + ", ".join(sorted(value for value in family.values[name] if value))
        labels.append(f"`{name}`{values}")
    return f"| `{family.name}` | {family.type} | {'; '.join(labels) or '–'} | {family.help.rstrip('.').replace('|', chr(92) + '|')} |"


def page(before, text):
    """The page, its table made anew."""
    head, mark, _ = before.partition(MARK)
    assert mark, f"the page has no line {MARK.strip()}"
    found = families(text)
    rows = ["| metric | type | labels | |", "|---|---|---|---|", *(row(found[name]) for name in sorted(found))]
    return head + MARK + "\n" + "\n".join(rows) + "\n"
