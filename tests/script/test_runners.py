# SPDX-License-Identifier: Apache-2.0
"""Several runners for one plugin, and some to spare (reliability.md 2): one
that dies or stands still takes its own calls along, and no other's."""

import json
import os
import select
import signal
import socket
import struct

import pytest

import mcp_wire as w
from test_admin import Admin
from test_dynamic import MANIFEST as DYNAMIC
from test_dynamic import modules as dynamic_modules  # noqa: F401, a fixture
from test_replace import MANIFEST as COUNTS
from test_replace import modules as counts_modules  # noqa: F401, a fixture
from test_watch import MANIFEST as WATCHES
from test_watch import VALUE, subscribe
from test_watch import modules as watches_modules  # noqa: F401, a fixture

NO_NEXT = "restart: {pause: 1h, longest_pause: 1h}"


def config(said, plugin="fx"):
    return "plugins: {isolation: process%s, %s: {%s}}\n" % (
        w.BEST_EFFORT, plugin, said)


@pytest.fixture
def serve(start, fixture_plugins):
    def make(said, also="", **more):
        return start.serve(config(said) + also, plugins=(fixture_plugins, w.PLUGINS),
                           **more)
    return make


def told(server, event, n=1, mark=0, plugin="fx"):
    """The processes of the next n such lines."""
    pids = []
    while len(pids) < n:
        line = server.wait_log(event, mark, plugin=plugin)
        mark = server.lines.index(line, mark) + 1
        pids.append(int(line["pid"]))
    return pids


class Call:
    """A call that is held in its handler; which process that is."""

    def __init__(self, server, gate, name="fx_hold", entered=True):
        self.conn = w.Http(server.http)
        m = w.modern("tools/call", {"name": name, "arguments": {"gate": gate.path}}, 1)
        self.conn.send(w.http_request("POST", "/mcp", w.modern_fields(m), w.dumps(m)))
        if entered:
            self.enter(gate)

    def enter(self, gate):
        self.held = gate.entered()
        self.pid = pid_of(self.held)

    def end(self):
        self.held.go()
        return self.answer()

    def answer(self):
        got = self.conn.response().json
        self.conn.close()
        return got["result"]["content"][0]["text"] if "result" in got else got["error"]


def pid_of(held):
    size = struct.calcsize("3i")
    return struct.unpack("3i", held.sock.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0]


@pytest.fixture(params=["shared", "per-reactor"])
def tables(request):
    return "descriptor_tables: %s\n" % request.param


def test_one_that_is_killed_loses_its_own_calls_alone(serve, gate, tables):
    """R-10, R-11: and the others take what comes"""
    server = serve("runners: 3", tables)
    pids = told(server, "runner ready", 3)
    calls = [Call(server, gate) for _ in range(3)]
    assert sorted(c.pid for c in calls) == sorted(pids)  # the one with the fewest
    mark = server.mark()
    os.kill(calls[1].pid, signal.SIGKILL)
    lost = calls[1].answer()
    assert lost["data"]["signal"] == 9 and lost["data"]["phase"] == "running"
    assert calls[0].end() == "held" and calls[2].end() == "held"
    new = told(server, "runner ready", 1, mark)[0]
    assert new not in pids
    calls = [Call(server, gate) for _ in range(3)]
    assert new in [c.pid for c in calls] and len({c.pid for c in calls}) == 3
    for c in calls:
        assert c.end() == "held"


def test_what_had_not_begun_goes_to_a_living_one_at_once(serve, gate):
    """No next one comes in this test."""
    server = serve("runners: 2, " + NO_NEXT)
    told(server, "runner ready", 2)
    # Each serves one turn after the other: two wait, one in each.
    first = [Call(server, gate, "fx_turn") for _ in range(2)]
    behind = [Call(server, gate, "fx_turn", False) for _ in range(2)]
    modern = w.Modern(server)
    modern.tool("fx_nothing", {})
    os.kill(first[0].pid, signal.SIGKILL)
    assert first[0].answer()["data"]["phase"] == "running"
    assert first[1].end() == "held"
    for _ in behind:
        held = gate.entered()
        assert pid_of(held) == first[1].pid
        held.go()
    assert [c.answer() for c in behind] == ["held"] * 2
    modern.close()


