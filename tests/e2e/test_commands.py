"""posternctl's command line: usage and help, each kind of mistake by its words, and that the manual
and the README have the commands that there are."""

import os
import re

from common import Case, table
from lab.postconf import write_files
from lab.posternd import run_posternctl
from lab.process import run

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

COMMANDS = ("certificate", "check", "explain", "facts", "failures", "postfix-config", "reload",
            "selftest", "status", "tlsa", "help")
WITHOUT_JSON = ("postfix-config", "help")

USAGE = f"""\
usage: posternctl [-c file] [--json] command [argument ...]
       posternctl help [command]
       posternctl -V
commands: {" ".join(COMMANDS)}
"""

# name, arguments, the mistake; the usage of posternctl follows
MISTAKES = (
    ("no command", [], "a command is missing"),
    ("no command but options", ["--json", "-c", "x"], "a command is missing"),
    ("unknown command", ["frobnicate"], 'unknown command "frobnicate"'),
    ("empty command", [""], 'unknown command ""'),
    ("two edits", ["chckk"], 'unknown command "chckk"'),
    ("two letters more", ["checked"], 'unknown command "checked"'),
    ("letters changed places", ["chekc"], 'unknown command "chekc"; did you mean "check"?'),
    ("a letter less", ["tsa"], 'unknown command "tsa"; did you mean "tlsa"?'),
    ("a letter more", ["factss"], 'unknown command "factss"; did you mean "facts"?'),
    ("another letter", ["selftesd"], 'unknown command "selftesd"; did you mean "selftest"?'),
    ("upper case", ["CHECK"], 'unknown command "CHECK"'),
    ("unknown option", ["--jsno", "check"], 'unknown option "--jsno"'),
    ("unknown letter", ["-x", "check"], 'unknown option "-x"'),
    ("an option of a command", ["--hello", "-", "explain"], 'unknown option "--hello"'),
    ("no value", ["-c"], 'option "-c" needs a value'),
    ("a value for json", ["--json=yes", "check"], 'option "--json=yes" takes no value'),
    ("a value for help", ["--help=check"], 'option "--help=check" takes no value'),
)

LISTS = ("--version", "1.2", "--ciphers", "c02f")

