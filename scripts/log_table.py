#!/usr/bin/python3
"""The table of what the gateway logs, in docs/logs.md, made from the calls in the code.

  scripts/log_table.py --check   whether the table is true, each event is a literal with one set of levels, and each key is snake_case
  scripts/log_table.py --write   makes it anew
"""
import argparse
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "logs.md"
BEGIN, END = "<!-- made by scripts/log_table.py -->\n", "<!-- end -->\n"
CALL = re.compile(r"(?<![\w:])(?:sluice::)?log::(Debug|Info|Warning|Error|Write)\(")
IN_NAMESPACE = re.compile(r"(?<![\w:.>])(?:log::)?(Debug|Info|Warning|Error|Write)\(")  # In the folder of the log itself.
LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')
KEY = re.compile(r'[a-z][a-z0-9_]*')
LEVELS = ("debug", "info", "warning", "error")


def arguments(text, at):
    """The arguments of the call whose parenthesis is before `at`, and where it ends."""
    depth, begin, found, quoted = 0, at, [], False
    while True:
        char = text[at]
        if quoted:
            if char == "\\":
                at += 1
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            if depth == 0:
                found.append(text[begin:at].strip())
                return [part for part in found if part]
            depth -= 1
        elif char == "," and depth == 0:
            found.append(text[begin:at].strip())
            begin = at + 1
        at += 1


def literals(expression):
    """The strings that an expression of literals, concatenations and choices may be."""
    choice = re.split(r"[?:](?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", expression)
    values = ["".join(part[1:-1] for part in LITERAL.findall(each)) for each in choice if LITERAL.search(each)]
    return [value for value in values if value]


def constant(text, name):
    found = re.search(rf"\b{re.escape(name)}(?:\[\])?\s*=\s*((?:\"(?:[^\"\\]|\\.)*\"\s*)+);", text)
    return literals(found.group(1)) if found else []


def keys_of(fields):
    return re.findall(r'\{\s*"([^"]*)"\s*,', fields)


class Event:
    def __init__(self):
        self.levels, self.keys = set(), {}


def read():
    """Every event by its name, and what is wrong with the calls."""
    events, mistakes = collections.defaultdict(Event), []
    for path in sorted((ROOT / "server").rglob("*.cc")) + sorted((ROOT / "server").rglob("*.h")):
        if path.stem == "log" and path.parent.name == "telemetry":
            continue
        text = path.read_text()
        pattern = IN_NAMESPACE if "namespace sluice::log {" in text else CALL
        bare = re.sub(r"//[^\n]*", lambda comment: " " * len(comment.group()), text)
        for call in pattern.finditer(bare):
            line = text.count("\n", 0, call.start()) + 1
            place = f"{path.relative_to(ROOT)}:{line}"
            parts = arguments(bare, call.end())
            levels = {call.group(1).lower()}
            if call.group(1) == "Write":
                levels = {name.lower() for name in re.findall(r"\bk(Debug|Info|Warning|Error)\b", parts[0])}
                parts = parts[1:]
            names = literals(parts[0]) or constant(bare, parts[0])
            if not names:
                mistakes.append(f"{place}: the event is no literal: {parts[0]}. Give the kind of line a name, and say the rest in a field.")
                continue
            keys = keys_of(parts[1]) if len(parts) > 1 else []
            for key in keys:
                if not KEY.fullmatch(key):
                    mistakes.append(f"{place}: the key '{key}' is not snake_case")
            for name in names:
                event = events[name]
                event.levels |= levels
                event.keys |= dict.fromkeys(keys)
    return events, mistakes


def table(events):
    lines = ["| event | level | keys |\n", "|---|---|---|\n"]
    for name, event in sorted(events.items(), key=lambda item: item[0].lower()):
        levels = ", ".join(level for level in LEVELS if level in event.levels) or "as it is told"
        lines.append(f"| {name.replace('|', chr(92) + '|')} | {levels} | {' '.join(f'`{key}`' for key in event.keys)} |\n")
    return "".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true")
    mode.add_argument("--write", action="store_true")
    options = parser.parse_args()
    events, mistakes = read()
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    text = PAGE.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    wanted = text[:begin] + table(events) + text[end:]
    if options.write:
        PAGE.write_text(wanted)
    elif text != wanted:
        print(f"{PAGE.relative_to(ROOT)} is not what the code logs: scripts/log_table.py --write", file=sys.stderr)
        return 1
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
