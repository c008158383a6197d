# SPDX-License-Identifier: Apache-2.0
"""Plugins that change while they are served."""

import os
import re
import select
import shutil
import threading

import pytest

import mcp_wire as w

SOURCE = """
#include <toolpost/plugin.h>
/* The test writes over the digits.  Read twice: an answer of two halves that
 * differ would be of two generations. */
static const volatile char mark[] = "@@MARK@@00000000";
static struct tp_str digits(struct tp_call *c)
{
    char *at = c->host->alloc(c, 8);
    struct tp_str v = { at, 8 };
    for (int i = 0; i < 8; i++)
        at[i] = mark[8 + i];
    return v;
}
static int say(struct tp_call *c, void *s)
{
    struct tp_str a = digits(c), b = digits(c);
    (void)s;
    return tp_textf(c, "%.*s %.*s", TP_FMT(a), TP_FMT(b));
}
static const struct tp_entry entries[] = {
    TP_TOOL_FLAGS("ver_say", say, TP_NONBLOCKING), TP_TOOL("ver_say_later", say),
    TP_RESOURCE("ver://r", say), TP_PROMPT("ver_said", say), MORE
};
TP_PLUGIN("ver", "1.0.0", entries);
"""

MANIFEST = """\
plugin: ver
version: 1.0.0
module: ver.so
tools:
  - {name: ver_say, description: "%s", inputSchema: {type: object}}
  - {name: ver_say_later, description: Says its digits, inputSchema: {type: object}}
%sresources:
  - {uri: "ver://r", name: r}
prompts:
  - {name: ver_said, description: Says its digits.}
"""
EXTRA = "  - {name: ver_extra, description: One more, inputSchema: {type: object}}\n"
CHANGED = "notifications/%s/list_changed"


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    """Bytes of the module: without and with one tool more."""
    folder = tmp_path_factory.mktemp("modules")
    plain = w.compile_plugin(SOURCE.replace("MORE", ""), folder / "a.so")
    extra = w.compile_plugin(
        SOURCE.replace("MORE", 'TP_TOOL("ver_extra", say)'), folder / "b.so")
    return plain.read_bytes(), extra.read_bytes()


def numbered(module, n):
    at = module.index(b"@@MARK@@") + 8
    return module[:at] + b"%08d" % n + module[at + 8:]


class Plugin:
    """The folder of one plugin, and how it is changed."""

    def __init__(self, dir, modules):
        self.dir, self.modules = dir, modules
        self.manifest, self.module = dir + "/ver/ver.yaml", dir + "/ver/ver.so"
        os.makedirs(dir + "/ver")
        self.put(1)

    def put(self, n, how="rename", text="Says its digits", extra=False):
        w.write_file(self.module, numbered(self.modules[extra], n), how)
        self.describe(text, extra, how)

    def describe(self, text, extra=False, how="rename"):
        w.write_file(self.manifest, MANIFEST % (text, EXTRA if extra else ""), how)


@pytest.fixture
def plugin(start, modules):
    return Plugin(start.path("plugins"), modules)


@pytest.fixture
def server(start, plugin):
    return start.serve(plugins=(plugin.dir, w.PLUGINS), listen=(
        "127.0.0.1:0", "line+unix:" + start.path("l.sock")))


def says(server, name="ver_say"):
    c = w.Modern(server)
    text = c.tool(name)["content"][0]["text"]
    c.close()
    a, b = text.split()
    assert a == b and re.fullmatch(r"\d{8}", a), text
    return int(a)


def listed(server):
    c = w.Modern(server)
    tools = {t["name"]: t["description"] for t in c.call("tools/list")["tools"]}
    c.close()
    return tools


@pytest.mark.parametrize("how", ["rename", "copy"])
def test_a_new_module_is_served(server, plugin, how):
    """TOOL-25, DISC-08: by rename, and by writing over the file"""
    assert says(server) == 1
    for n in (2, 3, 4):
        mark = server.mark()
        w.write_file(plugin.module, numbered(plugin.modules[0], n), how)
        server.wait_log("plugin warm", mark, plugin="ver")
        server.wait_log("plugins reloaded", mark, replaced=1)
        assert says(server) == n and says(server, "ver_say_later") == n


