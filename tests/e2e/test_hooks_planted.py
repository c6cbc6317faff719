"""Planted faults of postern-renew: each changes one rule, and the test of that rule must fail."""

import unittest

import test_hooks
from common import table
from hooks_case import HooksCase

# the rule, its text, what is there instead, the test that must see it
PLANTED = (
    ("one at a time", "flock -w 600 9 ||", "true ||", "Reloaded.test_two_at_one_time"),
    ("not ended in the middle", "trap '' HUP INT TERM\n[ -z", "[ -z",
     "Reloaded.test_ended_in_the_middle"),
    ("checked by itself", 'check_pair "$chain.staged" "$key.staged"', "true",
     "Refused.test_no_pair_chain_of_another_key"),
    ("checked as posternd", 'runuser -u "$user" -- ', "", "Refused.test_unreadable_for_posternd"),
    ("not expired", "*'certificate \"pair\" has expired'*)", "nothing)", "Refused.test_expired"),
    ("folders of root alone", 'is_only_roots "$directory"', "true", "Refused.test_folder_open_to_all"),
    ("folders above", "open && !sticky { bad = 1 }", "", "Refused.test_folder_in_an_open_folder"),
    ("owner of what leads there", '$2 != "root" { bad = 1 }', "", "Refused.test_link_on_the_way"),
    ("sticky is not closed", "|| last }", "}", "Refused.test_folder_open_to_all"),
    ("no links", '[ ! -L "$1" ]', "true", "Refused.test_target_is_a_link_key"),
    ("a key is not put into a chain", 'on = $0 ~ "^-----BEGIN " label "-----$"', "on = 1",
     "Installed.test_key_of_a_joined_file_is_not_in_the_chain"),
    ("owner is kept", 'chown --reference="$1" -- "$1.staged"', "true",
     "Installed.test_owner_and_mode_are_kept"),
    ("mode is kept", 'chmod --reference="$1" -- "$1.staged"', "true",
     "Installed.test_owner_and_mode_are_kept"),
    ("key for the group alone", 'give_owner "$key" 640', 'give_owner "$key" 644',
     "Installed.test_new"),
    ("what is the same stays", 'rm -f -- "$file.staged"', "true",
     "Installed.test_kept_key_is_not_replaced"),
    ("interruption is noted", 'note "interrupted while it was put into place"', "",
     "Killed.test_killed_at_each_step"),
    ("what a kill left is removed", "stage() {\n    remove_copies", "stage() {",
     "Killed.test_killed_at_each_step"),
    ("old pair is put back", "replace kept staged\n        if as_posternd", "if as_posternd",
     "Reloaded.test_old_pair_is_put_back_that_runs"),
    ("new pair stays if others are to blame", "        replace staged kept\n    fi\n    [ \"$runs\"",
     "    fi\n    [ \"$runs\"", "Reloaded.test_others_fault"),
    ("only a pair that is refused is put back", ' && ! as_posternd "$conf" >/dev/null', "",
     "Reloaded.test_option_that_needs_a_restart"),
    ("without a socket nothing is known", "*': there is no control socket' |", "nothing |",
     "Reloaded.test_nobody_answers_no_socket"),
    ("silence is no end", "*': no posternd answers: timeout')", "nothing)",
     "Reloaded.test_nobody_answers_silent"),
    ("nobody running is no failure", "[ $? = 69 ] || return 1", "return 1",
     "Reloaded.test_nobody_runs"),
    ("success removes the failure", 'rm -f -- "$chain.failed"\n    for', "for",
     "Refused.test_no_pair_empty_chain"),
    ("a reload mends others", '! grep -q ', 'grep -q ', "Reloaded.test_others_fault"),
    ("others are left alone", '[ -z "$implied" ] || leave_alone', "true",
     "Refused.test_unknown_lineage"),
    ("a given name must exist", '[ -z "$implied" ] || leave_alone', "leave_alone",
     "Refused.test_unknown_name"),
    ("used in place", 'if are_in_place; then', "if false; then", "Reloaded.test_in_place"),
)


class Planted(HooksCase):
    @table(PLANTED)
    def test_planted(self, old, new, name):
        kind, _, method = name.partition(".")
        case = type(kind, (getattr(test_hooks, kind),), {
            "stage": self.stage, "made": self.made, "logged": self.logged, "planted": (old, new)})
        result = unittest.TestResult()
        case(method).run(result)
        self.assertEqual(result.errors, [])
        self.assertTrue(result.failures)
