"""Completions for bash, zsh and fish, made of a program's --help (help_tree.py)."""

FILES = {"FILE", "PATH", "DIRECTORY"}


def _takes(command):
    return [option for option in command.options() if option.value]


def _path(command):
    return "".join(f"/{name}" for name in command.path)


def _function(program):
    return "_" + program.replace("-", "_")


def _inherited(root, command):
    """Options of the program are taken behind its commands, too."""
    return command.options() + ([option for option in root.options() if "--help" not in option.flags] if command is not root else [])


def bash(program, root):
    name = _function(program)
    options = {flag for command in root.all() for option in _takes(command) for flag in option.flags}
    lines = [f"# Completion for {program}, made from its --help.", f"{name}() {{",
             '  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path="" words="" i',
             "  # bash takes the = of --option=value for a word.",
             '  if [ "$cur" = = ]; then cur=""; elif [ "$prev" = = ]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi',
             "  for ((i = 1; i < COMP_CWORD; ++i)); do", '    case "$path/${COMP_WORDS[i]}" in']
    paths = [_path(command) for command in root.all() if command.path]
    if paths:
        lines.append(f"      {' | '.join(paths)}) path+=/${{COMP_WORDS[i]}} ;;")
    lines += [f"      */{' | */'.join(sorted(options))})", '        [ "${COMP_WORDS[i+1]}" = = ] && ((++i))', "        ((++i)) ;;",
              "    esac", "  done", '  case "$path:$prev" in']
    for command in root.all():
        for option in _takes(command):
            pattern = " | ".join(f"{_path(command) if command is not root else '*'}:{flag}" for flag in option.flags)
            if option.choices:
                lines.append(f"    {pattern}) mapfile -t COMPREPLY < <(compgen -W '{' '.join(option.choices)}' -- \"$cur\"); return ;;")
            elif option.value in FILES:
                lines.append(f"    {pattern}) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;")
            else:
                lines.append(f"    {pattern}) COMPREPLY=(); return ;;")
    lines += ["  esac", '  case "$path" in']
    for command in root.all():
        words = [child.path[-1] for child in command.commands] + [flag for option in _inherited(root, command) for flag in option.flags]
        lines.append(f"    '{_path(command)}') words='{' '.join(words)}' ;;")
    lines += ["  esac", '  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")']
    if with_files := [_path(command) for command in root.all() if any(entry.value in FILES for entry in command.positionals())]:
        lines += ['  case "$path:$cur" in', f"    {' | '.join(f'{path}:-*' for path in with_files)}) ;;",
                  f"    {' | '.join(f'{path}:*' for path in with_files)}) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;",
                  "  esac"]
    return "\n".join([*lines, "}", f"complete -F {name} {program}", ""])


def _zsh_text(text):
    return text.replace("\\", "\\\\").replace("[", "(").replace("]", ")").replace("'", "'\\''").replace(":", "\\:").replace("`", "")


def _zsh_value(entry):
    value = entry.value.replace(":", " ")
    if entry.choices:
        return f":{entry.value if entry.value.isalpha() else 'value'}:({' '.join(entry.choices)})"
    return f":{value}:{'_files' if entry.value in FILES else ' '}"


def _zsh_option(option):
    shape = _zsh_value(option) if option.value else ""
    every = "*" if option.repeats else ""
    return [f"'{every}{flag}{'=' if option.value and flag.startswith('--') else ''}[{_zsh_text(option.text)}]{shape}'" for flag in option.flags]


def zsh(program, root):
    lines = [f"#compdef {program}", f"# Made from its --help.", ""]
    for command in root.all():
        name = _function(program) + "".join(f"_{each}" for each in command.path)
        lines += [f"{name}() {{", "  local line state context", "  local -A opt_args"]
        arguments = [text for option in _inherited(root, command) for text in _zsh_option(option)]
        if command.commands:
            arguments += ["'1:command:->command'", "'*::argument:->argument'"]
        for entry in command.positionals():
            arguments.append(f"'{'*' if ' ...' in entry.name else ''}:{entry.name.split()[0]}:{'_files' if entry.value in FILES else ' '}'")
        lines.append(f"  _arguments {'-C ' if command.commands else ''}\\\n    " + " \\\n    ".join(arguments))
        if command.commands:
            lines += ["  case $state in", "    command)", "      local -a commands=("]
            lines += [f"        '{child.path[-1]}:{_zsh_text(child.about.splitlines()[0])}'" for child in command.commands]
            lines += ["      )", "      _describe command commands ;;", "    argument)", "      case $line[1] in"]
            lines += [f"        {child.path[-1]}) {name}_{child.path[-1]} ;;" for child in command.commands]
            lines += ["      esac ;;", "  esac"]
        lines += ["}", ""]
    return "\n".join([*lines, f'{_function(program)} "$@"', ""])


def _fish_text(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish(program, root):
    at = f"_{_function(program)}_at"
    options = sorted({flag for command in root.all() for option in _takes(command) for flag in option.flags})
    lines = [f"# Completions for {program}, made from its --help.", "",
             f"# {at} WORD…: whether the commands so far begin with these words; with --only: are these.", f"function {at}",
             "    set -l words", "    set -l skip", "    for word in (commandline -opc)[2..-1]", "        if set -q skip[1]",
             "            set skip", "            continue", "        end", "        switch $word",
             f"            case {' '.join(options)}", "                set skip yes", "            case '-*'", "            case '*'",
             "                set -a words $word", "        end", "    end", "    if test \"$argv[1]\" = --only",
             "        test \"$words\" = \"$argv[2..-1]\"", "    else", "        test \"$words[1..\"(count $argv)\"]\" = \"$argv\"", "    end",
             "end", "", f"complete -c {program} -f"]
    lines[lines.index("        test \"$words[1..\"(count $argv)\"]\" = \"$argv\"")] = \
        "        set -l depth (count $argv)\n        test \"$words[1..$depth]\" = \"$argv\""
    for command in root.all():
        only = f"-n '{at} --only {' '.join(command.path)}'".replace(" '", " '").replace("only '", "only'")
        where = "" if command is root else f"-n '{at} {' '.join(command.path)}' "
        for child in command.commands:
            lines.append(f"complete -c {program} {only} -a {child.path[-1]} -d {_fish_text(child.about.splitlines()[0])}")
        for option in command.options():
            names = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
            value = ""
            if option.choices:
                value = f" -x -a '{' '.join(option.choices)}'"
            elif option.value:
                value = " -rF" if option.value in FILES else " -x"
            lines.append(f"complete -c {program} {where}{names}{value} -d {_fish_text(option.text)}")
        if any(entry.value in FILES for entry in command.positionals()):
            lines.append(f"complete -c {program} {where}-F")
    return "\n".join([*lines, ""])
