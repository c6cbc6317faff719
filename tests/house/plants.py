"""Violations of the house laws, each planted into a copy of the tree: the law must see it."""

import os
import shutil
import subprocess

import laws
import structure
from tree import compiler


def _append(name, text):
    def plant(tree):
        with open(tree.path(name), "a", encoding="utf-8") as file:
            file.write(text)
    return plant


def _write(name, text):
    def plant(tree):
        with open(tree.path(name), "w", encoding="utf-8") as file:
            file.write(text)
    return plant


def _replace(name, old, new):
    def plant(tree):
        text = tree.read(name)
        if old not in text:
            raise ValueError(f"{name} has no {old!r}")
        _write(name, text.replace(old, new))(tree)
    return plant


def _remove(name):
    def plant(tree):
        os.remove(tree.path(name))
    return plant


def _object(member, code):
    """Adds an object to the copy's libpostern.a."""
    def plant(tree):
        path = os.path.join(tree.build, member)
        subprocess.run([*compiler(), "-xc", "-c", "-o", path, "-"], input=code, text=True,
                       check=True)
        subprocess.run(["ar", "r", os.path.join(tree.build, "libpostern.a"), path], check=True)
    return plant


def _files(**codes):
    """C files in lib/, named folder__stem, with what make would build of them."""
    def plant(tree):
        for name, code in codes.items():
            name = f"lib/{name.replace('__', '/')}"
            _write(f"{name}.c", code)(tree)
            subprocess.run([*compiler(), "-c", "-o", os.path.join(tree.build, f"{name}.o"),
                            tree.path(f"{name}.c")], check=True)
    return plant


