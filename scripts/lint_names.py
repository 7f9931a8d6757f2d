"""No two classes of one name in one namespace: scripts/lint_names.py

The linker takes one of two inline functions of the same name for both (the One Definition Rule), so a program with two
classes sluice::X runs the wrong destructor and no compiler says so. Classes in unnamed namespaces are each their
file's own and do not count.
"""
import collections
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Line by line, which is enough for code that clang-format has laid out.
NAMESPACE = re.compile(r"^namespace ([\w:]+) \{")
UNNAMED_BEGIN, UNNAMED_END = "namespace {", "}  // namespace"
CLASS = re.compile(r"^(?:class|struct|union|enum class|enum struct)\s+(?:\[\[.*?\]\]\s*|ABSL_\w+\s+)*(\w+(?:::\w+)*)[^;]*$")


def classes(path):
    """(qualified name, line) of each class defined at namespace level."""
    namespace, unnamed = "", False
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        if match := NAMESPACE.match(line):
            namespace = match[1]
        elif line == UNNAMED_BEGIN:
            unnamed = True
        elif line == UNNAMED_END:
            unnamed = False
        elif not unnamed and (match := CLASS.match(line)) and namespace:
            yield f"{namespace}::{match[1]}", number


def main():
    listed = subprocess.run(["git", "ls-files", "-z", "--", "*.cc", "*.h"], cwd=ROOT, check=True, capture_output=True)
    places = collections.defaultdict(list)
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).exists():
            for qualified, line in classes(ROOT / name):
                places[qualified].append(f"{name}:{line}")
    clashes = {name: found for name, found in places.items() if len(found) > 1}
    for name, found in sorted(clashes.items()):
        print(f"{found[0]}: {name} is also defined at {', '.join(found[1:])}")
    return 1 if clashes else 0


if __name__ == "__main__":
    sys.exit(main())