# name, command, arguments, the mistake; the usage of the command follows
MISTAKES_IN = (
    ("unknown option", "check", ["--jsno"], 'unknown option "--jsno"'),
    ("unknown letter", "tlsa", ["-x"], 'unknown option "-x"'),
    ("an option of another command", "failures", ["--sni", "x"], 'unknown option "--sni"'),
    ("argument", "check", ["x"], 'unexpected argument "x"'),
    ("argument after an option", "selftest", ["--json", "now"], 'unexpected argument "now"'),
    ("a file without c", "tlsa", ["a.conf", "--json"], 'unexpected argument "a.conf"'),
    ("a hyphen", "failures", ["-"], 'unexpected argument "-"'),
    ("no value", "explain", ["--hello"], 'option "--hello" needs a value'),
    ("c without a value", "check", ["-c"], 'option "-c" needs a value'),
    ("a value for json", "check", ["--json=1"], 'option "--json=1" takes no value'),
    ("twice", "explain", ["--hello", "a", "--hello=b"], 'option "--hello" is given twice'),
    ("no json", "postfix-config", ["--json"], "--json is not supported"),
    ("no json of help", "help", ["--json"], "--json is not supported"),
    ("no address", "facts", [], "address is missing"),
    ("no port", "facts", ["192.0.2.1"], "port is missing"),
    ("one too many", "facts", ["192.0.2.1", "25", "26"], 'unexpected argument "26"'),
    ("bad port", "facts", ["192.0.2.1", "abc"], 'port "abc" is not a port number'),
    ("large port", "facts", ["192.0.2.1", "65536"], 'port "65536" is not a port number'),
    ("host name", "facts", ["localhost", "25"], 'address "localhost" is not an IP address'),
    ("a path", "facts", ["unix", "/x"], 'address "unix" is not an IP address'),
    ("address and port", "facts", ["192.0.2.1:25", "25"],
     'address "192.0.2.1:25" is not an IP address'),
    ("a long address", "facts", ["0000:0000:0000:0000:0000:ffff:255.255.255.2550", "25"],
     'address "0000:0000:0000:0000:0000:ffff:255.255.255.2550" is not an IP address'),
    ("nothing to explain", "explain", [], "--hello, --failure or --version is missing"),
    ("certificates alone", "explain", ["--certificates", "p256"],
     "--hello, --failure or --version is missing"),
    ("hello and failure", "explain", ["--hello", "-", "--failure", "1"],
     "--hello and --failure cannot be combined"),
    ("hello and lists", "explain", ["--hello", "-", *LISTS],
     "--hello and --version cannot be combined"),
    ("failure and a list", "explain", ["--failure", "1", "--sni", "x"],
     "--failure and --sni cannot be combined"),
    ("certificates and listener", "explain",
     [*LISTS, "--certificates", "p256", "--listener", "mx"],
     "--certificates and --listener cannot be combined"),
    ("certificates and configuration", "explain", [*LISTS, "--certificates", "p256", "-c", "x"],
     "--certificates and -c cannot be combined"),
    ("a stranger without an address", "selftest", ["--as", "mail.example.test"],
     '--as "mail.example.test" is not an IPv4 or IPv6 address'),
    ("a stranger with a port", "selftest", ["--as=192.0.2.1:25"],
     '--as "192.0.2.1:25" is not an IPv4 or IPv6 address'),
    ("everybody", "selftest", ["--as", "0.0.0.0"], '--as "0.0.0.0" is not an IPv4 or IPv6 address'),
    ("unknown command", "help", ["frobnicate"], 'unknown command "frobnicate"'),
    ("nearly a command", "help", ["fact"], 'unknown command "fact"; did you mean "facts"?'),
    ("two commands", "help", ["check", "tlsa"], 'unexpected argument "tlsa"'),
)


