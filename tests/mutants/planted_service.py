"""Planted changes of what a supervisor passes and how it is shared."""

from planted import in_file

ALL = in_file(
    "lib/net/spread.c",
    ("spread: surplus sockets are served", "spread", "(num - worker - 1) / num_workers + 1",
     "1"),
    ("spread: no worker has one too many", "spread", "(num - worker - 1) / num_workers + 1",
     "(num + num_workers - 1) / num_workers"),
    ("spread: too few sockets are shared", "spread", "(worker + i * num_workers) % num",
     "worker + i * num_workers"),
    ("spread: every socket has a worker", "spread", "(worker + i * num_workers)", "(worker + i)"),
) + in_file(
    "lib/net/passed.c",
    ("passed: only digits", "passed", "digit > 9 || ", ""),
    ("passed: a number is bounded", "passed", "number > (max - digit) / 10",
     "number > max / 10"),
    ("passed: an empty text is no number", "passed", "return *text != '\\0';", "return true;"),
    ("passed: a long name is cut", "passed", "out[len < room ? len : room] = '\\0';",
     "out[room - 1] = '\\0';"),
    ("passed: a name may be empty", "passed", "*names += **names == ':';",
     "*names += strspn(*names, \":\");"),
    ("passed: a name is written in one way", "passed", "return strcmp(again, name) == 0;",
     "return true;"),
    ("passed: a serial number has a next one", "passed", "UINT64_MAX - 1, out", "UINT64_MAX, out"),
)