@pytest.mark.parametrize("how", ["rename", "copy"])
def test_a_new_manifest_is_served(server, plugin, how):
    """TOOL-03, TOOL-21"""
    for text in ("One", "Two"):
        mark = server.mark()
        plugin.describe(text, how=how)
        server.wait_log("plugins reloaded", mark)
        assert listed(server)["ver_say"] == text
    assert says(server) == 1


def test_a_module_and_its_manifest_change_together(server, plugin):
    """plugin-abi.md 5: one event"""
    mark = server.mark()
    plugin.put(2, text="New", extra=True)
    server.wait_log("plugins reloaded", mark, replaced=1, refused=0)
    assert says(server) == 2 and listed(server)["ver_extra"] == "One more"
    mark = server.mark()
    plugin.put(3)
    server.wait_log("plugins reloaded", mark, replaced=1, refused=0)
    assert says(server) == 3 and "ver_extra" not in listed(server)


@pytest.mark.parametrize("shape", ["folder", "file"])
def test_a_plugin_that_is_added_is_served_and_one_removed_is_not(server, plugin, shape, modules):
    """plugin-abi.md 5: <dir>/<name>.yaml and <dir>/<name>/<name>.yaml"""
    mark = server.mark()
    shutil.rmtree(plugin.dir + "/ver")
    server.wait_log("plugins reloaded", mark, removed=1)
    c = w.Modern(server)
    assert c.error("tools/call", {"name": "ver_say"})["code"] == -32602
    assert c.tool("hello")
    where = plugin.dir + ("/ver" if shape == "folder" else "")
    os.makedirs(where, exist_ok=True)
    mark = server.mark()
    w.write_file(where + "/ver.so", numbered(modules[0], 9))
    w.write_file(where + "/ver.yaml", MANIFEST % ("Again", ""))
    server.wait_log("plugins reloaded", mark, added=1)
    assert c.tool("ver_say")["content"][0]["text"] == "00000009 00000009"
    mark = server.mark()
    os.unlink(where + "/ver.yaml")
    server.wait_log("plugins reloaded", mark, removed=1)
    assert c.error("tools/call", {"name": "ver_say"})["code"] == -32602
    c.close()


def test_a_folder_that_is_made_later_is_watched(start, modules, tmp_path):
    dir = str(tmp_path / "later")
    server = start.serve(plugins=(w.PLUGINS, dir))
    mark = server.mark()
    Plugin(dir, modules)
    server.wait_log("plugins reloaded", mark, added=1)
    assert says(server) == 1


def test_without_watching_changes_wait_for_a_signal(start, plugin):
    """SIGHUP, watch off"""
    server = start.serve("plugins: {watch: false}", plugins=(plugin.dir, w.PLUGINS))
    for n in (2, 3):
        plugin.put(n, text="N%d" % n)
        assert says(server) == n - 1
        mark = server.mark()
        server.kill(1)
        server.wait_log("reload", mark)
        server.wait_log("plugins reloaded", mark, replaced=1)
        assert says(server) == n and listed(server)["ver_say"] == "N%d" % n
    server.kill(1)  # nothing to do is no harm
    assert says(server) == 3


def test_no_watch_is_an_option_too(start, plugin):
    server = start.serve(plugins=(plugin.dir,), args=("--no-watch",))
    plugin.put(2)
    mark = server.mark()
    server.kill(1)
    server.wait_log("plugins reloaded", mark)
    assert says(server) == 2


def test_an_unchanged_plugin_keeps_its_place_and_its_bytes(server, plugin):
    """TOOL-03: also after a signal"""
    c = w.Modern(server)
    before = c.post("tools/list", id=1).body
    for _ in range(3):
        mark = server.mark()
        server.kill(1)
        server.wait_log("reload", mark)
        assert c.post("tools/list", id=1).body == before
    mark = server.mark()
    w.write_file(plugin.module, numbered(plugin.modules[0], 5))
    server.wait_log("plugins reloaded", mark)
    assert c.post("tools/list", id=1).body == before
    c.close()


