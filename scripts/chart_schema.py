"""Makes `config` in the chart's values.schema.json from docs/configuration.md: scripts/chart_schema.py [--check]

The reference is made from the gateway's own schema, so that helm refuses what the gateway would refuse: an unknown key, a
number out of range, a size without sense. An environment reference may stand anywhere. What the sentences of
templates/_validate.tpl say better is let through here: durations without a unit, and QoS levels.
"""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "configuration.md"
SCHEMA = ROOT / "helm" / "sluice" / "values.schema.json"
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (?:.+?) \| ")
HEADING = re.compile(r"^### `([^`]+)`$|^### The (top)$")
ENVIRONMENT = r"\$\{"
# Their keys are found in any case, so that an unknown one is the gateway's to find.
ANY_CASE = {"connections.NAME"}
# Sections with the keys of another.
SAME_KEYS = {"chainDefaults": "chains.NAME", "admin.auth": "workers.auth"}
TOO_FEW = 10  # Sections that a reference has at least: fewer are a page that is not understood.


def sections():
    """The reference's tables: {section: {key: allowed values in words}}."""
    found, here = {}, None
    for line in REFERENCE.read_text().splitlines():
        if match := HEADING.match(line):
            here = found.setdefault("" if match[2] else match[1], {})
        elif here is not None and (match := ROW.match(line)):
            here[match[1]] = match[2]
    if len(found) < TOO_FEW:
        sys.exit(f"{REFERENCE} has only {len(found)} sections")
    return found


def text(pattern):
    return {"type": "string", "pattern": f"{pattern}|{ENVIRONMENT}"}


def number(least, most, pattern="^[0-9]+$"):
    return {"type": ["integer", "string"], "minimum": least, "maximum": most, "pattern": f"{pattern}|{ENVIRONMENT}"}


def scalar(allowed):
    if allowed == "true or false":
        return {"type": ["boolean", "string"]}
    if allowed == "0, 1 or 2":
        return {"type": ["integer", "string"]}
    if match := re.match(r"a whole number from (\d+) to (\d+)$", allowed):
        return number(int(match[1]), int(match[2]))
    if allowed.startswith("a duration"):
        return {"type": ["string", "integer"], "minimum": 0, "pattern": rf"^ *([0-9]+|([0-9]+(ms|s|m|h))+) *$|{ENVIRONMENT}"}
    if allowed.startswith("a size"):
        return {"type": ["string", "integer"], "minimum": 0, "pattern": rf"^ *[0-9]+ *([kKmMgGtT]i?)?[bB]? *$|{ENVIRONMENT}"}
    if allowed.startswith("names of claims"):
        return {"type": "object", "additionalProperties": {"type": ["string", "array"]}}
    if allowed.endswith("or a list of these"):
        return {"type": ["string", "number", "boolean", "array"], "items": {"type": "string"}, "minItems": 1}
    if allowed.startswith("a list of"):
        return {"type": "array", "items": {"type": "string"}}
    if re.fullmatch(r"[A-Za-z0-9.]+(, [A-Za-z0-9.]+)+", allowed):
        words = allowed.split(", ")
        choice = text("^(" + "|".join(re.escape(word) for word in words) + ")$")
        numbers = [int(word) for word in words if word.isdigit()]
        if numbers:
            choice |= {"type": ["string", "number"], "minimum": min(numbers), "maximum": max(numbers)}
        return choice
    return {"type": ["string", "number", "boolean"]}


def section(tables, name):
    properties = {}
    for key, allowed in tables[name].items():
        path = f"{name}.{key}" if name else key
        if allowed == "a map of keys":
            properties[key] = section(tables, SAME_KEYS.get(path, path))
        elif allowed.startswith("a map of names"):
            properties[key] = {"type": "object", "additionalProperties": section(tables, f"{path}.NAME")}
        elif allowed == "a list of maps":
            properties[key] = {"type": "array", "items": section(tables, f"{path}[]")}
        else:
            properties[key] = scalar(allowed)
    made = {"type": "object"}
    if name not in ANY_CASE:
        made["additionalProperties"] = False
    return made | {"properties": properties}


def config():
    made = section(sections(), "")
    made["description"] = "Made from docs/configuration.md by scripts/chart write."
    made["properties"]["connections"]["propertyNames"] = {"pattern": "^[A-Za-z0-9._-]+$"}
    route = made["properties"]["routes"]["items"]
    route["required"] = ["from", "to"]
    for side in ("from", "to"):
        route["properties"][side]["required"] = ["path"]
    return made


def main():
    before = SCHEMA.read_text()
    lines = before.splitlines(keepends=True)
    at = [i for i, line in enumerate(lines) if line.startswith('    "config": ')]
    if len(at) != 1 or not lines[at[0]].endswith("},\n"):
        sys.exit(f'{SCHEMA} has no line of its own for "config"')
    lines[at[0]] = f'    "config": {json.dumps(config())},\n'
    after = "".join(lines)
    json.loads(after)
    if before == after:
        return
    if "--check" in sys.argv[1:]:
        sys.exit(f"{SCHEMA} is not what {REFERENCE} says; run scripts/chart write")
    SCHEMA.write_text(after)


if __name__ == "__main__":
    main()
