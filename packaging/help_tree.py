"""What a program's --help says, as data: manual pages and completions are made of it."""
import re
import subprocess
from dataclasses import dataclass, field


@dataclass
class Entry:
    """An option, a positional argument or a command."""
    name: str  # As it stands: "--kind KIND:{message,reply}".
    text: str

    @property
    def flags(self):
        return re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", self.name) if self.name.startswith("-") else []

    @property
    def value(self):
        """What it takes: "KIND"; empty: nothing."""
        found = re.match(r"-\S+ (\S+?)(?:[:=]\S.*)?(?: |$)", self.name) if self.name.startswith("-") else re.match(r"\S+ ([A-Z]+)", self.name)
        return found[1] if found else ""

    @property
    def choices(self):
        """The words that are all it takes, where help says which."""
        if found := re.search(r"{([\w,.-]+)}", self.name):
            return found[1].split(",")
        if re.fullmatch(r"\w+(\|\w+)+", self.value):
            return self.value.split("|")
        if self.value and (found := re.search(r"((?:\w+, )*\w+ or \w+) \(default", self.text)):
            return re.split(r", | or ", found[1])
        return []

    @property
    def repeats(self):
        return " ... " in f"{self.name} " or "may be repeated" in self.text


@dataclass
class Command:
    path: tuple  # ("dlq", "list"); (): the program.
    about: str = ""  # Before the usage.
    usage: str = ""
    after: str = ""  # Behind the options: examples.
    sections: dict = field(default_factory=dict)  # Heading to entries.
    commands: list = field(default_factory=list)

    def options(self):
        return [entry for entries in self.sections.values() for entry in entries if entry.flags]

    def positionals(self):
        return self.sections.get("Positionals", [])

    def all(self):
        yield self
        for command in self.commands:
            yield from command.all()


def _columns(lines):
    """Where texts begin: the same in all of a help text."""
    starts = [len(line) - len(line.lstrip()) for line in lines if re.match(r" {20,}\S", line)]
    return max(starts, key=starts.count) if starts else max(
        (match.end() for line in lines if (match := re.match(r"  -\S.*?  +(?=\S)", line))), default=30)


def _parse(path, text):
    lines = text.splitlines()
    column = _columns(lines)
    command, heading, before = Command(path), None, True
    for number, line in enumerate(lines):
        if line.startswith("Usage: "):
            command.usage, before = re.sub(r"(?:\S*/)", "", line.removeprefix("Usage: "), count=1), False
        elif line != "Examples:" and re.fullmatch(r"[A-Z][\w ]+:", line) and number + 1 < len(lines) and re.match(r"  [-a-z]", lines[number + 1]) and (
                not before or lines[number + 1].startswith("  --")):
            heading, before = line[:-1], False
            command.sections[heading] = []
        elif heading and (match := re.match(r"  (\S.*)", line)):
            # A name that is too long for its column has its text on the next line; it may hold a space at the column's end.
            name = line[:column]
            splits = len(line) > column and line[column - 1] == " " and line[column] != " "
            if splits and name.count("[") == name.count("]") and name.count("{") == name.count("}"):
                command.sections[heading].append(Entry(line[2:column].strip(), line[column:].strip()))
            else:
                command.sections[heading].append(Entry(match[1].strip(), ""))
        elif heading and line.startswith(" " * column) and command.sections[heading]:
            entry = command.sections[heading][-1]
            entry.text = f"{entry.text} {line.strip()}".strip()
        elif before:
            command.about += line + "\n"
        elif not line.strip():
            heading = None
            command.after += "\n"
        else:
            command.after += line + "\n"
    command.about, command.after = command.about.strip("\n"), command.after.strip("\n")
    return command


def read(program, path=()):
    """Of the program and all its commands."""
    done = subprocess.run([program, *path, "--help"], capture_output=True, text=True, check=True, timeout=30)
    command = _parse(path, done.stdout)
    for entry in command.sections.get("Subcommands", []):
        command.commands.append(read(program, (*path, entry.name)))
    return command