def test_one_that_stands_still_stops_nobody_else(serve, gate):
    server = serve("runners: 3")
    told(server, "runner ready", 3)
    modern = w.Modern(server)
    call = Call(server, gate)
    os.kill(call.pid, signal.SIGSTOP)
    for _ in range(30):
        modern.tool("fx_nothing", {})
    os.kill(call.pid, signal.SIGCONT)
    assert call.end() == "held"
    modern.close()


def test_a_spare_takes_over_without_a_start(serve, gate, tables):
    """It was there before, no other can have come."""
    server = serve("spare: 1, " + NO_NEXT, tables)
    first = told(server, "runner ready")[0]
    spare = told(server, "spare runner ready")[0]
    call = Call(server, gate)
    assert call.pid == first
    os.kill(first, signal.SIGKILL)
    assert call.answer()["data"]["signal"] == 9
    assert told(server, "spare runner serves") == [spare]
    call = Call(server, gate)
    assert call.pid == spare
    assert call.end() == "held"


def test_spares_are_made_up_for(serve, gate):
    """Those that were used, and those that died."""
    server = serve("runners: 2, spare: 2, restart: {pause: 0s, intensity: 8}")
    told(server, "runner ready", 2)
    spares = told(server, "spare runner ready", 2)
    mark = server.mark()
    os.kill(spares[0], signal.SIGKILL)
    new = told(server, "spare runner ready", 1, mark)[0]
    call = Call(server, gate)
    mark = server.mark()
    os.kill(call.pid, signal.SIGKILL)
    assert call.answer()["data"]["signal"] == 9
    serves = told(server, "spare runner serves", 1, mark)[0]
    assert serves in (spares[1], new)
    told(server, "spare runner ready", 1, mark)
    died = [l["pid"] for l in server.lines if l.get("event") == "runner died"]
    assert died == [spares[0], call.pid]


def test_deaths_of_all_count_for_a_quarantine(serve, gate):
    """What still runs in the others ends well."""
    server = serve("runners: 3, spare: 1, restart: {intensity: 3, pause: 1h, "
                   "longest_pause: 1h}", allow_errors=True)
    pids = told(server, "runner ready", 3)
    pids += told(server, "spare runner ready")
    call = Call(server, gate)
    for pid in [p for p in pids if p != call.pid]:
        mark = server.mark()
        os.kill(pid, signal.SIGKILL)
        server.wait_log("runner died", mark, pid=pid)
    server.wait_log("plugin quarantined", plugin="fx")
    modern = w.Modern(server)
    names = [t["name"] for t in modern.call("tools/list")["tools"]]
    assert "hello" in names and "fx_hold" not in names
    assert call.end() == "held"
    modern.close()


def fixture_say(folder, fixture_plugins, said):
    with open(fixture_plugins + "/fx/fx.yaml") as f:
        w.write_file(folder + "/fx.yaml", f.read() + said)


def fixture_copy(start, fixture_plugins, said):
    """fx with a manifest that says that, too."""
    folder = start.path("plugins")
    os.mkdir(folder)
    with open(fixture_plugins + "/fx/fx.so", "rb") as f:
        w.write_file(folder + "/fx.so", f.read())
    fixture_say(folder, fixture_plugins, said)
    return folder


def test_a_reload_replaces_all_of_them(start, fixture_plugins, gate):
    folder = fixture_copy(start, fixture_plugins, "runners: 2\nspare: 1\n")
    server = start.serve("plugins: {isolation: process%s}\n" % w.BEST_EFFORT,
                         plugins=(folder,))
    old = told(server, "runner ready", 2) + told(server, "spare runner ready")
    calls = [Call(server, gate) for _ in range(2)]
    assert {c.pid for c in calls} == set(old[:2])
    mark = server.mark()
    fixture_say(folder, fixture_plugins, "runners: 3\n")
    server.wait_log("plugin warm", mark, plugin="fx")
    new = told(server, "runner ready", 3, mark)
    more = [Call(server, gate) for _ in range(3)]
    assert {c.pid for c in more} == set(new)
    for c in calls + more:
        assert c.end() == "held"
    server.wait_log("plugin closed", mark, plugin="fx")
    for pid in old:
        assert not os.path.exists("/proc/%d" % pid)


