"""A client cannot tell posternd with Postfix behind it from Postfix alone, but for the differences
that are listed: each dialogue is played with both, and what the client hears is compared."""

import os
import re

from common import table
from dialogue import play
from dialogues_commands import REFERENCE
from dialogues_levels import LEVELS
from dialogues_lines import LINES
from dialogues_starttls import STARTTLS
from differences import DIFFERENCES, ELSEWHERE, explain
from pairs import Pair, Pairs

DIALOGUES = (*STARTTLS, *LINES, *REFERENCE, *LEVELS)

# What an administrator sets where AUTH is for TLS only.
AUTH_ONLY = ("smtpd_tls_auth_only=yes",)

DESIGN = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "design.md")


class Dialogues(Pairs):
    pairs = {
        "mx": Pair(alone=AUTH_ONLY),
        "auth": Pair(listener={"auth_before_tls": True}),
        "limits": Pair("smtpd_hard_error_limit=20", "smtpd_junk_command_limit=100",
                       alone=AUTH_ONLY),
        "sync": Pair("smtpd_forbid_unauth_pipelining=yes", alone=AUTH_ONLY),
        "bare": Pair("smtpd_forbid_bare_newline=reject", alone=AUTH_ONLY),
        "encrypt": Pair("smtpd_hard_error_limit=20",
                        alone=("smtpd_tls_security_level=encrypt", *AUTH_ONLY),
                        listener={"tls": "encrypt"}),
        "implicit": Pair(alone=("smtpd_tls_wrappermode=yes", *AUTH_ONLY),
                         listener={"tls": "implicit"}),
        "none": Pair("smtpd_hard_error_limit=20", alone=("smtpd_tls_security_level=none", *AUTH_ONLY),
                     listener={"tls": "none"}),
    }

    @classmethod
    def prepare(cls):
        super().prepare()
        cls.compared = {}

    def compare(self, dialogue):
        """(rules of DIFFERENCES that were met, what is not listed or None), played once."""
        if dialogue.name not in self.compared:
            self.compared[dialogue.name] = explain(
                dialogue, play(dialogue, self.alone(dialogue.service)),
                play(dialogue, self.front(dialogue.service)),
                lambda: play(dialogue, self.plain(dialogue.service)))
        return self.compared[dialogue.name]

    @table([(each.name, each) for each in DIALOGUES])
    def test(self, dialogue):
        _, problem = self.compare(dialogue)
        self.assertIsNone(problem, f"{dialogue.name}: not listed in differences.py")

    def test_with_no_rule_left_over(self):
        """A rule that finds nothing any more is to be removed."""
        used = set()
        for dialogue in DIALOGUES:
            used |= self.compare(dialogue)[0]
        for text, rules in DIFFERENCES.items():
            for number, rule in enumerate(rules):
                self.assertTrue(rule in used, f"rule {number} of: {text}")

    def test_the_design_lists_the_same(self):
        with open(DESIGN, encoding="utf-8") as file:
            section = re.search(r"^## What a client can tell[^\n]*\n(.*?)^## ", file.read(),
                                re.MULTILINE | re.DOTALL)[1]
        listed = re.split("^- ", section, flags=re.MULTILINE)[1:]
        self.assertEqual([" ".join(each.split()) for each in listed],
                         [*DIFFERENCES, *ELSEWHERE])
