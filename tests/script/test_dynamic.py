# SPDX-License-Identifier: Apache-2.0
"""Entries that a plugin adds and drops while it runs (tp.dynamic/1), in the
server's process and in a runner: nobody can tell the difference."""

import os
import signal

import pytest

import mcp_wire as w

MANIFEST = """\
plugin: dyn
version: 1.0.0
module: dyn.so
dynamic: {prefix: gh_, max: 20, kinds: [tool, resource, prompt]}
tools:
  - {name: dyn_change, description: Changes., inputSchema: {type: object}}
  - {name: dyn_counts, description: Counts.}
  - {name: dyn_release, description: Releases.}
"""
CHANGED = "notifications/%s/list_changed"


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dynamic")
    with open(os.path.join(w.ROOT, "tests/plugins/dynamic.c")) as f:
        source = f.read()
    return [w.compile_plugin(source, folder / (build + ".so"),
                             '-DBUILD="%s"' % build, "-pthread").read_bytes()
            for build in ("one", "two")]


def serve(start, modules, isolation):
    folder = start.path("plugins")
    os.mkdir(folder)
    w.write_file(folder + "/dyn.so", modules[0])
    w.write_file(folder + "/dyn.yaml", MANIFEST)
    s = start.serve("plugins: {isolation: %s%s}\n" % (isolation, w.BEST_EFFORT),
                    plugins=(folder, w.PLUGINS))
    s.folder = folder
    return s


@pytest.fixture(params=["none", "process"])
def server(start, modules, request):
    return serve(start, modules, request.param)


@pytest.fixture
def isolated(start, modules):
    return serve(start, modules, "process")


def put(entry, kind=1, **about):
    if kind == 1:
        about.setdefault("description", "Added.")
    return {"put": entry, "kind": kind, "about": about}


def drop(name, kind=1):
    return {"drop": name, "kind": kind}


def change(client, *changes):
    r = client.tool("dyn_change", {"changes": list(changes)})
    return r["content"][0]["text"]


def names(client, what="tools"):
    return [t["name"] for t in client.call(what + "/list")[what]]


class Ears:
    """Everybody who hears of changes, in both eras."""

    def __init__(self, server):
        self.sessions = [w.Legacy(server, r) for r in (w.R1, w.R4)]
        self.streams = [s.stream() for s in self.sessions]
        self.listens = [w.Modern(server).listen(
            i, toolsListChanged=True, promptsListChanged=True,
            resourcesListChanged=True) for i in range(2)]

    def hear(self):
        return [r.stream.message()["method"] for _, r in self.streams] \
            + [s.message()["method"] for _, s, _ in self.listens]

    def expect(self, *kinds):
        for kind in kinds:
            assert self.hear() == [CHANGED % kind] * 4

    def close(self):
        for c in [c for c, _ in self.streams] + [c for c, _, _ in self.listens] \
                + self.sessions:
            c.close()


@pytest.fixture
def ears(server):
    e = Ears(server)
    yield e
    e.close()


def test_what_is_added_is_listed_and_called(server, ears):
    """TOOL-21, TOOL-02: once for each list, in both eras"""
    modern = w.Modern(server)
    assert change(modern, put("gh_b"), put("gh_a"), put(
        "gh_p", 3, description="Asks.", arguments=[{"name": "x", "title": "X"}]), put(
        "gh://issues", 2, name="Issues", mimeType="text/plain", size=3)) == "0 0 0 0 = 0"
    ears.expect("tools", "prompts", "resources")
    for client in [modern] + ears.sessions:
        mine = [n for n in names(client) if n[:3] == "gh_"]
        assert mine == ["gh_a", "gh_b"]
        assert "gh_p" in names(client, "prompts")
        assert client.tool("gh_a")["content"][0]["text"] == "gh_a of one"
        r = client.call("resources/read", {"uri": "gh://issues"})
        assert r["contents"][0]["text"] == "gh://issues of one"
        assert r["contents"][0]["mimeType"] == "text/plain"
        r = client.call("prompts/get", {"name": "gh_p"})
        assert r["messages"][0]["content"]["text"] == "gh_p of one"
    # Nothing more was told: the next message is of the next change.
    assert change(modern, drop("gh_a")) == "0 = 0"
    ears.expect("tools")
    assert "gh_a" not in names(modern) and "gh_b" in names(modern)
    assert change(modern, drop("gh_p", 3)) == "0 = 0"
    ears.expect("prompts")
    modern.close()


def test_an_added_entry_is_shown_as_each_revision_has_it(server, ears):
    """TOOL-05, PROM-02"""
    modern = w.Modern(server)
    change(modern, put("gh_t", title="T", icons=[{"src": "https://x.example/i"}],
                       annotations={"readOnlyHint": True}, _meta={"a": 1},
                       inputSchema={"type": "object", "properties": {"n": {"type": "integer"}}},
                       outputSchema={"type": "array"}))
    ears.expect("tools")
    have = {}
    for client in ears.sessions + [modern]:
        have[client.revision] = next(
            t for t in client.call("tools/list")["tools"] if t["name"] == "gh_t")
    base = {"name", "description", "inputSchema"}
    assert set(have[w.R1]) == base
    assert set(have[w.R4]) == base | {"title", "annotations", "icons", "_meta"}
    assert set(have[w.R5]) == set(have[w.R4]) | {"outputSchema"}
    r = modern.tool("gh_t", {"n": "x"})
    assert r["isError"] and "/n" in r["content"][0]["text"]
    modern.close()


