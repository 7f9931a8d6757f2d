"""Makes the table of values in the chart's README from values.yaml: scripts/chart_readme.py [--check]

The comment above a value is its description. A map whose keys have comments is a section, any other one is a value. A
value without a comment is an error. --check writes nothing, and fails when the README is not up to date.
"""
import json
import pathlib
import re
import sys

import yaml

CHART = pathlib.Path(__file__).resolve().parent.parent / "helm" / "sluice"
MARK = "<!-- Made from values.yaml by scripts/chart write. -->\n"
KEY = re.compile(r"^( *)([A-Za-z]\w*):(.*)$")


def comments(text):
    """The comment directly above each key, by the key's path."""
    found, path, above = {}, [], []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            above.append(line.strip().lstrip("#").strip())
            continue
        if match := KEY.match(line):
            del path[len(match[1]) // 2:]
            path.append(match[2])
            if above:
                found[tuple(path)] = " ".join(above)
        above = []
    return found


def values(tree, described, path=()):
    """(path, default) of each value, in the order of the file."""
    for key, value in tree.items():
        here = (*path, key)
        section = isinstance(value, dict) and any(len(other) > len(here) and other[:len(here)] == here for other in described)
        if section:
            if here in described:
                yield here, None
            yield from values(value, described, here)
        else:
            yield here, value


def table(text):
    described = comments(text)
    rows, missing = ["| value | default | |", "|---|---|---|"], []
    for path, default in values(yaml.safe_load(text), described):
        name = ".".join(path)
        if path not in described:
            missing.append(name)
            continue
        shown = "–" if default is None and path in described and isinstance(value_at(text, path), dict) else f"`{json.dumps(default)}`"
        rows.append(f"| `{name}` | {shown} | {described[path].replace('|', chr(92) + '|')} |")
    if missing:
        sys.exit(f"values.yaml: no comment above {', '.join(missing)}")
    return "\n".join(rows) + "\n"


def value_at(text, path):
    value = yaml.safe_load(text)
    for key in path:
        value = value[key]
    return value


def main():
    readme = CHART / "README.md"
    before = readme.read_text()
    head, mark, _ = before.partition(MARK)
    if not mark:
        sys.exit(f"{readme} has no line {MARK.strip()}")
    after = head + MARK + "\n" + table((CHART / "values.yaml").read_text())
    if before == after:
        return
    if "--check" in sys.argv[1:]:
        sys.exit(f"{readme} is not what values.yaml says; run scripts/chart write")
    readme.write_text(after)


if __name__ == "__main__":
    main()
