# SPDX-License-Identifier: Apache-2.0
"""The check of requirements finds each fault that is planted."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROW = "| ERA-01 | proven | a phrase |\n"
TEST = '"""ERA-01"""'


class Requirements(unittest.TestCase):
    def run_check(self, table, test):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "requirements.md").write_text(table)
            (root / "test_a.py").write_text(test)
            done = subprocess.run(
                [sys.executable, str(HERE / "requirements"),
                 str(root / "requirements.md"), str(root)],
                stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout

    def test_good(self):
        self.assertEqual(self.run_check(ROW, TEST)[0], 0)
        later = "| ERA-02 | later | a phrase: a reason |\n"
        self.assertEqual(self.run_check(ROW + later, TEST)[0], 0)

    def test_bad(self):
        for table, test, text in (
                (ROW, '"""ERA"""', "ERA-01: proven, and no test"),
                (ROW, '"""ERA-01, ERA-02"""', "ERA-02: in test_a.py"),
                (ROW + ROW, TEST, "ERA-01 is there twice"),
                ("| ERA-01 | later | a phrase |\n", "", "has no reason"),
                ("| ERA-01 | done | a phrase |\n", "", "not a row"),
                ("| ERA-01 | not applicable | a: b |\n", TEST,
                 "ERA-01: not applicable, and"),
                ("", TEST, "no rows")):
            code, out = self.run_check(table, test)
            self.assertEqual(code, 1, out)
            self.assertIn(text, out)


if __name__ == "__main__":
    unittest.main()
