# SPDX-License-Identifier: Apache-2.0
"""The plugin that the clients' tests bring: built where they run."""
import os
import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
INCLUDE = SOURCE.parent.parent / "sdk" / "include"
MANY = 250

HEAD = """plugin: clients
version: 1.0.0
abi: 1
module: clients.so
tools:
  - name: ask_url
    description: Asks the user to open an address.
    inputSchema: {type: object}
  - name: ask_model_with_tools
    description: Asks the client's model, which may use a tool.
    inputSchema: {type: object}
"""


def names():
    return [f"many_{i:03}" for i in range(MANY)]


def build(folder):
    """Makes folder/clients; returns its manifest's path."""
    plugin = Path(folder) / "clients"
    plugin.mkdir(parents=True)
    tools = ", \\\n".join(f'TP_TOOL("{n}", fn_)' for n in names())
    (plugin / "fixture_many.h").write_text(f"#define MANY(fn_) \\\n{tools}\n")
    subprocess.run(
        [os.environ.get("CC", "cc"), "-std=gnu11", "-shared", "-fPIC",
         "-fvisibility=hidden", "-O1", "-I", str(INCLUDE), "-I", str(plugin),
         str(SOURCE / "fixture.c"), "-o", str(plugin / "clients.so")],
        check=True)
    manifest = plugin / "clients.yaml"
    manifest.write_text(HEAD + "".join(
        f"  - {{name: {n}, description: One of many.}}\n" for n in names()))
    return manifest
