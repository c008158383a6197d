# SPDX-License-Identifier: Apache-2.0
"""Line coverage of core/ from a build with --coverage.
usage: coverage.py BUILD FLOOR

A line counts as run when any program of the build ran it: the server, the
unit tests, and tests that include the file under test.  Prints a table by
folder; --files adds one by file.  Fails below FLOOR percent.

Tests kill runners, and what is killed while it writes its counters leaves a
file that gcov cannot read, empty most often.  Its lines count as not run; the
file is named, and more than a few of them are a failure.
"""
import collections
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHUNK = 50  # object files for one gcov
CUT_MAX = 20  # counters of killed processes that are put up with
# What gcov says of counters that a killed process left behind.
CUT = re.compile(
    r"^(.*\.gcda):(not a gcov data file|version |stamp mismatch )", re.M)


def read_gcov(notes, cut):
    """The JSON documents of some .gcno files, one a line.

    Adds to the set cut the counters that were not whole; any other complaint
    of gcov's is raised.
    """
    done = subprocess.run(
        ["gcov", "--json-format", "--stdout", *map(str, notes)], cwd=ROOT,
        check=False, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    found = {match[1] for match in CUT.finditer(done.stderr)}
    if done.returncode != 0 and not found:
        raise RuntimeError(f"gcov: {done.stderr}")
    cut |= found
    for line in done.stdout.splitlines():
        if line.strip():
            yield json.loads(line)


def collect(build, cut):
    """{path below core/: {line: times}}; cut as for read_gcov."""
    lines = collections.defaultdict(collections.Counter)
    notes = sorted(path for path in build.rglob("*.gcno")
                   if "CompilerIdC" not in path.parts)
    for at in range(0, len(notes), CHUNK):
        for document in read_gcov(notes[at:at + CHUNK], cut):
            base = pathlib.Path(document["current_working_directory"])
            for source in document["files"]:
                path = (base / source["file"]).resolve()
                if ROOT / "core" not in path.parents:
                    continue
                seen = lines[path.relative_to(ROOT / "core")]
                for line in source["lines"]:
                    seen[line["line_number"]] += line["count"]
    return lines


def row(name, run, total):
    share = 100 * run / total if total else 100
    print(f"{name:28} {run:6} of {total:6} {share:6.1f} %")
    return share


def main():
    build, floor = pathlib.Path(sys.argv[1]), float(sys.argv[2])
    cut = set()
    lines = collect(build.resolve(), cut)
    folders = collections.defaultdict(lambda: [0, 0])
    for path, seen in sorted(lines.items()):
        run = sum(1 for times in seen.values() if times > 0)
        for key in (path.parts[0], "core"):
            folders[key][0] += run
            folders[key][1] += len(seen)
        if "--files" in sys.argv:
            row(str(path), run, len(seen))
    # A file of tables alone has an object and no lines that could run.
    missing = [path for path in (ROOT / "core").rglob("*.c")
               if path.relative_to(ROOT / "core") not in lines
               and not any(build.rglob(
                   f"CMakeFiles/*/{path.relative_to(ROOT / 'core')}.o"))]
    for path in sorted(missing):
        print(f"{path.relative_to(ROOT)}: error: no program compiles it")
    for path in sorted(cut):
        print(f"{path}: cut short by a kill, counts as not run")
    total = folders.pop("core", [0, 0])
    for name, (run, count) in sorted(folders.items()):
        row(name, run, count)
    share = row("core", *total)
    if total[1] == 0 or share < floor:
        print(f"error: less than {floor:g} %")
        return 1
    if len(cut) > CUT_MAX:
        print(f"error: more than {CUT_MAX} counters cut short")
        return 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
