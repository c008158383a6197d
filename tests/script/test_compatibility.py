# SPDX-License-Identifier: Apache-2.0
"""Each cell of docs/compatibility.md, on every way in."""

import subprocess
import sys

import pytest

import mcp_features as f
import mcp_peer as p
import mcp_wire as w

CELLS = list(f.cells())


@pytest.fixture(scope="module")
def peers(module_start, fixture_plugins):
    """One client for each revision and way in: probes leave nothing behind."""
    opened = {}
    config = ("server: {name: compatible, title: Compatible}\n"
              "http: {legacy_sse: true}\n")
    plugins = (w.PLUGINS, fixture_plugins)
    server = module_start.serve(config, plugins=plugins, listen=(
        "127.0.0.1:0", "line+unix:" + module_start.path("compatible.sock")))

    def find(way, revision):
        if (way, revision) not in opened:
            process = None
            if way == "stdio":
                process = module_start.stdio(plugins=plugins, args=(
                    "--config", module_start.config(config)))
            opened[way, revision] = p.Peer(way, revision, server, process,
                                           capabilities=f.DECLARED)
        return opened[way, revision]
    yield find
    for one in opened.values():
        one.close()


@pytest.mark.parametrize(
    "feature, revision, way", CELLS,
    ids=["%s-%s-%s" % (one.probe.__name__, revision, way) for one, revision, way in CELLS])
def test_a_cell_says_what_is(peers, feature, revision, way):
    """LIFE-18"""
    assert feature.probe(peers(way, revision)) is f.is_offered(feature, revision)


def test_the_page_is_this_table():
    done = subprocess.run([sys.executable, f.__file__], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
