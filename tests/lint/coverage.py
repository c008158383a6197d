# SPDX-License-Identifier: Apache-2.0
"""Line coverage of core/ from a build with --coverage.
usage: coverage.py BUILD FLOOR

A line counts as run when any program of the build ran it: the server, the
unit tests, and tests that include the file under test.  Prints a table by
folder; --files adds one by file.  Fails below FLOOR percent.
"""
import collections
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHUNK = 50  # object files for one gcov


def read_gcov(notes):
    """The JSON documents of some .gcno files, one a line."""
    out = subprocess.run(
        ["gcov", "--json-format", "--stdout", *map(str, notes)], cwd=ROOT,
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    for line in out.splitlines():
        if line.strip():
            yield json.loads(line)


def collect(build):
    """{path below core/: {line: times}}"""
    lines = collections.defaultdict(collections.Counter)
    notes = sorted(build.rglob("*.gcno"))
    for at in range(0, len(notes), CHUNK):
        for document in read_gcov(notes[at:at + CHUNK]):
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
    lines = collect(build.resolve())
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
    total = folders.pop("core", [0, 0])
    for name, (run, count) in sorted(folders.items()):
        row(name, run, count)
    share = row("core", *total)
    if total[1] == 0 or share < floor:
        print(f"error: less than {floor:g} %")
        return 1
    return 1 if missing else 0


sys.exit(main())
