"""The house laws, one function each: it yields the problems that it finds in a tree."""

import os
import re
import sys
import tempfile

import language
import structure
from tree import SHARED, TOP, clang_tool, compiler, table, tool

sys.path.insert(0, os.path.join(TOP, "tests/mutants"))

import rows  # noqa: E402 pylint: disable=wrong-import-position
from planted import applies  # noqa: E402 pylint: disable=wrong-import-position

# A file has about 500 lines. Up to this many one may grow before it is split, so that a repair
# need not move half a file in the same change.
LINES_MAX = 600

# Parts of other targets.
UNLISTED_TARGETS = {"all", "help", "root-needed", "fuzz-targets"}

# The exposure that systemd-analyze may give the unit, times ten.
EXPOSURE_MAX = 20

# What lib/ may include from the system, and which room alone where it is not pure by itself.
SYSTEM_HEADERS = {
    "assert.h": None, "ctype.h": None, "inttypes.h": None, "limits.h": None, "stdarg.h": None,
    "stdbool.h": None, "stddef.h": None, "stdint.h": None, "stdio.h": None, "stdlib.h": None,
    "string.h": None, "strings.h": None, "sys/queue.h": None, "arpa/inet.h": "addr",
    "jansson.h": "asjson", "unicase.h": "policy", "unistr.h": "policy",
}

# Named first in a report: the headers that lib/ must never see.
FORBIDDEN = re.compile(r"/(openssl|event2|sys)/|/(syslog|time|unistd|pthread|fcntl|poll|netdb|"
                       r"signal)\.h$")

# Who does without libssl, which is for daemon/tls and those above it.
WITHOUT_LIBSSL = ("daemon/common", "daemon/postern-milter")

PREPROCESS = ["-std=c17", "-D_GNU_SOURCE", "-I."]


def symbols(tree):
    """lib/ takes nothing from outside but what is listed."""
    allowed = {row[0]: row[1:] for row in table(tree.path("tests/house/lib-symbols"))}
    archive = os.path.join(tree.build, "libpostern.a")
    listing = tool(["nm", "-A", "-P", archive])
    if listing.returncode != 0:
        yield listing.stdout.strip()
        return
    own = set()
    taken = []
    for line in listing.stdout.splitlines():
        match = re.match(r".*\[(.+)\]: (\S+) ([A-Za-z])", line)
        if not match:
            continue
        if match[3] in "Uvw":
            taken.append((match[1], match[2]))
        elif match[3].isupper():
            own.add(match[2])
    if not own:
        yield f"{archive}: no symbols"
    for member, symbol in taken:
        if symbol in own:
            continue
        if symbol not in allowed:
            yield f"{member}: takes {symbol}, which is not in tests/house/lib-symbols"
        elif allowed[symbol] and tree.room_of_object(member) not in allowed[symbol]:
            yield f"{member}: takes {symbol}, which is for {', '.join(allowed[symbol])} only"


def _read_by_compiler(tree, arguments, **options):
    """{file: headers that the compiler reads for it, directly or not}, and its errors."""
    done = tool([*compiler(), *PREPROCESS, "-M", "-xc", *arguments], cwd=tree.top, **options)
    files = {}
    errors = []
    for line in done.stdout.replace("\\\n", " ").splitlines():
        match = re.match(r"(?:\S+\.o|-): +(\S+)(.*)", line)
        if match:
            files[match[1]] = {os.path.normpath(path) for path in [match[1], *match[2].split()]}
        elif "error:" in line:
            errors.append(line)
    if done.returncode != 0 and not errors:
        errors.append(done.stdout.strip())
    return files, errors


def _of_system(tree, room):
    """What a room may see: the headers allowed to it, and all that these include."""
    text = "".join(f"#include <{header}>\n" for header, only in SYSTEM_HEADERS.items()
                   if only in (None, room))
    files, errors = _read_by_compiler(tree, ["-"], input=text)
    return set().union(*files.values()), errors


def headers(tree):
    """lib/ sees no header of the system but a few, neither directly nor through another."""
    may = {}
    for room in {None, *SYSTEM_HEADERS.values()}:
        may[room], errors = _of_system(tree, room)
        yield from errors
    files, errors = _read_by_compiler(tree, tree.glob("lib/**/*.c", "lib/**/*.h"))
    yield from errors
    for name, seen in files.items():
        room = tree.room(name)
        allowed = may[room.name if room and room.name in may else None]
        outside = sorted(path for path in seen - allowed if not path.startswith("lib/"))
        outside.sort(key=lambda path: not FORBIDDEN.search(path))
        if outside:
            yield f"{name}: includes {', '.join(outside[:2])}"


