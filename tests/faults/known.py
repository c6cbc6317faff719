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


# The same for memory that a library loses each time; what our program does then goes on well.
LOSSES = (
    ("libconfuse", "3.3", ("cfg_setopt",),
     "loses the value that it was about to keep",
     "a few bytes in a reload that is refused; the parser's tree cannot be reached from outside"),
)


def fault_of(stack, rows=FAULTS):
    """The row for an allocation that failed under these callers, or None."""
    for row in rows:
        library, _, functions, *_ = row
        inside = {line.split()[1].partition("+")[0] for line in stack
                  if line.startswith(library + ".so")}
        if inside.issuperset(functions):
            return row
    return None
