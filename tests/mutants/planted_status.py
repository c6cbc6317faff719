"""Planted changes of what posternctl says about the running posternd."""

from planted import in_file

SPANS = in_file(
    "lib/admin/span.c",
    ("spans: two of a unit are enough for it", "span",
     "seconds >= 2 * units[i].seconds", "seconds > 2 * units[i].seconds"),
    ("spans: one has no plural", "span", 'num == 1 ? "" : "s"', 'num == 0 ? "" : "s"'),
    ("spans: what has expired is called so", "span", "if (days < 0) {", "if (days < -1) {"),
    ("spans: the last day is today", "span", "} else if (days == 0) {", "} else if (false) {"),
    ("spans: a certificate is marked for 14 days", "span",
     "days < SPAN_SOON_DAYS", "days < SPAN_SOON_DAYS - 1"),
)

IN_FORCE = in_file(
    "lib/admin/inforce.c",
    ("in force: contents are compared", "inforce",
     "strcmp(file->served, file->present) == 0 ?", "true ?"),
    ("in force: what cannot be read is not compared", "inforce",
     "return INFORCE_NOT_COMPARED;", "return INFORCE_SAME;"),
    ("in force: what was never loaded is not served", "inforce",
     "return INFORCE_NOT_SERVED;", "return INFORCE_SAME;"),
    ("in force: a new chain is not a new certificate", "inforce",
     "strcmp(c->served.sha256, c->present.sha256) != 0", "true"),
    ("in force: a newer certificate is called so", "inforce", "order > 0 ?", "order < 0 ?"),
    ("in force: two of the same time are not older and newer", "inforce",
     "if (order != 0) {", "if (true) {"),
    ("in force: both files are named", "inforce",
     "chain == INFORCE_CHANGED && key == INFORCE_CHANGED", "false"),
    ("in force: a changed key is seen", "inforce", "key > chain ?", "false ?"),
    ("in force: a change is worse than what cannot be read", "inforce",
     "key > chain ?", "key >= chain ?"),
    ("in force: control characters do not reach a terminal", "inforce",
     "data.data[i] >= ' ' && data.data[i] < 0x7f", "data.data[i] < 0x7f"),
    ("in force: nor do other bytes", "inforce",
     "data.data[i] >= ' ' && data.data[i] < 0x7f", "data.data[i] >= ' ' && data.data[i] != 0x7f"),
    ("in force: a blank is printable", "inforce",
     "data.data[i] >= ' ' &&", "data.data[i] > ' ' &&"),
    ("in force: a tilde is printable", "inforce", "data.data[i] < 0x7f", "data.data[i] < 0x7e"),
    ("in force: one line of a file", "inforce", " && data.data[i] != '\\n'", ""),
    ("in force: a line has a bound", "inforce", " && i < max", ""),
)

ALL = SPANS + IN_FORCE
