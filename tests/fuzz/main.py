"""Runs the fuzz targets.

    main.py --build DIR --seconds N

Each fuzz_NAME in DIR runs for N seconds from the inputs in corpus/NAME, which stay as they are:
some are written by hand, and found-NN are those of longer runs that add two edges or more each, so
that a short run begins where the long ones had got to. It fails if the target crashes, hangs or
leaks, or reaches fewer edges than the file floors wants. An input that made it fail is left in DIR.
The last line has Check's form; the exit code is 0 if all is well.
"""

import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from lab import tally  # noqa: E402 pylint: disable=wrong-import-position

# Seconds for one input, and MiB for the target.
INPUT_TIMEOUT = 10
MEMORY = 2048


def floors():
    with open(os.path.join(HERE, "floors"), encoding="ascii") as file:
        rows = [line.split() for line in file if line.strip() and not line.startswith("#")]
    return {name: int(edges) for name, edges in rows}


def fuzz(binary, name, seconds):
    """(exit code, edges reached, the target's output)"""
    with tempfile.TemporaryDirectory() as found:
        command = [binary, f"-max_total_time={seconds}", f"-timeout={INPUT_TIMEOUT}",
                   f"-rss_limit_mb={MEMORY}", f"-artifact_prefix={binary}-",
                   "-max_len=16384", "-print_final_stats=1", found,
                   os.path.join(HERE, "corpus", name)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
    output = done.stdout.decode("utf-8", "backslashreplace")
    edges = [int(each) for each in re.findall(r"\bcov: (\d+)", output)]
    return done.returncode, max(edges, default=0), output


def main():
    parser = argparse.ArgumentParser(prog="main.py", description="postern's fuzz targets")
    parser.add_argument("--build", required=True, help="where the targets are")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    arguments = parser.parse_args()
    wanted = floors()
    names = [os.path.basename(path)[len("fuzz_"):-len(".c")]
             for path in sorted(glob.glob(os.path.join(HERE, "fuzz_*.c")))]
    failures = 0
    for name in names:
        binary = os.path.join(os.path.abspath(arguments.build), "fuzz_" + name)
        code, edges, output = fuzz(binary, name, arguments.seconds)
        good = code == 0 and edges >= wanted.get(name, sys.maxsize)
        failures += not good
        print(f"fuzz_{name}: {edges} edges, at least {wanted.get(name, 'a row in floors')} wanted; "
              f"exit code {code}", flush=True)
        if not good:
            print("\n".join("    " + line for line in output.splitlines()[-60:]), flush=True)
    return tally.close(len(names), failures)


if __name__ == "__main__":
    sys.exit(main())
