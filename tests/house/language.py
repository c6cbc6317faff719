"""The law about the words of what users and contributors read (tests/house/words)."""

import re

# What is read as it is, without code that is no text.
PAGES = ("README.md", "NEWS.md", "CONTRIBUTING.md", "SECURITY.md", "docs/**/*.md", "man/*.[1-9]",
         "conf/*.conf", "conf/hooks/*")

# Comments and strings of C; adjacent strings are one.
_C = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*"""
                r"""|(?P<character>'(?:[^'\\\n]|\\.)+')""", re.DOTALL)

# What may be between two words of a text: also a line's end in a comment, in a string, or between
# two strings.
_BETWEEN = r'(?:[\s*#"]|\\n)+'


def _rows(tree):
    for line in tree.read("tests/house/words").splitlines():
        wrong, arrow, right = line.partition("->")
        if arrow and not line.startswith("#"):
            yield wrong.strip(), right.strip()


def _pattern(wrong):
    words = _BETWEEN.join(re.escape(word) for word in wrong.split())
    return re.compile((r"(?<![\w-])" if wrong[0].isalnum() else "") + words
                      + (r"(?![\w'-])" if wrong[-1].isalnum() else ""), re.IGNORECASE)


def _spans(name, text):
    if not name.endswith((".c", ".h", ".inc")):
        return [(0, len(text))]
    return [match.span() for match in _C.finditer(text) if not match["character"]]


def words(tree):
    """What people read has none of the words that are always wrong."""
    rows = [(wrong, right, _pattern(wrong)) for wrong, right in _rows(tree)]
    if not rows:
        yield "tests/house/words: no rows"
    for name in (tree.glob(*PAGES, "lib/**/*.inc") + tree.sources("lib", "daemon")):
        text = tree.read(name)
        for start, end in _spans(name, text):
            for wrong, right, pattern in rows:
                for match in pattern.finditer(text, start, end):
                    line = text.count("\n", 0, match.start()) + 1
                    yield f'{name}:{line}: "{wrong}": write: {right}'
