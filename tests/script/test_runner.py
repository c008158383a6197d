# SPDX-License-Identifier: Apache-2.0
"""Plugins in runners: a plugin may crash, hang or lie, and no other call
notices (reliability.md 2, R-11)."""

import os
import select
import signal

import pytest

import mcp_wire as w

QUIET = "plugins: {isolation: process%s}\n" % w.BEST_EFFORT


@pytest.fixture
def server(start, hostile_plugins, fixture_plugins):
    return start.serve(QUIET, plugins=(hostile_plugins, fixture_plugins, w.PLUGINS))


@pytest.fixture
def modern(server):
    m = w.Modern(server)
    yield m
    m.close()


def pid_of(client):
    return int(client.tool("hostile_none")["content"][0]["text"])


def serves(server, modern):
    assert server.proc.poll() is None
    assert modern.tool("hello")["content"][0]["text"] == "Hello, world!"


def test_a_plugin_runs_in_a_process_of_its_own(server, modern):
    pid = pid_of(modern)
    assert pid != server.pid
    with open("/proc/%d/stat" % pid) as f:
        assert int(f.read().rsplit(")", 1)[1].split()[1]) == server.pid


# name, what the client is told, what the log says of the runner; a sanitizer's
# allocator ends the process in its own way, with its own words
DEATHS = ([] if w.SANITIZED else [("double_free", "signal", 6)]) + [
    ("segv", "signal", 11), ("abort", "signal", 6),
    ("exit", "exitStatus", 3), ("stack", "signal", 11), ("wrong_frame", "signal", 9),
    ("wrong_id", "signal", 9), ("unsealed", "signal", 9),
]


@pytest.mark.parametrize("kind, key, value", DEATHS, ids=[d[0] for d in DEATHS])
def test_a_death_is_an_error_of_that_call_alone(server, modern, kind, key, value):
    """R-11: -32603 with what happened; the next call has a new runner."""
    before = pid_of(modern)
    e = modern.error("tools/call", {"name": "hostile_" + kind, "arguments": {}})
    assert e["code"] == -32603
    assert e["data"]["plugin"] == "hostile"
    assert e["data"][key] == value, e
    assert e["data"]["phase"] == "running"
    assert "hostile" in e["message"] and e["data"]["reason"] in e["message"]
    serves(server, modern)
    said = server.wait_log("runner died", plugin="hostile")
    assert said["pid"] == before
    if kind == "segv":
        assert "about to read from nowhere" in said["last_words"]
        if not w.SANITIZED:
            assert "in: plugin hostile 1.0.0, generation " in said["last_words"]
            assert "entry hostile_segv, build " in said["last_words"]
    assert pid_of(modern) != before


@pytest.mark.parametrize("kind", ["loop", "deadlock", "stop"])
def test_a_call_that_never_ends_is_answered_at_its_deadline(server, modern, kind):
    """R-11: the runner is retired and replaced."""
    before = pid_of(modern)
    e = modern.error("tools/call", {"name": "hostile_" + kind, "arguments": {}})
    assert e["code"] == -32603 and "deadline" in e["message"]
    assert server.wait_log("runner retired", plugin="hostile")["pid"] == before
    assert pid_of(modern) != before
    serves(server, modern)


@pytest.mark.parametrize("kind, text", [
    ("surroundings", "moved"), ("signals", "deaf"), ("noise", "said")])
def test_what_a_plugin_changes_is_its_own(server, modern, kind, text):
    cwd = os.readlink("/proc/%d/cwd" % server.pid)
    assert modern.tool("hostile_" + kind)["content"][0]["text"] == text
    serves(server, modern)
    assert os.readlink("/proc/%d/cwd" % server.pid) == cwd
    assert pid_of(modern)


def test_a_result_beyond_the_limit_is_refused(server, modern):
    e = modern.error("tools/call", {"name": "hostile_big", "arguments": {}})
    assert e["code"] == -32603 and "limit" in e["message"]
    serves(server, modern)


