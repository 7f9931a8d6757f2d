"""Manual pages: of programs, made of their --help (help_tree.py), and of a page of docs/ in Markdown."""
import re


def escape(text):
    """Of roff's own characters."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def _head(title, section, date, version):
    return f'.TH {title.upper()} {section} {date} "Sluice {version}" "Sluice"\n'


def _see(pages):
    """PAGES: ("sluicectl", 1), …"""
    return ".SH SEE ALSO\n" + "\n".join(f".BR {escape(name)} ({section}){',' if i + 1 < len(pages) else ''}" for i, (name, section) in enumerate(pages)) + "\n"


def _verbatim(text):
    return f".nf\n{escape(text)}\n.fi\n"


def _entries(entries):
    out = ""
    for entry in entries:
        name = re.sub(r":({.*}|INT in .*)", "", entry.name).removesuffix(" REQUIRED")
        text = entry.text + ("; required" if entry.name.endswith(" REQUIRED") else "")
        if entry.choices and entry.choices[0] not in text:
            text += f" ({', '.join(entry.choices)})"
        out += f".TP\n.B {escape(name)}\n{escape(text)}\n"
    return out


def of_program(name, root, summary, date, version, see_also, files=()):
    usage = root.usage or f"{name} --config FILE [OPTIONS]"
    page = _head(name, 1, date, version)
    page += f".SH NAME\n{escape(name)} \\- {escape(summary)}\n.SH SYNOPSIS\n.B {escape(usage)}\n.SH DESCRIPTION\n"
    about = root.about.removeprefix(f"{name}: ")
    first, _, rest = about.partition("\n\n")
    page += f"{escape(first[:1].upper() + first[1:])}\n"
    if rest:
        page += f".PP\n{_verbatim(rest)}"
    for heading, entries in root.sections.items():
        if heading == "Subcommands":
            continue
        page += (".SH OPTIONS\n" if heading == "Options" else f".SS {escape(heading)}\n") + _entries(entries)
    if root.commands:
        page += ".SH COMMANDS\n"
        for command in root.all():
            if command.path and not command.commands:
                page += f".SS {escape(command.usage.removeprefix(name + ' '))}\n{escape(command.about)}\n"
                page += _entries(command.positionals()) + _entries(option for option in command.options() if "--help" not in option.flags)
                if command.after:
                    page += f".PP\n{_verbatim(command.after)}"
    if root.after:
        page += f".SH NOTES\n{_verbatim(root.after)}"
    if files:
        page += ".SH FILES\n" + "".join(f".TP\n.I {escape(path)}\n{escape(text)}\n" for path, text in files)
    return page + _see(see_also)


def _inline(text):
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = escape(text)
    text = re.sub(r"``(.+?)``|`([^`]+)`", lambda match: f"\\fB{match[1] or match[2]}\\fR", text)
    return re.sub(r"\*\*(.+?)\*\*|(?<!\w)\*([^*\s][^*]*)\*", lambda match: f"\\fB{match[1]}\\fR" if match[1] else f"\\fI{match[2]}\\fR", text)


def _row(line):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def _table(rows):
    """A table of keys is a list of them; any other one likewise, by its first column."""
    heads, out = _row(rows[0]), ""
    for row in map(_row, rows[2:]):
        cells = [cell if head in ("", "value") or cell in ("**required**", "–", "") else f"{head} {cell}" for head, cell in zip(heads[1:], row[1:])]
        cells = [cell for cell in cells if cell not in ("–", "")]
        text = cells.pop() if cells and heads[-1] == "" else ""
        out += f".TP\n{_inline(row[0]) or '-'}\n{_inline('; '.join(cells))}{'.' if cells and text else ''}\n{_inline(text)}\n"
    return out.replace("\n\n", "\n")


def of_markdown(title, section, summary, text, date, version, see_also):
    page = _head(title, section, date, version) + f".SH NAME\n{escape(title)} \\- {escape(summary)}\n.SH DESCRIPTION\n"
    lines = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL).splitlines()
    paragraph, i = [], 0

    def flush():
        nonlocal page
        if paragraph:
            page += ".PP\n" + _inline(" ".join(paragraph)) + "\n"
            paragraph.clear()

    while i < len(lines):
        line = lines[i]
        if heading := re.match(r"(#+) (.*)", line):
            flush()
            if len(heading[1]) > 1:
                page += (f".SH {_inline(heading[2]).upper()}\n" if len(heading[1]) == 2 else f".SS {_inline(heading[2])}\n")
        elif line.startswith("|") and i + 1 < len(lines) and lines[i + 1].startswith("|--"):
            flush()
            end = next((j for j in range(i, len(lines)) if not lines[j].startswith("|")), len(lines))
            page += _table(lines[i:end])
            i = end - 1
        elif line.startswith("```") or line.startswith("    "):
            flush()
            fenced = line.startswith("```")
            start = i + fenced
            end = next((j for j in range(start, len(lines)) if (lines[j].startswith("```") if fenced else not lines[j].startswith("    "))), len(lines))
            body = lines[start:end] if fenced else [each[4:] for each in lines[start:end]]
            page += ".PP\n.RS 4\n" + _verbatim("\n".join(body)) + ".RE\n"
            i = end - (not fenced)
        elif match := re.match(r"(?:- |\d+\. )(.*)", line):
            flush()
            item = [match[1]]
            while i + 1 < len(lines) and re.match(r"  +\S", lines[i + 1]):
                i += 1
                item.append(lines[i].strip())
            page += f".IP \\(bu 2\n{_inline(' '.join(item))}\n"
        elif not line.strip():
            flush()
        else:
            paragraph.append(line.strip())
        i += 1
    flush()
    # A heading begins a paragraph by itself.
    return re.sub(r"(?m)^(\.S[HS] .*\n)\.PP\n", r"\1", page) + _see(see_also)
