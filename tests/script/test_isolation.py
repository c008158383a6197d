# SPDX-License-Identifier: Apache-2.0
"""Where a plugin runs, and who decides it (plugin-abi.md 4): a process of its
own, unless the operator says none; an author may ask for more, not for less."""

import json
import os
import subprocess

import pytest

import mcp_wire as w


@pytest.fixture
def plugin(start, hostile_plugins):
    """hostile with a manifest that says so, or nothing."""
    def make(said):
        folder = start.path("plugins")
        os.mkdir(folder)
        with open(hostile_plugins + "/hostile/hostile.yaml") as f:
            text = f.read()
        assert "isolation: process\n" in text
        w.write_file(folder + "/hostile.yaml",
                     text.replace("isolation: process\n", said))
        with open(hostile_plugins + "/hostile/hostile.so", "rb") as f:
            w.write_file(folder + "/hostile.so", f.read())
        return folder
    return make


# the operator's configuration, the manifest, who decides, what he decides
CASES = [
    ("", "", "default", "process"),
    ("", "isolation: none\n", "default", "process"),
    ("isolation: none", "", "config", "none"),
    ("isolation: none", "isolation: process\n", "manifest", "process"),
    ("isolation: none, hostile: {isolation: process}", "", "config", "process"),
    ("hostile: {isolation: none}", "", "config", "none"),
    ("hostile: {isolation: none}", "isolation: process\n", "config", "none"),
]


@pytest.mark.parametrize("said, manifest, by, where", CASES)
def test_who_decides_where_a_plugin_runs(start, plugin, said, manifest, by, where):
    folder = plugin(manifest)
    config = "plugins: {sandbox: best-effort%s}\n" % (", " + said if said else "")
    # Said whole: the kit would add what it thinks.
    path = start.config(config)
    server = w.Server(config=path, plugins=(folder,))
    start.running.append((server, False))
    modern = w.Modern(server)
    pid = int(modern.tool("hostile_none")["content"][0]["text"])
    assert (pid == server.pid) == (where == "none")
    modern.close()
    if manifest == "isolation: none\n":
        text = server.wait_log("plugin warning", plugin="hostile")["text"]
        assert "counts for nothing" in text
    deciders = {"default": "default", "config": path + ":1:",
                "manifest": folder + "/hostile.yaml:8:1"}
    line = subprocess.run(
        [w.BIN, "check", "--config", path, folder], capture_output=True,
        text=True, timeout=w.DEADLINE).stdout.splitlines()[0]
    assert line.startswith("hostile: isolation: %s, " % where)
    assert deciders[by] in line
    found = json.loads(subprocess.run(
        [w.BIN, "check", "--json", "--config", path, folder],
        capture_output=True, text=True, timeout=w.DEADLINE).stdout)["plugins"][0]
    assert found["plugin"] == "hostile" and found["isolation"] == where
    assert found["decidedBy"].startswith(deciders[by])


def test_stdio_has_runners_too(start, plugin):
    path = start.config("plugins: {sandbox: best-effort}\n")
    stdio = w.Stdio(plugins=(plugin(""),), args=("--config", path))
    start.running.append((stdio, False))
    stdio.wait_log("runner ready", plugin="hostile")
