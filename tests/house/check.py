"""House laws: what must hold for the sources as a whole, whatever they do.

    check.py BUILD

BUILD is what make has built of the tree, without sanitizers. Each law (laws.py) is held against
the tree; then each planted violation (plants.py) against a copy, where the law must see it. The
last line has Check's form; the exit code is 0 if all is well.
"""

import os
import shutil
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

import laws  # noqa: E402 pylint: disable=wrong-import-position
import plants  # noqa: E402 pylint: disable=wrong-import-position
from lab import tally  # noqa: E402 pylint: disable=wrong-import-position
from tree import FOLDERS, TOP, Skipped, Tree  # noqa: E402 pylint: disable=wrong-import-position


class Result:
    def __init__(self):
        self.checks = 0
        self.failures = 0
        self.errors = 0
        self.skipped = set()

    def hold(self, law, problems):
        """Counts a check, and returns the problems that `problems()` finds."""
        name = law.__name__
        try:
            found = problems()
        except Skipped as reason:
            self._skip(name, reason)
            return None
        except Exception:  # pylint: disable=broad-except
            self.checks += 1
            self.errors += 1
            print(f"house: {name}: broken\n{traceback.format_exc()}", end="")
            return None
        self.checks += 1
        self.failures += bool(found)
        for problem in found:
            print(f"house: {name}: {problem}")
        return found

    def _skip(self, name, reason):
        if name not in self.skipped:
            print(f"house: {name}: skipped: {reason}")
        self.skipped.add(name)

    def close(self):
        return tally.close(self.checks, self.failures, self.errors)


def copy_tree(tree, directory):
    """A copy to plant in, with what the laws read of the build."""
    build = os.path.join(directory, "build")
    os.mkdir(build)
    for name in ("libpostern.a", "posternd", "postern-milter"):
        shutil.copy(os.path.join(tree.build, name), build)
    for folder in ("lib", "daemon"):
        shutil.copytree(os.path.join(tree.build, folder), os.path.join(build, folder),
                        ignore=shutil.ignore_patterns("*.d"))
    for folder in FOLDERS:
        shutil.copytree(tree.path(folder), os.path.join(directory, folder),
                        ignore=shutil.ignore_patterns("__pycache__"))
    for name in tree.glob(".clang-format", "Makefile", "*.md"):
        shutil.copy(tree.path(name), directory)
    return Tree(directory, build)


def unseen(tree, law, before, plant, expected):
    """What is wrong when a law is held against a copy with a violation in it; `before`: what it
    finds without."""
    with tempfile.TemporaryDirectory(prefix="postern-house-") as directory:
        copy = copy_tree(tree, directory)
        plant(copy)
        # The copy's rooms may have been changed.
        found = set(law(Tree(directory, copy.build))) - set(before)
    if not found:
        return [f"does not see a planted violation ({expected})"]
    if not any(expected in problem for problem in found):
        return [f"sees a planted violation as {sorted(found)[0]!r}, not as {expected!r}"]
    return []


def main():
    if len(sys.argv) != 2:
        print("usage: check.py BUILD", file=sys.stderr)
        return 2
    tree = Tree(TOP, sys.argv[1])
    result = Result()
    before = {law: result.hold(law, lambda law=law: list(law(tree))) for law in laws.LAWS}
    for law, plant, expected in plants.PLANTS:
        if before[law] is not None:
            result.hold(law, lambda case=(law, before[law], plant, expected): unseen(tree, *case))
    return result.close()


if __name__ == "__main__":
    sys.exit(main())