def test_who_serves_can_be_seen(start, fixture_plugins, gate):
    """status, plugin inspect, metrics"""
    server = start.serve(config("runners: 2, spare: 1, " + NO_NEXT)
                         + "admin: {socket: %s}\n" % start.path("admin.sock"),
                         plugins=(fixture_plugins,))
    admin = Admin(server)
    serving = told(server, "runner ready", 2)
    spare = told(server, "spare runner ready")[0]
    call = Call(server, gate)

    def states():
        return {p["pid"]: (p["state"], p["calls"])
                for p in admin.plugin("fx")["runner"]["processes"]}

    other = [p for p in serving if p != call.pid][0]
    assert states() == {call.pid: ("serving", 1), other: ("serving", 0),
                        spare: ("spare", 0)}
    page = admin.cli("plugin", "inspect", "fx").stdout
    assert "pid %d, serving, 1 calls, " % call.pid in page
    assert "pid %d, spare, 0 calls, " % spare in page
    assert "\tprocess 2/2 +1\t" in admin.cli("status").stdout
    assert 'toolpost_plugin_runners{plugin="fx",state="serving"} 2' in text(admin)
    assert 'toolpost_plugin_runners{plugin="fx",state="spare"} 1' in text(admin)
    for pid in (other, spare):
        mark = server.mark()
        os.kill(pid, signal.SIGKILL)
        server.wait_log("runner died", mark, pid=pid)
    assert states() == {call.pid: ("serving", 1)}
    assert "\tprocess 1/2 +0\t" in admin.cli("status").stdout
    found = json.loads(admin.cli("--json", "status").stdout)["plugins"][0]
    assert (found["state"], found["runners"], found["serving"], found["spare"],
            found["standingBy"]) == ("warm", 2, 1, 1, 0)
    assert call.end() == "held"


def text(admin):
    return admin.ask("/metrics").body.decode()


def folder_of(start, name, module, manifest):
    folder = start.path(name)
    os.mkdir(folder)
    w.write_file("%s/%s.so" % (folder, name), module)
    w.write_file("%s/%s.yaml" % (folder, name), manifest)
    return folder


def refused(start, folder, said, plugin):
    server = start.serve(config(said, plugin), plugins=(folder, w.PLUGINS))
    return server.wait_log("plugin refused", plugin=plugin)["reason"]


@pytest.mark.parametrize("said", ["runners: 2", "spare: 1"])
def test_entries_at_run_time_are_of_one_process(start, dynamic_modules, said):
    folder = folder_of(start, "dyn", dynamic_modules[0], DYNAMIC)
    reason = refused(start, folder, said, "dyn")
    assert folder + "/dyn.yaml:4:10: " in reason
    assert "entries are of the one process that adds them" in reason
    assert start.path("config1.yaml") + ":1:" in reason
    assert "(hint: write runners: 1 and spare: 0 there)" in reason


def test_a_state_is_of_one_process(start, counts_modules):
    """Asked for by the manifest, or kept by the module"""
    manifest = COUNTS % ("v1", "cnt.so", "20s", "")
    folder = folder_of(start, "cnt", counts_modules["v1"], manifest)
    reason = refused(start, folder, "runners: 2", "cnt")
    assert folder + "/cnt.yaml:6:8: " in reason
    assert "a state is of one process" in reason
    w.write_file(folder + "/cnt.yaml", manifest.replace("state: required\n", ""))
    reason = refused(start, folder, "runners: 2", "cnt")
    assert "its save() keeps one state, and each of 2 runners" in reason
    assert "(hint: write runners: 1)" in reason


