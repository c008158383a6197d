# SPDX-License-Identifier: Apache-2.0
"""Copies the names on standard input that a compilation database knows."""
import json
import pathlib
import sys

known = {pathlib.Path(entry["directory"], entry["file"]).resolve()
         for entry in json.loads(pathlib.Path(sys.argv[1]).read_text())}
for name in sys.stdin.read().split():
    if pathlib.Path(name).resolve() in known:
        print(name)
