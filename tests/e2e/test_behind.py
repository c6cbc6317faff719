"""What clients meet at services of Postfix, and behind posternd at those that `posternctl
postfix-config` makes of them: each statement about it that was tried once, with the set-ups that
administrators have."""

import os

import behind_cases
import behind_smtp
import behind_tls
from behind import Bed, named
from common import Case, table
from lab.postconf import write_files
from lab.posternd import run_posternctl, run_posternd
from lab.process import run

ROWS = named([*behind_smtp.ROWS, *behind_tls.ROWS, *behind_cases.ROWS])
MAIN_CF_ROWS = named(behind_cases.MAIN_CF_ROWS)


class Behind(Bed):
    """Settings that are options of one service."""

    rows = ROWS

    @table([(row.name, row) for row in ROWS])
    def test(self, row):
        self.try_row(row)


class BehindMainCf(Bed):
    """Settings of main.cf."""

    rows = MAIN_CF_ROWS
    main_cf = behind_cases.MAIN_CF

    @table([(row.name, row) for row in MAIN_CF_ROWS])
    def test(self, row):
        self.try_row(row)


def service(name, banner):
    """An entry of master.cf."""
    return f"{name} inet n - n - - smtpd\n  -o smtpd_banner={banner}\n"


# Entries of master.cf, the listener's address, the banner of the service that clients use there.
# None: nobody uses one there today.
PLACES = (
    ("a service by name", service("smtp", "this"), "203.0.113.5:25", "this"),
    ("a service by number", service("25", "this"), "203.0.113.5:25", "this"),
    ("a service with an address", service("203.0.113.5:25", "this"), "203.0.113.5:25", "this"),
    ("a service with an address and a name", service("203.0.113.5:smtp", "this"),
     "203.0.113.5:25", "this"),
    ("IPv6", service("[2001:db8::5]:smtp", "this"), "[2001:db8::5]:25", "this"),
    ("IPv6, another form", service("[2001:db8:0::0:5]:25", "this"), "[2001:db8::5]:25", "this"),
    ("all of IPv6", service("[::]:smtp", "this"), "[::]:25", "this"),
    ("all addresses, one listener", service("smtp", "this"), "[2001:db8::5]:25", "this"),
    ("one of all addresses", service("0.0.0.0:25", "this"), "203.0.113.5:25", "this"),
    ("submission", service("submission", "this"), "203.0.113.5:587", "this"),
    ("submissions", service("submissions", "this"), "203.0.113.5:465", "this"),
    ("smtps", service("465", "this"), "203.0.113.5:465", "this"),
    ("other ports beside it", service("submission", "that") + service("smtp", "this") +
     service("2525", "another"), "203.0.113.5:25", "this"),
    ("another port alone", service("submission", "that"), "203.0.113.5:25", None),
    ("another address beside it", service("203.0.113.4:25", "that") +
     service("203.0.113.5:25", "this"), "203.0.113.5:25", "this"),
    ("another address alone", service("203.0.113.4:25", "that"), "203.0.113.5:25", None),
    ("another family beside it", service("0.0.0.0:25", "that") + service("[::]:25", "this"),
     "[2001:db8::5]:25", "this"),
    ("loopback beside it", service("127.0.0.1:25", "that") + service("203.0.113.5:25", "this"),
     "203.0.113.5:25", "this"),
    ("loopback alone", service("127.0.0.1:25", "that"), "203.0.113.5:25", None),
    ("loopback alone, and all addresses", service("127.0.0.1:25", "that"), "0.0.0.0:25", None),
    ("loopback by a name", service("localhost:smtp", "that"), "203.0.113.5:25", None),
)

class BehindPlaces(Case):
    """What takes no client to see: postconf alone reads these files."""

    @table([(name, name, *row) for name, *row in PLACES])
    def test_service_of(self, name, master_cf, address, banner):
        """The service that clients of a listener use today, whatever it is called, is the one whose
        settings are kept."""
        conf = self.stage.write(certificates=["rsa"], backend="127.0.0.1:12525",
                                listeners={"mx": {"address": address}})
        path = write_files(self.stage.directory, "queue_directory = /var/spool/postfix\n",
                           master_cf)
        done = run_posternctl(self.build, "-c", conf, "postfix-config",
                              env={**os.environ, "MAIL_CONFIG": path})
        self.assertEqual(done.returncode, 1 if "FAIL" in done.stderr else 0, done.stderr)
        kept = [line.partition("smtpd_banner=")[2] for line in done.stdout.splitlines()
                if line.startswith("    -o smtpd_banner=")]
        expected = [] if banner is None else [banner]
        self.assertEqual(kept, expected)

    @table((
        ("a default", (), "smtpd_delay_reject", "yes"),
        ("a setting of main cf", (), "smtpd_helo_required", "yes"),
        ("an option", ("smtpd_helo_required=no",), "smtpd_helo_required", "no"),
        ("the last option", ("smtpd_banner=first", "smtpd_banner=last"), "smtpd_banner", "last"),
        ("a name in an option", ("smtpd_banner=$made_up",), "smtpd_banner", "mine"),
        ("a name that is an option", ("made_up=yours", "smtpd_banner=$made_up"), "smtpd_banner",
         "yours"),
        ("a choice", ("smtpd_banner=${made_up?{it is}:{none}}",), "smtpd_banner", "it is"),
        ("a choice by stress", ("smtpd_banner=${stress?{stress}:{calm}}",), "smtpd_banner", "calm"),
    ))
    def test_value(self, options, name, value):
        """postconf tells what an option of a service comes to, in one call."""
        path = write_files(self.stage.directory, "made_up = mine\nsmtpd_helo_required = yes\n")
        overrides = [word for option in options for word in ("-o", option)]
        done = run(["postconf", "-c", path, "-xh", *overrides, name])
        self.assertEqual(done.stdout, value + "\n", done.stderr)

    def test_names_of_the_service(self):
        """These two it only tells of master.cf."""
        option = "$service_name $process_name"
        path = write_files(self.stage.directory, master_cf="smtp inet n - n - - smtpd\n"
                           f"  -o {{ smtpd_banner = {option} }}\n")
        self.assertEqual(run(["postconf", "-c", path, "-Px", "smtp/inet/smtpd_banner"]).stdout,
                         "smtp/inet/smtpd_banner = smtp smtpd\n")
        done = run(["postconf", "-c", path, "-xh", "-o", "service_name=smtp", "-o",
                    f"smtpd_banner={option}", "smtpd_banner"])
        self.assertNotEqual(done.stdout, "smtp smtpd\n")
        self.assertIn("read-only parameter", done.stderr)

    def test_suites_in_words_of_postfix(self):
        """Its list cannot always be taken as it is: where no suite of libssl's is MEDIUM, as with
        Debian's 3.0, posternd says so."""
        known = run(["openssl", "ciphers", "MEDIUM:@SECLEVEL=0"]).returncode == 0
        conf = self.stage.write(
            certificates=["rsa"], backend="127.0.0.1:12525", listeners={"mx": {
                "tls_profile": "theirs"}},
            extra='tls_profile "theirs" {\n    ciphers = '
                  '"aNULL:-aNULL:HIGH:MEDIUM:+RC4:@STRENGTH"\n}\n')
        done = run_posternd(self.build, "-c", conf, "-t")
        self.assertEqual((done.returncode, '"MEDIUM" matches nothing' in done.stderr),
                         (0, False) if known else (2, True))
