"""Checks the documents: scripts/lint_docs.py

Each link to a file or heading of this repository leads somewhere, and the README's first workers are those of the pages that it
links to. Exit status 1, and FILE:LINE of each finding.
"""
import functools
import pathlib
import re
import subprocess
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"(?<!\\)\[[^\]\n]*\]\(([^()\s]*(?:\([^()\s]*\))?)\)")
FENCE = re.compile(r"^\s*(```|~~~)")
SUMMARY = re.compile(r"<details(?: open)?><summary>.*?</summary>\n\n(```\w+\n.*?```)\n\nSet-up and options: \[[^\]]*\]\(([^)#]*)", re.S)


def prose(path):
    """The lines of a document that are no code: (number, text without inline code)."""
    code = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if FENCE.match(line):
            code = not code
        elif not code:
            yield number, line


@functools.cache
def anchors(path):
    """What a heading is reached by, as GitHub makes it."""
    found, seen = set(), {}
    for _, line in prose(path):
        heading = re.match(r"#+\s+(.*)", line)
        if not heading:
            continue
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1)).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        again = seen.get(slug, 0)
        seen[slug] = again + 1
        found.add(slug if again == 0 else f"{slug}-{again}")
    return found


def broken_links(document):
    for number, line in prose(document):
        for target in LINK.findall(re.sub(r"`[^`]*`", lambda code: "x" * len(code.group()), line)):
            if not target or re.match(r"[a-z]+:", target):
                continue
            file, _, heading = urllib.parse.unquote(target).partition("#")
            path = (document.parent / file).resolve() if file else document
            if not path.exists():
                yield number, f"the link {target} leads nowhere: there is no {file}"
            elif heading and path.suffix == ".md" and heading not in anchors(path):
                yield number, f"the link {target} leads nowhere: {file or 'this file'} has no heading #{heading}"


def other_workers(readme):
    text = readme.read_text()
    for match in SUMMARY.finditer(text):
        if match.group(1) not in (ROOT / match.group(2)).read_text():
            yield text.count("\n", 0, match.start()) + 1, f"this worker is not the one of {match.group(2)}: take that one"


def main():
    listed = subprocess.run(["git", "ls-files", "-z", "--", "*.md"], cwd=ROOT, check=True, capture_output=True).stdout
    status = 0
    for name in filter(None, listed.decode().split("\0")):
        path = ROOT / name
        if not path.exists():
            continue
        findings = list(broken_links(path))
        if name == "README.md":
            findings += other_workers(path)
        for number, finding in findings:
            print(f"{name}:{number}: {finding}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