class Commands(Case):
    def ctl(self, *arguments):
        return run_posternctl(self.build, *arguments,
                              env={"MAIL_CONFIG": write_files(self.stage.directory)})

    def good(self, *arguments):
        """What a command that ends well prints."""
        done = self.ctl(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def usage(self, command):
        """The lines of `help COMMAND` before its help."""
        return self.good("help", command).partition("\n\n")[0] + "\n"

    def exits(self, command):
        """{exit code: what `help COMMAND` says of it}"""
        _, _, text = self.good("help", command).partition("\nexit codes:\n")
        return {int(code): meaning
                for code, meaning in re.findall(r"(?m)^    (\d+) +(\S.*)$", text)}

    # --- mistakes ---

    @table(MISTAKES)
    def test_mistake(self, arguments, mistake):
        done = self.ctl(*arguments)
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (2, "", f"posternctl: {mistake}\n{USAGE}"))

    @table(MISTAKES_IN)
    def test_mistake_in(self, command, arguments, mistake):
        done = self.ctl(command, *arguments)
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (2, "", f"posternctl: {command}: {mistake}\n{self.usage(command)}"))

    def test_no_json_before_the_command(self):
        for command in WITHOUT_JSON:
            done = self.ctl("--json", command)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertTrue(done.stderr.startswith(
                f"posternctl: {command}: --json is not supported\nusage: "), done.stderr)

    # --- help ---

    def test_help(self):
        text = self.good("help")
        rows = re.findall(r"(?m)^    (\S+) +(\S.*)$", text)
        self.assertEqual([name for name, _ in rows], list(COMMANDS))
        self.assertEqual(self.good("--help"), text)
        for name, line in rows:
            with self.subTest(name):
                self.assertIn(f"\n\n{line}\n\nexit codes:\n", self.good("help", name))
                self.assertEqual(self.good(name, "--help"), self.good("help", name))

    def test_help_of_a_command(self):
        self.assertEqual(self.good("help", "facts"), """\
usage: posternctl [-c file] [--json] facts address port

show what is known about a client's session

exit codes:
    0   there is such a session
    1   there is no such session, or posternd refused the request, or its socket is not open to this account
    2   there is a mistake in the configuration or on the command line
    69  no posternd answers on the control socket
""")

    def test_usage_tells_json(self):
        for command in COMMANDS:
            self.assertEqual(" [--json] " in self.usage(command), command not in WITHOUT_JSON)

    # --- what is taken ---

    @table((
        ("before", ["-c", "CONF", "--json", "tlsa"]),
        ("after", ["tlsa", "-c", "CONF", "--json"]),
        ("on both sides", ["-c", "/nowhere", "--json", "tlsa", "-cCONF"]),
        ("shortened", ["--js", "-c", "CONF", "tlsa"]),
        ("after two hyphens", ["-c", "CONF", "--json", "--", "tlsa"]),
        ("two hyphens at the end", ["-c", "CONF", "--json", "tlsa", "--"]),
    ))
    def test_options(self, arguments):
        conf = self.stage.write(certificates=["p256"], backend="127.0.0.1:1")
        text = self.good(*(word.replace("CONF", conf) for word in arguments))
        self.assertTrue(text.startswith("{"), text)

    @table((
        ("apart", ["--hello", "-", "--certificates", "p256"]),
        ("joined", ["--hello=-", "--certificates=p256"]),
        ("shortened", ["--he", "-", "--ce", "p256"]),
    ))
    def test_options_of_a_command(self, arguments):
        done = self.ctl("explain", *arguments)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertTrue(done.stderr.startswith(
            "posternctl: standard input: not a ClientHello"), done.stderr)

    def test_options_of_the_usage(self):
        for option in set(re.findall(r"--\w+", self.usage("explain"))) - {"--json"}:
            self.assertTrue(self.ctl("explain", option).stderr.startswith(
                f'posternctl: explain: option "{option}" needs a value\n'), option)

    # --- the manual and the README ---

    def section(self, name):
        """The lines of a section of the manual page."""
        with open(os.path.join(TOP, "man/posternctl.8"), encoding="utf-8") as file:
            return re.search(rf"(?ms)^\.Sh {name}\n(.*?)^\.Sh ", file.read())[1]

    def test_manual_has_the_usage(self):
        told = run(["mandoc", "-T", "ascii", os.path.join(TOP, "man/posternctl.8")]).stdout
        told = re.sub(r".\x08", "", told)  # bold and underlined
        told = re.search(r"(?ms)^SYNOPSIS\n(.*?)^DESCRIPTION", told)[1].split()
        ways = "".join(self.usage(command).replace("usage:", "") for command in COMMANDS)
        self.assertEqual(" ".join(told), " ".join([*ways.split(), "posternctl", "-V"]))

    def test_manual_has_the_commands(self):
        told = re.findall(r"(?m)^\.It Cm (\S+)", self.section("DESCRIPTION").split("commands are")[1])
        self.assertEqual([name for name in told if name in COMMANDS],
                         sorted(COMMANDS))

    def test_manual_has_the_exit_codes(self):
        items = re.split(r"(?m)^\.It (\d+)\n", self.section("EXIT STATUS"))
        told = {int(code): {word for line in re.findall(r"(?m)^\.Cm (.*)$", text)
                            for word in line.split() if word in COMMANDS}
                for code, text in zip(items[1::2], items[2::2])}
        have = {}
        for command in COMMANDS:
            for code in self.exits(command):
                have.setdefault(code, set()).add(command)
        self.assertEqual(list(told), sorted(have))
        for code in (0, 2):  # of all commands
            self.assertEqual(have.pop(code), set(COMMANDS))
        self.assertEqual({code: told[code] for code in have}, have)

    def test_readme_has_the_commands(self):
        with open(os.path.join(TOP, "README.md"), encoding="utf-8") as file:
            told = set(re.findall(r"`posternctl ([a-z][a-z-]*)", file.read()))
        self.assertEqual(told, set(COMMANDS))
