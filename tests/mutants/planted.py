"""The planted changes: each breaks one rule, and names the check that must see it."""

import collections

# `old` stands exactly once in `file`; `check` is HELLOS, MORE_HELLOS or a suite of the unit program.
Planted = collections.namedtuple("Planted", "rule file old new check")

# The differential test with as many hellos as `make check` gives it, and with more.
HELLOS = "differential 2000"
MORE_HELLOS = "differential 9000"


def applies(planted, text):
    """Whether the change can be made in `text`, its file."""
    return text.count(planted.old) == 1 and planted.old != planted.new


def in_file(file, *rows):
    """`rows`: (rule, check, old, new)"""
    return tuple(Planted(rule, file, old, new, check) for rule, check, old, new in rows)
