"""What every test program ends with: one line in the form of the library Check, and the exit code."""

import re
import unittest

# So many tests that failed may run once more, alone: with more, the machine is not the cause.
SECOND_TRIES = 2


def close(checks, failures, errors=0):
    """Prints the closing line; the exit code, which is 0 if there were checks and all are well."""
    good = max(checks - failures - errors, 0)
    print(f"{100 * good // max(checks, 1)}%: Checks: {checks}, Failures: {failures}, "
          f"Errors: {errors}", flush=True)
    return 0 if checks and good == checks else 1


def tests_in(suite):
    """The single tests of a suite of suites."""
    for each in suite:
        if isinstance(each, unittest.TestSuite):
            yield from tests_in(each)
        else:
            yield each


def tests_again(identifier):
    """The name of what runs once more after a problem of this test: "test_file.Class.test"; of a
    class that could not be set up, "setUpClass (test_file.Class)", the whole class."""
    return re.sub(r"^\w+ \((.*)\)$", r"\1", identifier)


def names_for_second_try(identifiers):
    """Such names of all these tests, sorted; none if there are too many."""
    names = sorted({tests_again(each) for each in identifiers})
    return names if len(names) <= SECOND_TRIES else []


def pattern_of(name):
    """The regular expression for this test, or for all tests of this class."""
    return rf"^{re.escape(name)}(\.|$)"
