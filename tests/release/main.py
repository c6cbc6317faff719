"""Runs make in a fresh clone inside another Debian release.

    main.py --roots DIR --release NAME GOAL ...

NAME may be "other", the one of the two tested releases that this machine is not. The root in
DIR/NAME is made if it is missing, with make, git and what a mirror needs, and kept: what `make GOAL`
installs there is there the next time. The exit code is make's.
"""

import argparse
import os
import shlex
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab.process import LabError  # noqa: E402 pylint: disable=wrong-import-position
from lab.root import Root, clone_into, named_release  # noqa: E402 pylint: disable=wrong-import-position


def make(root, goals):
    """Makes them in a fresh clone inside; make's exit code."""
    root.make()
    clone_into(root.folder)
    goals = shlex.join(goals)
    began = time.monotonic()
    code = root.run(f"cd /root/postern && make {goals}", check=False)
    print(f"make {goals} on {root.release}: exit code {code}, "
          f"{(time.monotonic() - began) / 60:.1f} minutes")
    return code


def main():
    parser = argparse.ArgumentParser(description="make, inside another Debian release")
    parser.add_argument("--roots", required=True, help="the folder where roots are kept")
    parser.add_argument("--release", required=True, help="code name, or: here, other")
    parser.add_argument("goals", nargs="+", metavar="GOAL")
    arguments = parser.parse_args()
    try:
        root = Root(arguments.roots, named_release(arguments.release))
        with root.lock():
            return make(root, arguments.goals)
    except LabError as problem:
        print(f"release: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
