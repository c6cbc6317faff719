"""compile_commands.json, from what `make -Bn` would run: how each C file of the tree is compiled.

    make -Bn ... | compile_commands.py FILE
"""

import json
import os
import shlex
import sys


def entries(commands):
    for command in commands:
        if ".c" not in command:
            continue
        words = shlex.split(command)
        sources = [word for word in words if word.endswith(".c")]
        if len(sources) == 1 and "-o" in words:
            yield {"directory": os.getcwd(), "file": sources[0], "arguments": words}


def main():
    commands = list(entries(sys.stdin))
    if not commands:
        print("compile_commands.py: no C file is compiled", file=sys.stderr)
        return 1
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(commands, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