# (law, what is planted, a part of the problem that it must report)
PLANTS = (
    (laws.symbols, _object("planted.o", "long time(long *); long f(void) { return time(0); }"),
     "planted.o: takes time"),
    (laws.symbols, _object("line_planted.o", "void *malloc(unsigned long); "
                           "void *f(void) { return malloc(9); }"),
     "line_planted.o: takes malloc"),
    (laws.symbols, _object("asjson_planted.o", "int json_loads(void); "
                           "int f(void) { return json_loads(); }"),
     "asjson_planted.o: takes json_loads"),
    (laws.symbols, _object("planted.o", "extern void *stderr; void *f(void) { return stderr; }"),
     "planted.o: takes stderr"),
    (laws.headers, _append("lib/smtp/line.c", "#include <unistd.h>\n"), "unistd.h"),
    (laws.headers, _append("lib/tls/names.h", "#include <time.h>\n"), "time.h"),
    (laws.headers, _append("lib/tls/hello.c", "#include <openssl/ssl.h>\n"), "openssl/"),
    (laws.headers, _append("lib/base/text.c", "#include <syslog.h>\n"), "syslog.h"),
    (laws.headers, _append("lib/base/text.c", "#define H <event2/event.h>\n#include H\n"),
     "event2/event.h"),
    (laws.headers, _append("lib/smtp/gate.c", "#include <sys/socket.h>\n"), "sys/socket.h"),
    (laws.headers, _append("lib/smtp/gate.c", "#include <arpa/inet.h>\n"), "lib/smtp/gate.c"),
    (laws.includes, _append("lib/base/bytes.h", '#include "lib/net/addr.h"\n'),
     "lib/base/bytes comes before lib/net/addr"),
    (laws.includes, _append("lib/smtp/line.c", '#include "lib/smtp/gate.h"\n'),
     "lib/smtp/line comes before lib/smtp/gate"),
    (laws.includes, _append("lib/admin/conf.c", '#include "daemon/common/log.h"\n'),
     "lib/admin/conf comes before daemon/common/log"),
    (laws.includes, _append("daemon/common/log.c", '#include "daemon/posternd/session.h"\n'),
     "daemon/posternd is a program of its own"),
    (laws.includes, _append("daemon/posternctl/main.c", '#include "daemon/posternd/side.h"\n'),
     "daemon/posternd is a program of its own"),
    (laws.includes, _append("daemon/postern-milter/main.c", '#include "daemon/tls/libssl.h"\n'),
     "daemon/postern-milter calls no libssl"),
    (laws.includes, _append("daemon/common/log.c", "#include <openssl/err.h>\n"),
     "daemon/common calls no libssl"),
    (structure.circles,
     _files(base__text_planted="int b(void); int a(void) { return b(); }",
            base__text_other="int a(void); int b(void) { return a(); }"),
     "lib/base/text_other.c -> lib/base/text_planted.c (a); "
     "lib/base/text_planted.c -> lib/base/text_other.c (b)"),
    (structure.circles,
     _files(base__text_planted="int b(void); int a(void) { return b(); }",
            tls__hello_planted="int c(void); int b(void) { return c(); }",
            smtp__line_planted="int a(void); int c(void) { return a(); }"),
     "lib/base/text_planted.c -> lib/tls/hello_planted.c (b)"),
    (structure.tables, _replace("lib/tls/handshake.h", "    NUM_HANDSHAKE_FAILURES,\n",
                                "    HANDSHAKE_PLANTED,\n    NUM_HANDSHAKE_FAILURES,\n"),
     "words has no word for HANDSHAKE_PLANTED"),
    (structure.tables, _replace("lib/tls/handshake.h", "    NUM_HANDSHAKE_FAILURES,\n",
                                "    NUM_HANDSHAKE_FAILURES,\n    HANDSHAKE_PLANTED,\n"),
     "does not end with the number of its values"),
    (structure.tables, _replace("lib/tls/facts.c", "TABLE_HAS_EACH(words, NUM_TLS_TRUSTS);", ""),
     "TABLE_HAS_EACH(words, NUM_TLS_TRUSTS) must follow words"),
    (laws.libraries, lambda tree: shutil.copy(os.path.join(tree.build, "posternd"),
                                              os.path.join(tree.build, "postern-milter")),
     "linked with libssl"),
    (laws.includes, _append("lib/net/addr.c", '#include "tests/unit/dialogue.h"\n'),
     "is in no room"),
    (laws.includes, _write("lib/net/planted.c", ""), "lib/net/planted.c: no room"),
    (laws.wholeness, _append("tests/house/rooms", "lib/net planted\n"), "has no planted"),
    (laws.lengths, _append("lib/smtp/line.c", "\n" * laws.LINES_MAX), "lib/smtp/line.c"),
    (laws.unit_tests, _write("lib/net/planted.c", ""), "no tests/unit/test_planted.c"),
    (laws.unit_tests, _remove("tests/unit/test_line.c"), "lib/smtp/line.c"),
    (laws.unit_tests, _write("tests/unit/test_planted.c", ""), "planted is not listed"),
    (laws.mutants, _replace("lib/tls/sni.c", "found == NULL && dot", "dot && found == NULL"),
     "exact before wildcard: its place"),
    (laws.mutants, _remove("lib/tls/sni.c"), "exact before wildcard: its place"),
    (laws.manuals, _append("man/posternd.8", ".Sh\n.Xx\n"), "man/posternd.8"),
    (laws.options, _replace("man/posternd.8", ".It Fl t", ".It Fl x"), "-t is missing"),
    (laws.options, _replace("daemon/common/options.c", '"c:tV"', '"c:V"'), "-t is no option"),
    (laws.options, _replace("daemon/common/options.c", '"c:tV"', '"c:tVx"'),
     "man/postern-milter.8: -x is missing"),
    (laws.targets, _replace("Makefile", "#   make bench ", "#   make wrench "), "wrench, which is no target"),
    (laws.targets, _replace("Makefile", "#   make bench ", "#   "), "does not name bench"),
    (laws.targets, _append("CONTRIBUTING.md", "Run `make planted`.\n"), "make planted is no target"),
    (laws.packages, _append("tests/lab/packages", "planted make\n"), "nothing installs planted"),
    (laws.packages, _replace("Makefile", "packages-coverage", "packages-planted"),
     "packages-planted is not in"),
    (laws.packages, _append("README.md", "apt-get install make\n"), "README.md"),
    (laws.scripts, _append(".ci/run", "for x in $(ls *.c); do echo $y; done\n"), ".ci/run"),
    (laws.scripts, _append("conf/hooks/postern-renew", "echo $planted\n"), "conf/hooks/postern-renew"),
    (laws.layout, _append("lib/smtp/line.c", "int  planted ;\n"), "lib/smtp/line.c"),
    (laws.units, _append("systemd/postern.service", "[Service]\nNoSuchOption=yes\n"),
     "NoSuchOption"),
    (laws.units, _replace("systemd/postern.service", "User=postern\n", ""), "runs as root"),
    (laws.units, _replace("systemd/postern-milter.service", "User=postern\n", ""),
     "systemd/postern-milter.service: runs as root"),
    (laws.units, _replace("systemd/postern.service", "\nSystemCallFilter=", "\n#"),
     "2.0 is the most"),
    (laws.language.words, _append("README.md", "\nTLS is checked at the start, too.\n"),
     'README.md'),
    (laws.language.words, _append("man/posternd.8", "The client that stands\nbehind it.\n"),
     '"stands behind"'),
    (laws.language.words, _append("lib/smtp/line.c", "/* A line is held\n * against this. */\n"),
     'lib/smtp/line.c'),
    (laws.language.words, _append("daemon/common/log.c",
                                  'const char planted[] = "what is known "\n    "of it";\n'),
     'daemon/common/log.c'),
)
