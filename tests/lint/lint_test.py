# SPDX-License-Identifier: Apache-2.0
"""A check that cannot fail proves nothing: each must find its planted fault."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

import coverage

HERE = pathlib.Path(__file__).resolve().parent
ORDER = "\n".join(f"toolpost_folder({name})" for name in (
    "base", "loop", "crypto", "data", "net", "http", "call", "registry",
    "plugin", "rpc", "mcp", "server"))


class Lint(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        self.write("core/CMakeLists.txt", ORDER)

    def tearDown(self):
        self.folder.cleanup()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run_check(self, check):
        done = subprocess.run([sys.executable, str(HERE / check),
                               str(self.root)], stdout=subprocess.PIPE,
                              text=True, check=False)
        return done.returncode, done.stdout

    def include(self, name, header):
        self.write(name, f"/* head */\n#include {header}\n")
        code, out = self.run_check("folder-order")
        (self.root / name).unlink()
        if code != 0:
            self.assertIn(f"{name}:2: error:", out)
        return code

    def test_order(self):
        self.assertEqual(self.include("core/net/a.c", '"base/str.h"'), 0)
        self.assertEqual(self.include("core/net/a.c", '"net/a.h"'), 0)
        self.assertEqual(self.include("core/net/a.c", '"http/a.h"'), 1)
        self.assertEqual(self.include("core/net/a.c", '"a.h"'), 1)
        self.assertEqual(self.include("core/net/a.c", '"odd/a.h"'), 1)
        self.assertEqual(self.include("core/main.c", '"server/a.h"'), 0)
        self.assertEqual(self.include("core/runner.c", '"rpc/a.h"'), 1)
        self.assertEqual(self.include("core/runner.c", '"plugin/a.h"'), 0)

    def test_walls(self):
        self.assertEqual(self.include("core/mcp/a.c", '"plugin/a.h"'), 1)
        self.assertEqual(self.include("core/mcp/a.c", '"registry/a.h"'), 0)
        for folder in ("call", "registry", "plugin"):
            self.assertEqual(
                self.include(f"core/{folder}/a.c", '"http/a.h"'), 1)

    def test_libraries(self):
        for header, owner in (("event2/event.h", "loop"),
                              ("cjson/cJSON.h", "data"), ("yaml.h", "data"),
                              ("pcre2.h", "data"), ("ltdl.h", "plugin"),
                              ("dlfcn.h", "plugin"),
                              ("gnutls/gnutls.h", "net"),
                              ("gnutls/crypto.h", "crypto")):
            self.assertEqual(
                self.include(f"core/{owner}/a.c", f"<{header}>"), 0)
            self.assertEqual(
                self.include("core/server/a.c", f"<{header}>"), 1)

    def test_unknown_folder(self):
        self.write("core/stray/a.c", "")
        self.assertEqual(self.run_check("folder-order")[0], 1)

    def test_forbidden_calls(self):
        self.write("core/base/a.c",
                   '/* system (x) */ f("strcpy(");\nmy_rand(); // atoi(\n')
        self.assertEqual(self.run_check("forbidden-calls"), (0, ""))
        self.write("tests/a.c", "\n\tx = atoi (s);\n")
        code, out = self.run_check("forbidden-calls")
        self.assertEqual(code, 1)
        self.assertIn("tests/a.c:2: error: atoi()", out)

    def test_coverage_fails_with_any_of_its_parts(self):
        """Shell functions share their variables: a part that passes must
        not hide one that failed before it."""
        text = (HERE.parent.parent / "dev").read_text()
        begin = text.index("\ncover() {")
        cover = text[begin:text.index("\n}\n", begin) + 3]
        good = "rc=0; return 0"
        for parts, wanted in (((good, good, good), 0),
                              (("rc=8; return 8", good, good), 8),
                              ((good, "rc=1; return 1", good), 1),
                              ((good, good, "return 1"), 1)):
            ctest, wire, report = parts
            script = f"""
                mkdir() {{ :; }}; build() {{ :; }}; find() {{ :; }}
                has_files() {{ return 0; }}; COVERAGE_FLOOR=85
                ctest_preset() {{ {ctest}; }}; wire() {{ {wire}; }}
                python3() {{ {report}; }}
                {cover}
                cover"""
            done = subprocess.run(["sh", "-c", script], check=False)
            self.assertEqual(done.returncode, wanted, parts)

    def test_counters_of_a_killed_process(self):
        """They are named and count as not run; other faults of gcov's end
        the check."""
        self.write("a.c", "int main(void)\n{\n\treturn 0;\n}\n")
        for command in (["gcc", "--coverage", "-c", "a.c"],
                        ["gcc", "--coverage", "a.o", "-o", "a"], ["./a"]):
            subprocess.run(command, cwd=self.root, check=True)

        def times(cut):
            document, = coverage.read_gcov([self.root / "a.gcno"], cut)
            return [line["count"] for line in document["files"][0]["lines"]]

        cut = set()
        self.assertEqual((times(cut), cut), ([1, 1], set()))
        self.write("a.gcda", "")
        self.assertEqual(times(cut), [0, 0])
        self.assertEqual([pathlib.Path(path).name for path in cut],
                         ["a.gcda"])
        with self.assertRaises(RuntimeError):
            list(coverage.read_gcov([self.root / "none.gcno"], cut))


unittest.main(argv=["lint_test", "--quiet"])
