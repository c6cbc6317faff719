"""clang-format and clang-tidy over the C files of the tree.

    clang.py format            lays the files out by .clang-format
    clang.py tidy [REGEX]      what .clang-tidy finds in the files that compile_commands.json has,
                               or in those whose name REGEX matches; exit code 1 if it finds any

Both programs are those of one release (tree.CLANG): what another one says differs. With another one
`format` fails, for it would change the whole tree, and `tidy` is skipped, and says so.
"""

import concurrent.futures
import json
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from tree import TOP, Skipped, Tree, clang_tool, tool  # noqa: E402 pylint: disable=wrong-import-position


def lay_out():
    names = Tree(TOP, "build").sources("lib", "daemon", "tests")
    done = tool([clang_tool("clang-format"), "-i", *names], cwd=TOP)
    print(done.stdout, end="")
    return done.returncode


def tidy(only):
    program = clang_tool("clang-tidy")
    with open(os.path.join(TOP, "compile_commands.json"), encoding="utf-8") as file:
        names = sorted({entry["file"] for entry in json.load(file)})
    names = [name for name in names if re.search(only, name)]

    def look_at(name):
        return tool([program, "--quiet", name], cwd=TOP)

    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in pool.map(look_at, names):
            if done.returncode != 0:
                bad += 1
                # What it counts in the headers of the system is of no interest.
                print(re.sub(r"^\d+ warnings?.*generated\.\n", "", done.stdout, flags=re.M), end="")
    print(f"clang-tidy: {len(names)} files, {bad} with findings")
    return bad != 0 or not names


def main():
    try:
        if sys.argv[1:] == ["format"]:
            return lay_out()
        if sys.argv[1:2] == ["tidy"] and len(sys.argv) <= 3:
            return tidy("".join(sys.argv[2:]))
    except Skipped as reason:
        print(f"clang.py: {sys.argv[1]}: {reason}")
        return sys.argv[1] == "format"
    print("usage: clang.py format | clang.py tidy [REGEX]", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