def test_closing_every_descriptor_ends_the_runner(server, modern):
    e = modern.error("tools/call", {"name": "hostile_close", "arguments": {}})
    assert e["code"] == -32603
    serves(server, modern)
    assert pid_of(modern)


def test_done_called_twice_hurts_nobody_else(start, hostile_plugins):
    server = start.serve(QUIET, plugins=(hostile_plugins, w.PLUGINS),
                         allow_errors=True)
    modern = w.Modern(server)
    with w.Http(server.http) as conn:
        m = w.modern("tools/call", {"name": "hostile_done_twice", "arguments": {}}, 1)
        conn.send(w.http_request("POST", "/mcp", w.modern_fields(m), w.dumps(m)))
        assert conn.response().json["id"] == 1
    said = server.wait_log("plugin called done twice", plugin="hostile")
    assert said["entry"] == "hostile_done_twice"
    serves(server, modern)
    modern.close()
    assert pid_of(modern)


def test_noise_of_one_plugin_hides_no_word_of_another(server, modern):
    modern.tool("hostile_noise", {})
    modern.tool("fx_print", {})
    server.wait_log("plugin prints", plugin="hostile")
    server.wait_log("plugin prints", plugin="fx")


def test_a_killed_runner_loses_its_calls_and_no_other(server, modern, gate):
    """R-10 in small: with calls of two plugins in flight."""
    with w.Http(server.http) as a, w.Http(server.http) as b:
        for conn, name, args in ((a, "fx_hold", {"gate": gate.path}),
                                 (b, "hostile_endless", {})):
            m = w.modern("tools/call", {"name": name, "arguments": args}, name)
            conn.send(w.http_request("POST", "/mcp", w.modern_fields(m), w.dumps(m)))
        inside = gate.entered()
        server.wait_log("plugin prints", plugin="hostile")
        pid = int(server.wait_log("runner ready", plugin="hostile")["pid"])
        os.kill(pid, signal.SIGKILL)
        lost = b.response().json
        assert lost["error"]["data"]["signal"] == 9
        inside.go()
        assert a.response().json["result"]["content"]


def test_a_call_that_had_not_begun_goes_to_the_next_life(server, modern, gate):
    """reliability.md 2: once, and only what had no effect."""
    with w.Http(server.http) as a, w.Http(server.http) as b:
        for conn in (a, b):
            m = w.modern("tools/call", {"name": "fx_turn", "arguments": {
                "gate": gate.path}}, 1)
            conn.send(w.http_request("POST", "/mcp", w.modern_fields(m), w.dumps(m)))
            if conn is a:
                gate.entered()  # the other one waits for its turn behind it
        modern.tool("fx_nothing", {})
        pid = int(server.wait_log("runner ready", plugin="fx")["pid"])
        os.kill(pid, signal.SIGKILL)
        lost = a.response().json["error"]["data"]
        assert lost["signal"] == 9 and lost["phase"] == "running"
        gate.entered().go()
        assert b.response().json["result"]["content"]


class Again:
    """A call of what may be repeated, held in its handler; over a stream."""

    def __init__(self, server, gate):
        self.server, self.gate = server, gate
        self.conn = w.Http(server.http)
        m = w.modern("tools/call", {"name": "fx_again", "arguments": {
            "gate": gate.path}}, 1, meta={"progressToken": "p"})
        self.conn.send(w.http_request("POST", "/mcp", w.modern_fields(m), w.dumps(m)))
        self.held = gate.entered()
        self.mark = 0

    def kill(self):
        pid = int(self.server.wait_log("runner ready", self.mark, plugin="fx")["pid"])
        self.mark = self.server.mark()
        os.kill(pid, signal.SIGKILL)


def test_a_call_that_may_be_repeated_goes_to_the_next_life(server, gate):
    """reliability.md 2: retry: safe"""
    call = Again(server, gate)
    call.kill()
    gate.entered().go()
    assert call.conn.response().json["result"]["content"][0]["text"] == "held"
    call.conn.close()


