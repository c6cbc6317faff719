"""What a run makes of tests that fail once (planted_unsteady has such tests)."""

import contextlib
import importlib.util
import io
import os
import tempfile
import types

from common import Case, table

HERE = os.path.dirname(__file__)


def load_main():
    """main.py as a module of its own: this process runs it already."""
    spec = importlib.util.spec_from_file_location("main_of_tests", os.path.join(HERE, "main.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class SecondTry(Case):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.environ["PLANTED"] = folder.name

    def run_planted(self, only):
        """(the names of the tests that count as failed, what was printed) of these tests."""
        main = load_main()
        arguments = types.SimpleNamespace(build=self.build, test_seconds=60)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            problems = main.after_second_tries(
                arguments, [main.start_file(arguments, "planted_unsteady", only)])
        return {each["test"].rpartition(".")[2] for each in problems}, printed.getvalue()

    @table((("failure", "fails_once$", "UNSTEADY FAILED planted_unsteady.Unsteady.test_fails_once: "
             "True is not false : this was the first time"),
            ("error", "errs_once", "UNSTEADY ERROR planted_unsteady.Unsteady.test_errs_once: "
             "this was the first time"),
            ("class", "SetUp", "UNSTEADY ERROR planted_unsteady.SetUp: setUpClass: "
             "this was the first time")))
    def test_passes_the_second_time(self, only, named):
        failed, printed = self.run_planted(only)
        self.assertEqual(failed, set())
        self.assertIn(f"\n{named}\n", printed)

    def test_fails_again(self):
        failed, printed = self.run_planted("fails_once|passes")
        self.assertEqual(failed, {"test_fails_once_and_again"})
        self.assertEqual(printed.count("\nUNSTEADY "), 1)

    def test_too_many(self):
        failed, printed = self.run_planted("Unsteady")
        self.assertEqual(failed,
                         {"test_fails_once_and_again", "test_fails_once", "test_errs_once"})
        self.assertNotIn("once more", printed)

    def test_fault_of_a_program(self):
        failed, printed = self.run_planted("Fault|fails_once$")
        self.assertEqual(failed, {"test_program_faults_once", "test_fails_once"})
        self.assertNotIn("once more", printed)
