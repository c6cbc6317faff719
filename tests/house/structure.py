"""House laws about how the C files hang together; each yields the problems that it finds."""

import collections
import os
import re

from tree import SHARED, tool

# --- circles -----------------------------------------------------------------------------------


def _objects(tree):
    """{C file: its object} for what make has built of the tree; objects of files that are no more
    are left out."""
    found = {}
    for folder in ("lib", "daemon"):
        for name in tree.glob(f"{folder}/**/*.c"):
            path = os.path.join(tree.build, name[:-1] + "o")
            if os.path.exists(path):
                found[name] = path
    return found


def _names(path):
    """The symbols that an object has for others, and those that it takes."""
    own, taken = set(), set()
    for line in tool(["nm", "-P", "-g", path]).stdout.splitlines():
        words = line.split()
        if len(words) >= 2:
            (taken if words[1] in "Uvw" else own).add(words[0])
    return own, taken


def _may_call(caller, called):
    """Programs share no symbols: each has a main() of its own."""
    return called.startswith("lib/") or called in (caller, *SHARED)


def _program(name):
    return "/".join(name.split("/")[:2])


def _calls(objects):
    """{file: {file: symbols that the first takes from the second}}"""
    names = {name: _names(path) for name, path in objects.items()}
    homes = collections.defaultdict(list)
    for name, (own, _) in names.items():
        for symbol in own:
            homes[symbol].append(name)
    calls = {name: collections.defaultdict(list) for name in objects}
    for name, (_, taken) in names.items():
        for symbol in sorted(taken):
            for home in homes[symbol]:
                if _may_call(_program(name), _program(home)):
                    calls[name][home].append(symbol)
    return calls


def _reached(calls, start):
    reached, waiting = set(), [start]
    while waiting:
        for name in calls[waiting.pop()]:
            if name not in reached:
                reached.add(name)
                waiting.append(name)
    return reached


def circles(tree):
    """Calls between files run one way, inside a room, too."""
    objects = _objects(tree)
    if not objects:
        yield f"{tree.build}: no objects"
        return
    calls = _calls(objects)
    reached = {name: _reached(calls, name) for name in objects}
    told = set()
    for name in sorted(objects):
        circle = sorted(other for other in reached[name] if name in reached[other])
        if not circle or name in told:
            continue
        told.update(circle)
        edges = [f"{one} -> {other} ({', '.join(calls[one][other])})"
                 for one in circle for other in circle if calls[one].get(other)]
        yield f"{', '.join(circle)} call each other in a circle: {'; '.join(edges)}"


# --- tables of words ---------------------------------------------------------------------------

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_ENUM = re.compile(r"\benum(?:\s+\w+)?\s*\{([^}]*)\}")
_TABLE = re.compile(r"\bconst char \*const (\w+)\[[^;={]*= (\{.*?\}|\w+);\s*(?:TABLE_HAS_EACH"
                    r"\((\w+), (\w+)\);)?", re.DOTALL)
_INDEX = re.compile(r"\[([A-Z]\w*)\] =")


def _enums(texts):
    """{value: all values of its enum}"""
    enums = {}
    for text in texts.values():
        for match in _ENUM.finditer(text):
            values = re.findall(r"(\w+)[^,]*", match[1])
            enums.update(dict.fromkeys(values, values))
    return enums


def _is_number(value):
    """Whether a value of an enum is the number of the others."""
    return value.startswith("NUM_") or value.endswith("_NUM")


def _table_problems(name, given, values, held):
    """`given`: the table's indices; `values`: its enum's; `held`: (table, value) of the
    TABLE_HAS_EACH() behind it."""
    if not values or not _is_number(values[-1]):
        yield f"the enum of {given[0]} does not end with the number of its values"
        return
    for value in values[:-1]:
        if value not in given:
            yield f"{name} has no word for {value}"
    if held != (name, values[-1]):
        yield f"TABLE_HAS_EACH({name}, {values[-1]}) must follow {name}"


def tables(tree):
    """A table of words has one for each value of the enum that is its index, and does not compile
    when a value is added to that."""
    texts = {name: _COMMENT.sub("", tree.read(name)) for name in tree.sources("lib", "daemon")}
    enums = _enums(texts)
    num = 0
    for name, text in texts.items():
        for match in _TABLE.finditer(text):
            words = match[2]
            if not words.startswith("{"):
                macro = re.search(rf"#define {words}\b((?:.*\\\n)*.*)", text)
                words = macro[1] if macro else ""
            given = _INDEX.findall(words)
            if given:
                num += 1
                for problem in _table_problems(match[1], given, enums.get(given[0]),
                                               (match[3], match[4])):
                    yield f"{name}: {problem}"
    if num == 0:
        yield "no tables of words found"
