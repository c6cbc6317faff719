"""A client cannot tell posternd with Postfix behind it from Postfix alone, but for the differences
that are listed: each dialogue is played with both, and what the client hears is compared."""

import os
import re

from common import table
from dialogue import EARLY, Dialogue, play
from dialogues import DIALOGUES, PAIRS
from differences import DIFFERENCES, ELSEWHERE, OUT_OF_STEP, explain
from postfix_pairs import Pairs
from record import FILE, client_lines, is_recorded

# Whether what it says is there before the banner is left to chance, also with Postfix alone.
EARLY_TALKER = Dialogue("early", EARLY, b"EHLO x\r\n", 1, service="sync")
ATTEMPTS = 200

DESIGN = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "design.md")


class Dialogues(Pairs):
    pairs = PAIRS

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

    @table((("plaintext", "sync"), ("encrypt", "sync-encrypt")))
    def test_early_talker(self, service):
        """Postfix sees him, through posternd as well."""
        for _ in range(ATTEMPTS):
            banner = play(EARLY_TALKER, self.front(service))[0]
            if banner.startswith(OUT_OF_STEP):
                return
            self.assertRegex(banner, "^220 ")
        self.fail(f"not once in {ATTEMPTS} times")

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
        for each in ", ".join(ELSEWHERE.values()).split(", "):
            self.assertTrue(os.path.exists(os.path.join(os.path.dirname(__file__), each + ".py")))

    def test_what_is_recorded_is_up_to_date(self):
        """Or else: make record."""
        with open(FILE, encoding="ascii") as file:
            recorded = [line.rstrip("\n") for line in file
                        if line.startswith(("dialogue ", "rules ", "> ", "tls\n"))]
        self.assertEqual(recorded, [line for each in DIALOGUES if is_recorded(each)
                                    for line in client_lines(each)])
