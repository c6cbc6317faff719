"""Faults of libraries that remain: where a failed allocation ends our program inside one.

An end that fits no row fails the test; a row that no release needs is removed. docs/design.md
("When there is no memory") tells them to the reader.
"""

# library, version that was seen to do it, the functions under which the allocation failed, what it
# does, why it stays
FAULTS = (
    ("libcrypto", "3.5", ("CRYPTO_THREAD_lock_new", "OPENSSL_init_crypto"),
     "waits for itself for ever when its first allocations fail",
     "at start only; raising the error begins the initialisation again that it belongs to"),
)


def fault_of(stack):
    """The row for an allocation that failed under these callers, or None."""
    for row in FAULTS:
        library, _, functions, *_ = row
        inside = {line.split()[1].partition("+")[0] for line in stack
                  if line.startswith(library + ".so")}
        if inside.issuperset(functions):
            return row
    return None