def test_it_is_repeated_once(server, gate):
    call = Again(server, gate)
    call.kill()
    gate.entered()
    call.kill()
    lost = call.conn.response().json["error"]["data"]
    assert lost["signal"] == 9 and lost["phase"] == "running"
    assert gate.is_quiet()
    call.conn.close()


def test_progress_of_the_second_run_goes_only_upwards(server, gate):
    """PROG-04: also where its runner died in the middle"""
    call = Again(server, gate)

    def step(held):
        held.tell("p")
        assert held.said() == "told"

    for _ in range(2):
        step(call.held)
    stream = call.conn.response().stream
    steps = [stream.message()["params"]["progress"] for _ in range(2)]
    call.kill()
    held = gate.entered()
    for _ in range(3):
        step(held)
    held.go()
    steps.append(stream.message()["params"]["progress"])
    assert steps == [1, 2, 3]
    assert stream.message()["result"]["content"][0]["text"] == "held"
    call.conn.close()


def test_a_task_that_may_be_repeated_stays_the_same_task(server, gate):
    with_tasks = w.Modern(server, {"extensions": {"io.modelcontextprotocol/tasks": {}}})
    id = with_tasks.tool("fx_again", {"gate": gate.path})["taskId"]
    gate.entered()
    os.kill(int(server.wait_log("runner ready", plugin="fx")["pid"]), signal.SIGKILL)
    gate.entered().go()
    while with_tasks.call("tasks/get", {"taskId": id})["status"] == "working":
        pass
    t = with_tasks.call("tasks/get", {"taskId": id})
    assert t["status"] == "completed" and t["result"]["content"][0]["text"] == "held"
    with_tasks.close()


def test_a_task_in_a_runner(server):
    """TKX-04, TKX-09, TKX-11: by its handler, with input, cancelled"""
    with_tasks = w.Modern(server, {"elicitation": {}, "extensions": {
        "io.modelcontextprotocol/tasks": {}}})

    def until(id, status):
        while True:
            t = with_tasks.call("tasks/get", {"taskId": id})
            if t["status"] == status:
                return t
            assert t["status"] == "working", t

    t = with_tasks.tool("fx_task_begin", {})
    assert t["resultType"] == "task" and t["statusMessage"] == "first"
    end = until(t["taskId"], "completed")
    assert end["result"]["content"][0]["text"] == "begin 0, status 0"

    id = with_tasks.tool("fx_task_ask", {"times": 2})["taskId"]
    for _ in range(2):
        asked = until(id, "input_required")["inputRequests"]
        with_tasks.call("tasks/update", {"taskId": id, "inputResponses": {
            key: {"action": "accept", "content": {"name": "Ada"}} for key in asked}})
    end = until(id, "completed")
    assert end["result"]["content"][0]["text"] == "asked 2 times"

    id = with_tasks.tool("fx_task_status", {})["taskId"]
    assert until(id, "input_required")["statusMessage"] == "half done"
    id = with_tasks.tool("slow_compute", {"seconds": 600})["taskId"]
    with_tasks.call("tasks/cancel", {"taskId": id})
    until(id, "cancelled")
    with_tasks.close()


def test_a_task_dies_with_its_runner(server, gate):
    """TKX-08: an error of the protocol fails it"""
    with_tasks = w.Modern(server, {"extensions": {"io.modelcontextprotocol/tasks": {}}})
    id = with_tasks.tool("fx_turn", {"gate": gate.path})["taskId"]
    gate.entered()  # what has not begun would go to the next life
    assert with_tasks.call("tasks/get", {"taskId": id})["status"] == "working"
    pid = int(server.wait_log("runner ready", plugin="fx")["pid"])
    os.kill(pid, signal.SIGKILL)
    while True:
        t = with_tasks.call("tasks/get", {"taskId": id})
        if t["status"] != "working":
            break
    assert t["status"] == "failed" and t["error"]["code"] == -32603
    assert t["error"]["data"]["signal"] == 9
    with_tasks.close()


