"""Whether docs/mqtt-conformance.md keeps its word: conformance_table_test.py DOCUMENT TEST_BINARY…

Every test that it names must exist, and every row must name statements as the standard does and say what holds them.
"""
import re
import subprocess
import sys

NAMED = re.compile(r"`(\w+\.\w+(?:/\w+)?)`")
STATEMENT = re.compile(r"\d+(\.\d+){1,2}-\d+$")


def tests_of(binary):
    """Suite.Test and Suite.Test/Parameter, without the prefix of an instance."""
    listed = subprocess.run([binary, "--gtest_list_tests"], check=True, capture_output=True, text=True).stdout
    suite = ""
    for line in listed.splitlines():
        name = line.split("#")[0].strip()
        if line.startswith("  "):
            test, _, parameter = name.partition("/")
            yield f"{suite}.{test}"
            yield f"{suite}.{test}/{parameter}"
        elif name.endswith("."):
            suite = name[:-1].rpartition("/")[2]


def rows(text):
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and not line.startswith(("|---", "| MQTT 5.0 |")):
            yield number, cells


def main():
    document, *binaries = sys.argv[1:]
    with open(document, encoding="utf-8") as file:
        text = file.read()
    known = {name for binary in binaries for name in tests_of(binary)}
    problems = [f"no test is called {name}" for name in sorted(set(NAMED.findall(text)) - known)]
    count = 0
    for number, cells in rows(text):
        if len(cells) != 4 or not cells[2] or not cells[3]:
            problems.append(f"line {number}: a row has four cells, and says what holds its statement")
            continue
        statements = [one for cell in cells[:2] if cell != "–" for one in cell.split(", ")]
        problems += [f"line {number}: '{one}' is no statement" for one in statements if not STATEMENT.match(one)]
        count += len(statements)
    if count < 100:
        problems.append(f"only {count} statements were found: the table is not read as it should be")
    for problem in problems:
        print(f"{document}: {problem}")
    print(f"{count} statements, {len(set(NAMED.findall(text)))} tests named, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