def test_a_running_call_finishes_with_the_old_code(start, fixture_plugins, gate):
    """TOOL-25"""
    dir = start.path("fx")
    shutil.copytree(fixture_plugins, dir)
    server = start.serve(plugins=(dir,))
    c = w.Modern(server)
    c.send("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}})
    held = gate.entered()
    mark = server.mark()
    with open(dir + "/fx/fx.yaml") as f:
        text = f.read()
    w.write_file(dir + "/fx/fx.yaml", text.replace("Answers with no block.", "New."))
    server.wait_log("plugin draining", mark, plugin="fx")
    assert listed(server)["fx_nothing"] == "New."
    held.go()
    assert c.conn.response().json["result"]["content"][0]["text"] == "held"
    server.wait_log("plugin resident", mark, plugin="fx")
    c.close()


# --- who is told ---

class Ears:
    """Streams of every kind; each is told exactly once a batch."""

    def __init__(self, server, kinds=("tools", "prompts", "resources")):
        self.sessions = [w.Legacy(server, r) for r in w.STATEFUL]
        self.gets = [s.stream() for s in self.sessions]
        self.listens = [w.Modern(server).listen(i, **{k + "ListChanged": True for k in kinds})
                        for i in range(3)]
        self.lines = [w.Line(server.line_unix) for _ in range(3)]
        for line in self.lines[:2]:
            line.handshake()
            assert line.legacy("ping")["result"] == {}
        self.lines[2].ask(w.modern("subscriptions/listen", {
            "notifications": {k + "ListChanged": True for k in kinds}}, "line"))

    def next(self):
        """One message of each."""
        return ([r.stream.message() for _, r in self.gets]
                + [s.message() for _, s, _ in self.listens]
                + [l.recv() for l in self.lines])

    def hear(self, *kinds):
        want = sorted(CHANGED % k for k in kinds)
        rounds = [self.next() for _ in kinds]
        for heard in zip(*rounds):
            assert sorted(m["method"] for m in heard) == want, heard

    def close(self):
        for c, _ in self.gets:
            c.close()
        for c, _, _ in self.listens:
            c.close()
        for c in self.lines + self.sessions:
            c.close()


def test_a_change_is_told_once_to_everybody(server, plugin):
    """TOOL-21, RSRC-16, PROM-08, GETL-03, GETL-05, SUB-06, CACHE-07: the next
    message of each stream is that of the next batch"""
    ears = Ears(server)
    for i, change in enumerate((
            lambda: plugin.describe("One"), lambda: plugin.put(2, text="Two", extra=True),
            lambda: plugin.put(3, text="Three"))):
        change()
        ears.hear("tools")
    shutil.rmtree(plugin.dir + "/ver")
    ears.hear("tools", "prompts", "resources")
    Plugin(plugin.dir, plugin.modules)
    ears.hear("tools", "prompts", "resources")
    ears.close()


def test_a_module_alone_changes_no_list(server, plugin):
    """plugin-abi.md 5: list_changed if the list differs"""
    ears = Ears(server)
    mark = server.mark()
    w.write_file(plugin.module, numbered(plugin.modules[0], 7))
    server.wait_log("plugins reloaded", mark)
    assert says(server) == 7
    plugin.describe("Now the list")
    ears.hear("tools")
    ears.close()


def test_several_plugins_are_one_batch(server, plugin, modules):
    """plugin-abi.md 5: one snapshot, at most one list_changed per kind"""
    for i in range(5):
        os.makedirs(plugin.dir + "/.new/p%d" % i)
        source = SOURCE.replace("MORE", "").replace('"ver', '"p%d' % i)
        w.compile_plugin(source, plugin.dir + "/.new/p%d/p%d.so" % (i, i))
        w.write_file(plugin.dir + "/.new/p%d/p%d.yaml" % (i, i),
                     re.sub(r"\bver(?=[_.:\n])", "p%d" % i, MANIFEST % ("x", "")))
    ears = Ears(server)
    mark = server.mark()
    for i in range(5):
        os.rename(plugin.dir + "/.new/p%d" % i, plugin.dir + "/p%d" % i)
    server.wait_log("plugins reloaded", mark, added=5)
    ears.hear("tools", "prompts", "resources")
    plugin.describe("After")
    ears.hear("tools")
    ears.close()


def test_nobody_is_told_before_he_is_ready(server, plugin):
    """LIFE-06: the change is told when the session is ready, or with its stream"""
    s = w.Legacy(server, ready=False)
    conn, r = s.stream()
    mark = server.mark()
    plugin.describe("Early")
    server.wait_log("plugins reloaded", mark)
    for _ in range(16):  # every reactor has had its turn
        s.conn.close()
        s.conn = w.Http(server.http)
        assert s.call("ping") == {}
    ready, _, _ = select.select([conn.sock], [], [], 0)
    assert not ready, conn.sock.recv(4096)
    assert s.notify("notifications/initialized").status == 202
    plugin.describe("Late")
    assert r.stream.message()["method"] == CHANGED % "tools"
    conn.close()
    s.close()


def test_a_change_without_a_stream_is_told_when_there_is_one(server, plugin):
    """GETL-08: coalesced"""
    s = w.Legacy(server)
    for text in ("One", "Two", "Three"):
        mark = server.mark()
        plugin.describe(text)
        server.wait_log("plugins reloaded", mark)
    conn, r = s.stream()
    assert r.stream.message()["method"] == CHANGED % "tools"
    plugin.describe("Four")
    assert r.stream.message()["method"] == CHANGED % "tools"
    assert s.delete().status == 204
    assert r.stream.message() is None
    conn.close()
    s.close()


def test_a_refused_change_is_told_to_nobody(server, plugin):
    ears = Ears(server)
    mark = server.mark()
    w.write_file(plugin.manifest, "plugin: [\n")
    server.wait_log("plugin refused", mark)
    plugin.describe("Right again")
    ears.hear("tools")
    ears.close()


# --- under load ---

class Caller(threading.Thread):
    """Calls until it is told to stop; every answer must be whole."""

    def __init__(self, make, tool):
        super().__init__(daemon=True)
        self.make, self.tool = make, tool
        self.over = threading.Event()
        self.seen, self.calls, self.fault = [], 0, None

    def run(self):
        try:
            c = self.make()
            while not self.over.is_set():
                text = c.tool(self.tool)["content"][0]["text"]
                a, b = text.split()
                assert a == b, text
                n = int(a)
                assert not self.seen or n >= self.seen[-1], "an old answer after a new one"
                if not self.seen or n != self.seen[-1]:
                    self.seen.append(n)
                self.calls += 1
            c.close()
        except BaseException as e:  # told by finish()
            self.fault = e

    def finish(self):
        self.over.set()
        self.join(w.DEADLINE)
        assert self.fault is None, repr(self.fault)
        assert not self.is_alive()
        return self.calls


def test_replacements_under_load_lose_no_call(start, plugin):
    """issue: no failed call, every answer from the old or the new one, whole"""
    count = int(os.environ.get("TOOLPOST_RELOADS", "100"))
    server = start.serve("plugins: {max_resident_generations: %d}" % (count + 10),
                         plugins=(plugin.dir, w.PLUGINS))
    callers = [Caller(lambda era=era: era(server), tool)
               for era in (w.Modern, w.Legacy) for tool in ("ver_say", "ver_say_later")]
    for c in callers:
        c.start()
    for n in range(2, count + 2):
        mark = server.mark()
        w.write_file(plugin.module, numbered(plugin.modules[0], n),
                     "copy" if n % 2 else "rename")
        server.wait_log("plugin warm", mark, plugin="ver")
    assert says(server) == count + 1
    calls = [c.finish() for c in callers]
    assert min(calls) > count
    assert not [x for x in server.lines if x.get("event") == "plugin refused"], server.log_text()


def test_too_many_old_generations_are_refused_with_the_reason(start, plugin):
    """plugin-abi.md 5: plugins.max_resident_generations"""
    server = start.serve("plugins: {isolation: none, max_resident_generations: 3}",
                         plugins=(plugin.dir,))
    refused = None
    for n in range(2, 8):
        mark = server.mark()
        w.write_file(plugin.module, numbered(plugin.modules[0], n))
        line = server.wait_log("plugins reloaded", mark)
        if int(line["refused"]):
            refused = server.wait_log("plugin refused", mark)
            break
        assert says(server) == n
    assert refused is not None and n > 3
    assert "max_resident_generations" in refused["reason"] or "restart" in refused["reason"]
    assert says(server) == n - 1
