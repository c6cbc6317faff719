"""The table of Postfix's parameters, lib/postfix/parameters.inc, held to the Postfix that is
installed: what `postconf -d` prints is in it, and what is in it is a parameter of some release."""

import os
import re

from common import Case
from lab.postconf import write_files
from lab.process import run

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib", "postfix",
                     "parameters.inc")

# The first release that has a parameter, and why not every one that is tested does. 3.7 and 3.10
# are; Debian's 3.7.11 has what came to that release later.
NEWER = {
    "force_mime_input_conversion": ("3.9", "cleanup(8) converts 8-bit mail by itself"),
    "full_name_encoding_charset": ("3.10", "sendmail(1) encodes names"),
    "ignore_srv_lookup_error": ("3.8", "smtp(8) looks SRV records up"),
    "requiretls_enable": ("3.11", "REQUIRETLS"),
    "requiretls_esmtp_header": ("3.11", "REQUIRETLS"),
    "smtpd_client_ipv4_prefix_length": ("3.8", "anvil(8) counts networks"),
    "smtpd_client_ipv6_prefix_length": ("3.8", "anvil(8) counts networks"),
    "smtpd_hide_client_session": ("3.10", "a Received: line without the client"),
    "smtpd_reject_filter_maps": ("3.11", "replies are rewritten"),
    "smtpd_tls_enable_rpk": ("3.9", "raw public keys"),
    "socketmap_max_reply_size": ("3.10", "it was fixed before"),
    "tls_ffdhe_auto_groups": ("3.8", "FFDHE in TLS 1.3"),
    "tls_required_enable": ("3.10", "a header in place of REQUIRETLS"),
    "use_srv_lookup": ("3.8", "smtp(8) looks SRV records up"),
    # A family.
    "non_bdb_*": ("3.11", "the way from Berkeley DB to another database"),
}

# What no release prints any more and each still reads: the older name of another parameter, which
# stands in the default of the newer one.
OLDER = {
    "postscreen_blacklist_action": "postscreen_denylist_action",
    "postscreen_dnsbl_ttl": "postscreen_dnsbl_max_ttl",
    "postscreen_dnsbl_whitelist_threshold": "postscreen_dnsbl_allowlist_threshold",
    "postscreen_whitelist_interfaces": "postscreen_allowlist_interfaces",
}

# A service of Postfix's own master.cf that makes parameters with its name.
MASTER_CF = "retry unix - - n - - error\n"

# Of these each has a row of its own, so that a new one of a later release is not judged.
OWN_ROW = re.compile(r"(smtpd|postscreen|tls|milter|requiretls)_")


def number(version):
    return tuple(int(each) for each in re.findall(r"\d+", version)[:2])


def pattern(row):
    return re.compile(".*".join(re.escape(part) for part in row.split("*")))


class Parameters(Case):
    @classmethod
    def prepare(cls):
        environment = {**os.environ, "MAIL_CONFIG": write_files(cls.stage.directory, master_cf=MASTER_CF)}
        printed = run(["postconf", "-d"], env=environment)
        cls.defaults = dict(re.findall(r"^(\w+) = ?(.*)$", printed.stdout, re.MULTILINE))
        cls.version = number(cls.defaults.get("mail_version", ""))
        with open(TABLE, encoding="utf-8") as file:
            cls.rows = re.findall(r"^[A-Z_]+\(\s*\"([^\"]+)\"", file.read(), re.MULTILINE)
        cls.families = [row for row in cls.rows if "*" in row]
        cls.names = set(cls.rows) - set(cls.families)

    def is_here(self, row):
        """Whether a row of NEWER is for this release."""
        return self.version >= number(NEWER[row][0])

    def test_read(self):
        """What the other tests go by is what they think it is."""
        self.assertGreater(len(self.defaults), 800)
        self.assertGreaterEqual(self.version, (3, 7))
        self.assertEqual(len(self.rows), len(set(self.rows)))
        self.assertFalse([row for row in self.rows if not re.fullmatch(r"\w*\*?\w*", row)])
        print(f"parameters: {len(self.rows)} rows, of which {len(self.families)} are families, for "
              f"{len(self.defaults)} of Postfix {'.'.join(map(str, self.version))}")

    def test_every_parameter_has_a_row(self):
        families = [pattern(family) for family in self.families]
        self.assertEqual([name for name in self.defaults if name not in self.names
                          and not any(family.fullmatch(name) for family in families)], [])

    def test_what_sessions_read_has_a_row_of_its_own(self):
        self.assertEqual([name for name in self.defaults
                          if OWN_ROW.match(name) and name not in self.names], [])

    def test_every_row_is_a_parameter(self):
        self.assertEqual([row for row in sorted(self.names) if row not in self.defaults
                          and row not in OLDER
                          and not (row in NEWER and not self.is_here(row))], [])

    def test_every_family_has_a_member(self):
        """... that has no row of its own."""
        rest = [name for name in self.defaults if name not in self.names]
        self.assertEqual([family for family in self.families
                          if not any(map(pattern(family).fullmatch, rest))
                          and not (family in NEWER and not self.is_here(family))], [])

    def test_newer_ones_are_newer(self):
        """The list above is held to the release, too."""
        for row in NEWER:
            with self.subTest(row):
                self.assertIn(row, self.rows)
                self.assertEqual(any(map(pattern(row).fullmatch, self.defaults)), self.is_here(row))

    def test_older_ones_are_read(self):
        for row, newer in OLDER.items():
            with self.subTest(row):
                self.assertIn(row, self.names)
                self.assertNotIn(row, self.defaults)
                self.assertIn("${" + row, self.defaults[newer])