def test_without_isolation_there_are_no_runners(start, fixture_plugins):
    server = start.serve("plugins: {isolation: none, fx: {runners: 3}}\n",
                         plugins=(fixture_plugins,))
    said = server.wait_log("plugin warning", plugin="fx")["text"]
    assert "runners: 3, spare: 0 count for nothing with isolation: none" in said


def test_each_of_them_hears_what_is_watched(start, watches_modules):
    """RSRC-13: also the one that comes later"""
    folder = folder_of(start, "watches", watches_modules[0], WATCHES)
    server = start.serve(config("runners: 2, spare: 1", "watches"), plugins=(folder,))
    pids = told(server, "runner ready", 2, plugin="watches")
    told(server, "spare runner ready", plugin="watches")
    session = w.Legacy(server)
    subscribe(session)

    def says(n, mark):
        for _ in range(n):
            line = server.wait_log("plugin says", mark, text="one watches " + VALUE)
            mark = server.lines.index(line, mark) + 1
        return mark

    mark = says(2, 0)
    os.kill(pids[0], signal.SIGKILL)
    mark = says(1, mark)
    # The spare heard it when it began to serve, nobody twice.
    server.wait_log("spare runner ready", mark, plugin="watches")
    assert len([l for l in server.lines if l.get("event") == "plugin says"]) == 3
    session.close()


def test_what_is_left_of_a_quarantined_plugin_ends_with_its_calls(
        start, fixture_plugins, gate):
    """quarantine: error: its entries stay, and nobody calls them"""
    folder = fixture_copy(start, fixture_plugins, "quarantine: error\nrunners: 2\n")
    server = start.serve(config("restart: {intensity: 1}"), plugins=(folder,),
                         allow_errors=True)
    pids = told(server, "runner ready", 2)
    call = Call(server, gate)
    end = os.pidfd_open(call.pid)
    os.kill([p for p in pids if p != call.pid][0], signal.SIGKILL)
    server.wait_log("plugin quarantined", plugin="fx")
    modern = w.Modern(server)
    e = modern.error("tools/call", {"name": "fx_nothing", "arguments": {}})
    assert "quarantined after 1 deaths" in e["message"]
    assert not select.select([end], [], [], 0)[0]
    assert call.end() == "held"
    assert select.select([end], [], [], w.DEADLINE)[0]
    os.close(end)
    modern.close()


def test_a_reload_that_waits_for_all_of_them(start, fixture_plugins, gate):
    """reload: exclusive"""
    folder = fixture_copy(start, fixture_plugins, "reload: exclusive\nrunners: 2\n")
    server = start.serve("plugins: {isolation: process%s}\n" % w.BEST_EFFORT,
                         plugins=(folder,))
    told(server, "runner ready", 2)
    calls = [Call(server, gate) for _ in range(2)]
    mark = server.mark()
    fixture_say(folder, fixture_plugins, "reload: exclusive\nrunners: 3\n")
    server.wait_log("plugin holds its calls", mark, plugin="fx")
    behind = Call(server, gate, entered=False)
    assert [c.end() for c in calls] == ["held"] * 2
    new = told(server, "runner ready", 3, mark)
    behind.enter(gate)
    assert behind.pid in new and behind.end() == "held"


def test_the_operator_changes_how_many(start, fixture_plugins, gate):
    """By a reload, with the files as they were"""
    server = start.serve(config("runners: 1"), plugins=(fixture_plugins,))
    told(server, "runner ready")
    call = Call(server, gate)
    path = start.path("config1.yaml")
    with open(path) as f:
        text = f.read()
    w.write_file(path, text.replace("runners: 1", "runners: 3, spare: 1"))
    mark = server.mark()
    server.kill(signal.SIGHUP)
    new = told(server, "runner ready", 3, mark)
    told(server, "spare runner ready", 1, mark)
    server.wait_log("plugin warm", mark, plugin="fx")
    more = [Call(server, gate) for _ in range(3)]
    assert {c.pid for c in more} == set(new)
    for c in more + [call]:
        assert c.end() == "held"