def test_a_client_that_leaves_does_not_hurry_the_plugin(server, modern, gate):
    """Only a passed deadline retires a runner, not a cancellation."""
    with w.Http(server.http) as conn:
        m = w.modern("tools/call", {"name": "fx_hold", "arguments": {
            "gate": gate.path, "stubborn": True}}, 1)
        conn.send(w.http_request("POST", "/mcp", w.modern_fields(m), w.dumps(m)))
        slow = gate.entered()
    assert slow.said() == "cancelled"
    # 300 ms later, by a call of the same plugin that obeys:
    e = modern.error("tools/call", {"name": "fx_deadline", "arguments": {"gate": gate.path}})
    assert "deadline" in e["message"]
    slow.go()
    assert not [x for x in server.lines if x.get("event") == "runner retired"]


def test_five_deaths_in_ten_seconds_are_a_quarantine(start, hostile_plugins):
    """reliability.md 2: out of the lists, with the reason; a word of the
    operator brings it back.  With short pauses: a call waits a second."""
    server = start.serve(
        "plugins: {isolation: process%s, hostile: {restart: {pause: 10ms}}}\n"
        % w.BEST_EFFORT, plugins=(hostile_plugins, w.PLUGINS), allow_errors=True)
    modern = w.Modern(server)
    with_stream = modern.listen(toolsListChanged=True)
    for _ in range(5):
        pid_of(modern)
        modern.error("tools/call", {"name": "hostile_abort", "arguments": {}})
    said = server.wait_log("plugin quarantined", plugin="hostile")
    assert "5 deaths" in said["reason"] and said["hint"]
    while with_stream[1].message().get("method") != "notifications/tools/list_changed":
        pass
    names = [t["name"] for t in modern.call("tools/list")["tools"]]
    assert "hello" in names and "hostile_none" not in names
    serves(server, modern)
    mark = server.mark()
    server.kill(signal.SIGHUP)
    server.wait_log("plugin warm", mark, plugin="hostile")
    assert pid_of(modern)
    with_stream[0].close()
    modern.close()


@pytest.mark.parametrize("restart, deaths", [
    ("intensity: 2, pause: 0s", 2), ("intensity: 0, pause: 0s, longest_pause: 0s", 8)],
    ids=["twice", "always"])
def test_the_operator_says_how_often_a_runner_may_die(
        start, hostile_plugins, restart, deaths):
    """plugins.NAME.restart"""
    server = start.serve(
        "plugins:\n  isolation: process%s\n  hostile: {restart: {%s}}\n" % (
            w.BEST_EFFORT.replace(", ", "\n  "), restart),
        plugins=(hostile_plugins,), allow_errors=deaths == 2)
    modern = w.Modern(server)
    for _ in range(deaths):
        pid_of(modern)
        modern.error("tools/call", {"name": "hostile_abort", "arguments": {}})
    if deaths == 2:
        assert "after 2 deaths in 10 s" in server.wait_log("plugin quarantined")["reason"]
    else:
        assert pid_of(modern)
    modern.close()


def test_runners_end_with_the_server(start, hostile_plugins):
    server = start.serve(QUIET, plugins=(hostile_plugins, w.PLUGINS))
    m = w.Modern(server)
    pid = pid_of(m)
    m.close()
    server.stop()
    assert not os.path.exists("/proc/%d" % pid)


def test_a_server_that_is_killed_takes_its_runners_along(start, hostile_plugins):
    server = w.Server(config=start.config(QUIET), plugins=(hostile_plugins,))
    m = w.Modern(server)
    fd = os.pidfd_open(pid_of(m))
    m.close()
    server.kill(signal.SIGKILL)
    server.wait()
    assert select.select([fd], [], [], w.DEADLINE)[0]
    os.close(fd)