def includes(tree):
    """Includes run one way: only rooms above, and no program includes another one."""
    for name in tree.sources("lib", "daemon"):
        mine = tree.room(name)
        if mine is None:
            yield f"{name}: no room of tests/house/rooms holds it"
            continue
        for line, header in tree.includes(name):
            if header.startswith("<"):
                if header.startswith("<openssl/") and mine.program in WITHOUT_LIBSSL:
                    yield f"{name}:{line}: {mine.program} calls no libssl: {header}"
                continue
            room = tree.room(header)
            if room is None or not os.path.exists(tree.path(header)):
                yield f"{name}:{line}: {header} is in no room"
            elif room.program not in ("lib", mine.program, *SHARED):
                yield f"{name}:{line}: {room.program} is a program of its own: {header}"
            elif room.program == "daemon/tls" and mine.program in WITHOUT_LIBSSL:
                yield f"{name}:{line}: {mine.program} calls no libssl: {header}"
            elif room.rank > mine.rank:
                yield f"{name}:{line}: {mine} comes before {room}: {header}"


def libraries(tree):
    """postern-milter takes nothing from libssl and libcrypto."""
    program = os.path.join(tree.build, "postern-milter")
    done = tool(["readelf", "-d", program])
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", done.stdout)
    if not needed:
        yield f"{program}: {done.stdout.strip() or 'no libraries'}"
    for name in needed:
        if re.match(r"lib(ssl|crypto)\b", name):
            yield f"postern-milter: linked with {name}"


def wholeness(tree):
    """Every room of the list has files, so that the list tells the truth."""
    for room in tree.rooms:
        for stem in [room.name, *room.files]:
            if not tree.glob(f"{room.folder}/{stem}.*", f"{room.folder}/{stem}_*.*"):
                yield f"tests/house/rooms: {room.folder} has no {stem}"


def lengths(tree):
    """No file grows without end."""
    names = tree.sources("lib", "daemon", "tests")
    for name in names + tree.glob("tests/**/*.py", "lib/**/*.inc"):
        lines = tree.read(name).count("\n")
        if lines > LINES_MAX:
            yield f"{name}: {lines} lines, {LINES_MAX} are the most"


def unit_tests(tree):
    """Every .c file of lib/ has a test of its own or of its room, and every test is run."""
    tests = {os.path.basename(name)[len("test_"):-len(".c")]
             for name in tree.glob("tests/unit/test_*.c")}
    for name in tree.glob("lib/**/*.c"):
        stem = os.path.basename(name)[:-len(".c")]
        room = tree.room(name)
        # A part of a room, X_part.c, is tested through X.
        if stem not in tests and not (room and stem.startswith(room.name + "_")
                                      and room.name in tests):
            yield f"{name}: no tests/unit/test_{stem}.c"
    run = set(re.findall(r"^SUITE\((\w+)\)", tree.read("tests/unit/suites.h"), re.MULTILINE))
    for suite in sorted(tests ^ run):
        yield f"tests/unit/suites.h: {suite} " + ("is not listed" if suite in tests
                                                  else "has no file")


def mutants(tree):
    """Every planted change of tests/mutants still has its place in the sources."""
    texts = {}
    for row in rows.ALL:
        if row.file not in texts:
            exists = os.path.exists(tree.path(row.file))
            texts[row.file] = tree.read(row.file) if exists else ""
        if not applies(row, texts[row.file]):
            yield f"tests/mutants: {row.rule}: its place is not in {row.file} exactly once"


def manuals(tree):
    """Manual pages are clean for mandoc."""
    pages = tree.glob("man/*.[1-9]")
    if not pages:
        yield "man/: no pages"
    done = tool(["mandoc", "-T", "lint", "-W", "warning", *pages], cwd=tree.top)
    yield from done.stdout.splitlines()
    if done.returncode != 0 and not done.stdout:
        yield f"mandoc: exit code {done.returncode}"


def options(tree):
    """A program's options of one letter are those of its manual page."""
    daemons = "daemon/common/options.c"
    for program, main in (("posternd", daemons), ("postern-milter", daemons),
                          ("posternctl", "daemon/posternctl/main.c")):
        words = re.search(r'getopt(?:_long)?\(argc, argv, "([^"]*)"', tree.read(main))
        if not words:
            yield f"{main}: no getopt()"
            continue
        taken = set(re.findall(r"\w", words[1]))
        told = set(re.findall(r"^\.It Fl (\w)", tree.read(f"man/{program}.8"), re.MULTILINE))
        for option in sorted(taken ^ told):
            yield (f"man/{program}.8: -{option} is missing" if option in taken
                   else f"man/{program}.8: -{option} is no option of {program}")


