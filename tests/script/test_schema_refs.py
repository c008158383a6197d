# SPDX-License-Identifier: Apache-2.0
"""Schemas of a plugin that refer to each other and to files beside the
manifest: what is checked, what clients get, and what a change does."""

import json
import os
import shutil
import subprocess
import sys

import pytest

import mcp_wire as w

SOURCE = """
#include <toolpost/plugin.h>
static int take(struct tp_call *c, void *s)
{
    (void)s;
    return tp_textf(c, "taken");
}
static const struct tp_entry entries[] = {
    TP_TOOL_FLAGS("refs_take", take, TP_NONBLOCKING),
};
TP_PLUGIN("refs", "1.0.0", entries);
"""
MANIFEST = """\
plugin: refs
version: 1.0.0
module: refs.so
schemas:
  day: {type: integer, minimum: 1, maximum: 7}
tools:
  - name: refs_take
    description: Takes a place and a day.
    inputSchema:
      type: object
      additionalProperties: false
      properties:
        place: {$ref: common/place.json#/$defs/place}
        day: {$ref: day}
        form: {$ref: %s}
"""
PLACE = {"$defs": {
    "place": {"type": "object", "required": ["city"],
              "properties": {"city": {"$ref": "../word.yaml"}}}}}
NAMED = {"$anchor": "form", "$dynamicAnchor": "node", "type": "object",
         "properties": {"inner": {"$dynamicRef": "#node"}},
         "additionalProperties": False}

GOOD = [{}, {"day": 7}, {"place": {"city": "Oslo"}}, {"form": {"inner": {"inner": {}}}}]
BAD = [({"day": 8}, "/day: must be <= 7"), ({"place": {}}, '/place: missing required'),
       ({"place": {"city": ""}}, "/place/city: must have at least 1 character"),
       ({"form": {"inner": {"innr": 1}}}, "/form/inner/innr: unknown property")]

AJV = """
import Ajv2020 from "ajv/dist/2020.js";
const { schema, values } = JSON.parse(process.argv[1]);
const validate = new Ajv2020.default({ strict: false, logger: false }).compile(schema);
process.stdout.write(JSON.stringify(values.map((v) => validate(v))));
"""


class Plugin:
    def __init__(self, folder):
        self.dir, self.refs = str(folder), str(folder) + "/refs"
        os.makedirs(self.refs + "/common")
        w.compile_plugin(SOURCE, self.refs + "/refs.so")
        self.put("common/place.json", json.dumps(PLACE, indent=2))
        self.put("common/named.json", json.dumps(NAMED))
        self.put("word.yaml", "type: string\nminLength: 1\n")
        self.put("refs.yaml", MANIFEST % "common/named.json#form")

    def put(self, name, text, how="rename"):
        w.write_file(self.refs + "/" + name, text, how)


@pytest.fixture
def plugin(tmp_path):
    return Plugin(tmp_path / "plugins")


@pytest.fixture
def server(start, plugin):
    return start.serve(plugins=(plugin.dir,))


def take(c, arguments):
    return c.call("tools/call", {"name": "refs_take", "arguments": arguments})


def input_schema(c):
    return next(t["inputSchema"] for t in c.call("tools/list")["tools"])


def test_arguments_are_checked_by_what_is_referred_to(server):
    c = w.Modern(server)
    for arguments in GOOD:
        assert not take(c, arguments).get("isError"), arguments
    for arguments, line in BAD:
        answer = take(c, arguments)
        assert answer["isError"] and line in answer["content"][0]["text"], answer
    c.close()


@pytest.mark.parametrize("names", [True, False])
def test_what_clients_get_stands_alone(start, plugin, names):
    """TOOL-07: an engine that may fetch nothing judges as we do"""
    if not names:
        plugin.put("common/named.json", json.dumps(
            {"type": "object", "properties": {"inner": {"$ref": "#"}},
             "additionalProperties": False}))
        plugin.put("refs.yaml", MANIFEST % "common/named.json")
    server = start.serve(plugins=(plugin.dir,))
    c = w.Modern(server)
    schema = input_schema(c)
    for arguments, _ in BAD:
        assert take(c, arguments)["isError"]
    c.close()
    refs = list(references(schema))
    assert len(refs) >= 5
    if not names:
        assert all(r.startswith("#/$defs/") for r in refs), refs
    assert judge(schema, GOOD + [b for b, _ in BAD]) == [True] * len(GOOD) + [False] * len(BAD)


def references(value):
    if isinstance(value, dict):
        for k, v in value.items():
            if k in ("$ref", "$dynamicRef"):
                yield v
            yield from references(v)


def judge(schema, values):
    """The verdicts of ajv."""
    sys.path.insert(0, os.path.join(w.ROOT, "tests/clients"))
    from pathlib import Path

    import packages
    peer = Path(w.ROOT) / "build" / "schema-peer"
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    packages.install(Path(w.ROOT) / "tests/fuzz/schema", peer)
    done = subprocess.run(
        [packages.node(peer), "--input-type=module", "-e", AJV,
         json.dumps({"schema": schema, "values": values})],
        cwd=peer, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("how", ["rename", "copy"])
@pytest.mark.parametrize("name", ["word.yaml", "common/place.json"])
def test_a_changed_file_reloads_the_plugin(server, plugin, name, how):
    c = w.Modern(server)
    arguments = {"place": {"city": "x"}}
    assert not take(c, arguments).get("isError")
    mark = server.mark()
    if name == "word.yaml":
        plugin.put(name, "type: string\nminLength: 2\n", how)
    else:
        changed = json.loads(json.dumps(PLACE))
        changed["$defs"]["place"]["required"].append("street")
        plugin.put(name, json.dumps(changed), how)
    server.wait_log("plugins reloaded", mark, replaced=1)
    assert take(c, arguments)["isError"]
    c.close()


def test_a_broken_file_keeps_the_old_one_until_it_is_whole_again(server, plugin):
    c = w.Modern(server)
    mark = server.mark()
    plugin.put("word.yaml", "type: strin\n")
    event = server.wait_log("plugin refused", mark, plugin="refs")
    assert "word.yaml:1:7: error: /type: \"strin\" is not a JSON Schema type" in event["reason"]
    assert not take(c, {"place": {"city": "x"}}).get("isError")
    mark = server.mark()
    plugin.put("word.yaml", "type: string\nminLength: 2\n")
    server.wait_log("plugins reloaded", mark, replaced=1)
    assert take(c, {"place": {"city": "x"}})["isError"]
    c.close()


def test_a_file_that_comes_later_is_waited_for(start, plugin):
    os.unlink(plugin.refs + "/word.yaml")
    server = start.serve(plugins=(plugin.dir,))
    mark = server.mark()
    plugin.put("word.yaml", "type: string\nminLength: 1\n")
    server.wait_log("plugins reloaded", mark, added=1)
    c = w.Modern(server)
    assert not take(c, {"place": {"city": "x"}}).get("isError")
    c.close()


def test_check_says_where(plugin):
    plugin.put("common/place.json", '{\n "$defs": {"place": {"minimum": "1"}}\n}')
    done = subprocess.run([w.BIN, "check", plugin.refs + "/refs.yaml"],
                          capture_output=True, text=True, timeout=w.DEADLINE * 2)
    assert done.returncode == 6
    assert "/refs/common/place.json:2:33: error: /$defs/place/minimum: must be a number" \
        in done.stderr, done.stderr
    assert "1 error" in done.stdout
