"""What every test program ends with: one line in the form of the library Check, and the exit code."""

import unittest


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