def test_a_refused_batch_changes_nothing(server, ears):
    """plugin-abi.md 7.4: all or nothing, and the log says why"""
    modern = w.Modern(server)
    mark = server.mark()
    many = [put("gh_%d" % i) for i in range(20)]
    assert change(modern, put("gh_x")) == "0 = 0"
    ears.expect("tools")
    assert change(modern, *many).endswith("= -7")
    server.wait_log("plugin entry refused", mark, status=-7,
                    reason="more entries than dynamic.max")
    assert [n for n in names(modern) if n[:3] == "gh_"] == ["gh_x"]
    mark = server.mark()
    assert change(modern, put("gh_y", inputSchema={"type": "object", "properties": {
        "a/b": {"type": "strin"}}})) == "-3 = 0"
    line = server.wait_log("plugin entry refused", mark, name="gh_y")
    assert line["reason"].startswith("about/inputSchema/properties/a~1b/type: ")
    assert "hint: " in line["reason"]
    modern.close()


@pytest.mark.parametrize("name", ["gh_hold", "gh_hold_quick"])
def test_a_call_goes_on_while_its_entry_is_dropped(server, name, ears):
    """TOOL-25"""
    caller, modern = w.Modern(server), w.Modern(server)
    change(modern, put(name))
    ears.expect("tools")
    caller.send("tools/call", {"name": name})
    # The drop comes another way and must not overtake the call.
    while "holds" not in modern.tool("dyn_counts")["content"][0]["text"]:
        pass
    assert change(modern, drop(name)) == "0 = 0"
    ears.expect("tools")
    assert name not in names(modern)
    assert modern.error("tools/call", {"name": name})["code"] == -32602
    assert modern.tool("dyn_release")["content"][0]["text"] == "released"
    r = caller.conn.response().json["result"]
    assert r["content"][0]["text"] == "held by one"
    while modern.tool("dyn_counts")["content"][0]["text"] != "live 0 gone 1":
        pass
    caller.close()
    modern.close()


def test_no_client_sees_the_list_empty_during_a_reload(server, modules, ears):
    """plugin-abi.md 7.4: the snapshot carries the list"""
    modern = w.Modern(server)
    change(modern, put("gh_a"), put("gh_b"))
    ears.expect("tools")
    for n in range(1, 7):
        mark = server.mark()
        w.write_file(server.folder + "/dyn.so", modules[n % 2])
        seen = 0
        while '"plugins reloaded"' not in server.log_text(mark):
            assert {"gh_a", "gh_b"} <= set(names(modern))
            assert modern.tool("gh_b")["content"][0]["text"][:8] == "gh_b of "
            seen += 1
        assert seen > 0
        assert modern.tool("gh_a")["content"][0]["text"] == \
            "gh_a of " + ("two" if n % 2 else "one")
        server.wait_log("plugin unloaded", mark, plugin="dyn")
    assert "unload with" in server.log_text()
    assert "unload with 0 live" in server.log_text()
    modern.close()


def test_entries_leave_with_their_plugin(server, ears):
    """TOOL-21"""
    modern = w.Modern(server)
    change(modern, put("gh_a"))
    ears.expect("tools")
    os.unlink(server.folder + "/dyn.yaml")
    ears.expect("tools")
    assert "gh_a" not in names(modern)
    modern.close()


def runner_of(server, since=0):
    return server.wait_log("runner ready", since, plugin="dyn")["pid"]


def test_a_dead_runners_entries_leave_when_the_next_one_is_ready(isolated):
    """plugin-abi.md 7.4: they belong to the process that added them"""
    ears, modern = Ears(isolated), w.Modern(isolated)
    change(modern, put("gh_a"), put("gh_b"))
    ears.expect("tools")
    mark = isolated.mark()
    os.kill(runner_of(isolated), signal.SIGKILL)
    # Told once: they stay in the list until there is another one.
    ears.expect("tools")
    runner_of(isolated, mark)
    assert [n for n in names(modern) if n[:3] == "gh_"] == []
    assert change(modern, put("gh_a")) == "0 = 0"
    ears.expect("tools")
    assert modern.tool("gh_a")["content"][0]["text"] == "gh_a of one"
    ears.close()
    modern.close()


def test_what_load_adds_again_never_leaves_the_list(isolated, modules):
    """The next process begins with the snapshot its generation began with."""
    modern = w.Modern(isolated)
    change(modern, put("gh_a"), put("gh_b"))
    mark = isolated.mark()
    w.write_file(isolated.folder + "/dyn.so", modules[1])
    isolated.wait_log("plugin unloaded", plugin="dyn")
    pid = runner_of(isolated, mark)
    ears = Ears(isolated)
    for _ in range(3):
        mark = isolated.mark()
        os.kill(pid, signal.SIGKILL)
        while '"runner ready"' not in isolated.log_text(mark):
            assert {"gh_a", "gh_b"} <= set(names(modern))
        pid = runner_of(isolated, mark)
        assert {"gh_a", "gh_b"} <= set(names(modern))
        assert modern.tool("gh_b")["content"][0]["text"] == "gh_b of two"
    ears.close()
    modern.close()