def targets(tree):
    """Every target that is named to a reader exists, and the Makefile's list has all of them."""
    makefile = tree.read("Makefile")
    head = makefile.partition("\n\n")[0]
    rules = set(re.findall(r"^([a-z][\w.-]*):(?!=)", makefile, re.MULTILINE))
    listed = set(re.findall(r"^# +make +([a-z][\w.-]*)(?=\s)", head, re.MULTILINE))
    for name in sorted(listed - rules):
        yield f"Makefile: its list names {name}, which is no target"
    for name in sorted(rules - listed - UNLISTED_TARGETS):
        yield f"Makefile: its list does not name {name}"
    for page in (".ci/run", *tree.glob("*.md")):
        for name in re.findall(r"(?:^|`|step )make(?: -\S+)* ([a-z][\w.-]*)", tree.read(page), re.MULTILINE):
            if name not in rules and not name.startswith("packages-"):
                yield f"{page}: make {name} is no target"


def packages(tree):
    """What is installed is listed in tests/lab/packages, and what is listed there is installed."""
    listed = {row[0] for row in table(tree.path("tests/lab/packages"))}
    used = set(re.findall(r"packages-(\w+)", tree.read("Makefile") + tree.read(".ci/run")))
    # Installed in the system that is booted.
    used.add("system")
    for name in sorted(listed ^ used):
        yield (f"tests/lab/packages: nothing installs {name}" if name in listed
               else f"Makefile: packages-{name} is not in tests/lab/packages")
    # What is reinstalled is installed already.
    installs = re.compile(r"\bapt(-get)?\b.*\binstall\b(?! --reinstall)")
    for name in ("Makefile", *tree.glob(".ci/*", ".githooks/*", "*.md", "tests/**/*")):
        if name.startswith("tests/") and not name.endswith((".py", ".sh")):
            continue
        for number, line in enumerate(tree.read(name).splitlines(), 1):
            if installs.search(line) and not name.startswith("tests/house/"):
                yield f"{name}:{number}: tests/lab/install-packages installs what is needed"


def scripts(tree):
    """Shell scripts are clean for shellcheck."""
    shells = []
    for name in tree.glob(".ci/*", ".githooks/*", "tests/**/*", "conf/**/*"):
        with open(tree.path(name), "rb") as file:
            if re.match(rb"#!.*\b(ba|da)?sh\b", file.readline(200)):
                shells.append(name)
    if not shells:
        yield "no scripts found"
        return
    done = tool(["shellcheck", "-f", "gcc", *shells], cwd=tree.top)
    yield from done.stdout.splitlines()


def layout(tree):
    """C files are laid out by .clang-format."""
    done = tool([clang_tool("clang-format"), "--dry-run", "-Werror", *tree.sources("lib", "daemon", "tests")],
                cwd=tree.top)
    yield from sorted({line.partition(":")[0] + ": not laid out by clang-format"
                       for line in done.stdout.splitlines() if ": error:" in line})
    if done.returncode != 0 and ": error:" not in done.stdout:
        yield done.stdout.strip()


def units(tree):
    """systemd takes the units as they are, and finds little exposed."""
    names = tree.glob("systemd/*.service")
    if not names:
        yield "systemd/: no units"
    for name in names:
        text = tree.read(name).replace("@SBINDIR@", tree.build)
        if not re.search(r"^User=(?!root$|0$)\w", text, re.MULTILINE):
            yield f"{name}: runs as root"
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, os.path.basename(name))
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            yield from _complaints(path)


def _complaints(path):
    done = tool(["systemd-analyze", "--no-pager", "--man=no", "verify", path])
    if done.returncode != 0 or done.stdout.strip():
        yield from done.stdout.splitlines() or [f"exit code {done.returncode}"]
    done = tool(["systemd-analyze", "--no-pager", "security", "--offline=true",
                 f"--threshold={EXPOSURE_MAX}", path])
    if done.returncode != 0:
        yield (done.stdout.strip().splitlines() or [""])[-1] + (
            f"; {EXPOSURE_MAX / 10} is the most")


LAWS = (symbols, headers, includes, structure.circles, structure.tables, libraries, wholeness,
        lengths, unit_tests, mutants, manuals, options, targets, packages, scripts, layout,
        units, language.words)
