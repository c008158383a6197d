# SPDX-License-Identifier: Apache-2.0
"""Many plugins at a start: their processes run beside one another, and all is
as if each were loaded alone, in the order of their names."""

import os

import pytest

import mcp_wire as w

MANY = 40
BAD = {  # which one, and what the log says of it
    7: ("constructor", "ended the rehearsal by signal 6"),
    16: ("load", "load() failed with status -1"),
    23: ("name", "has no function for"),
    31: ("taken", "is taken by plugin many-04"),
}

SOURCE = """
#include <stdlib.h>
#include <toolpost/plugin.h>
static int mark(struct tp_call *c, void *s)
{ (void)s; return tp_text(c, tp_cstr("tool_00")); }
static int load(struct tp_plugin *p, const struct tp_json *config,
    const struct tp_snapshot *previous, void **state)
{ (void)p; (void)config; (void)previous; (void)state; return %(load)s; }
%(more)s
static const struct tp_entry entries[] = { TP_TOOL("tool_00", mark) };
TP_PLUGIN_STATE("many-00", "1.0.0", entries, 0, load, NULL, NULL);
"""
ABORTS = "__attribute__((constructor)) static void begin(void) { abort(); }"

MANIFEST = """\
plugin: many-%02d
version: 1.0.0
abi: 1
module: many.so
description: One of many.
tools:
  - name: %s
    description: Tells its name.
    inputSchema: {type: object}
"""


def module_bytes(folder, load="TP_OK", more=""):
    path = w.compile_plugin(SOURCE % dict(load=load, more=more),
                            os.path.join(folder, "many.so"))
    with open(path, "rb") as f:
        return f.read()


def write_one(folder, i, code, tool):
    one = os.path.join(folder, "many-%02d" % i)
    os.mkdir(one)
    code = code.replace(b"many-00", b"many-%02d" % i)
    w.write_file(one + "/many.so", code.replace(b"tool_00", tool.encode()))
    w.write_file("%s/many-%02d.yaml" % (one, i), MANIFEST % (i, tool))


@pytest.fixture(scope="module")
def codes(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("modules"))
    return {"good": module_bytes(folder),
            "load": module_bytes(folder, load="TP_EFAIL"),
            "constructor": module_bytes(folder, more=ABORTS)}


@pytest.mark.parametrize("isolation", ["none", "process"])
def test_many_plugins_are_loaded_in_the_order_of_their_names(start, codes, isolation):
    folder = start.path("many")
    os.mkdir(folder)
    for i in range(MANY):
        kind = BAD[i][0] if i in BAD else "good"
        tool = "tool_04" if kind == "taken" else "tool_%02d" % i
        write_one(folder, i, codes.get(kind, codes["good"]), tool)
        if kind == "name":
            w.write_file("%s/many-%02d/many-%02d.yaml" % (folder, i, i),
                         MANIFEST % (i, "tool_zz"))
    server = start.serve("plugins: {isolation: %s%s}" % (isolation, w.BEST_EFFORT),
                         plugins=(folder,))
    loaded = server.wait_log("plugins loaded")
    assert (loaded["loaded"], loaded["refused"]) == (MANY - len(BAD), len(BAD))
    for event in ("plugin warm", "plugin refused", "runner ready"):
        said = [x["plugin"] for x in server.lines if x.get("event") == event]
        assert said == sorted(said)
    for i, (_, reason) in BAD.items():
        name = "many-%02d" % i
        assert reason in server.wait_log("plugin refused", plugin=name)["reason"]
    m = w.Modern(server)
    for i in range(MANY):
        if i not in BAD:
            tool = "tool_%02d" % i
            assert m.tool(tool)["content"][0]["text"] == tool
    m.close()
