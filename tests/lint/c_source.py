# SPDX-License-Identifier: Apache-2.0
"""C sources as the checks see them."""
import pathlib
import re

PARTS = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
    re.DOTALL)


def blank(match):
    """Blanks with the same line breaks; the quotes of a literal stay."""
    text = match.group(0)
    if text[0] in "\"'":
        return text[0] + " " * (len(text) - 2) + text[0]
    return re.sub(r"[^\n]", " ", text)


def code_only(text):
    """The text without comments and the content of literals."""
    return PARTS.sub(blank, text)


def files(root, *folders):
    """All .c and .h files below the folders of root, sorted."""
    found = []
    for folder in folders:
        for path in (pathlib.Path(root) / folder).rglob("*"):
            if path.suffix in (".c", ".h") and path.is_file():
                found.append(path)
    return sorted(found)
