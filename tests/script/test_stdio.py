# SPDX-License-Identifier: Apache-2.0
"""toolpost stdio: one message a line, both eras on one pipe."""

import json
import signal

import pytest

import mcp_wire as w


@pytest.fixture
def stdio(start, fixture_plugins):
    return start.stdio(plugins=(w.PLUGINS, fixture_plugins))


@pytest.fixture
def line(stdio):
    return w.Line(stdio)


HOLD = "fx_hold"


def hold(gate, id, make=w.modern, **more):
    return make("tools/call", {"name": HOLD, "arguments": {"gate": gate.path}}, id, **more)


def ends_well(stdio, line, signo=None):
    """The process ends with status 0 and says nothing more; its messages."""
    if signo is None:
        stdio.end()
    else:
        stdio.kill(signo)
    said = []
    while True:
        m = line.recv()
        if m is None:
            break
        said.append(m)
    assert stdio.wait() == 0
    stdio.check_log()
    return said


def test_end_of_input_ends_the_process(stdio, line):
    """STD-06, LIFE-16"""
    assert line.modern("tools/list")["result"]["tools"]
    assert ends_well(stdio, line) == []


def test_end_of_input_at_once_ends_the_process(start, stdio):
    """STD-06"""
    stdio.end()
    assert stdio.wait() == 0


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process(stdio, line, signo):
    """STD-06"""
    line.handshake()
    assert ends_well(stdio, line, signo) == []


def test_what_was_asked_before_the_end_is_answered(stdio, line):
    """STD-06: a pipe that is written and closed at once"""
    for i in range(50):
        line.send(w.modern("tools/call", {"name": "echo", "arguments": {"message": str(i)}}, i))
    said = ends_well(stdio, line)
    assert sorted(m["id"] for m in said) == list(range(50))


def test_both_eras_share_the_pipe(line):
    """STD-13, ERA-01, ERA-15, ERA-16, MSG-11"""
    assert line.modern("server/discover")["result"]["supportedVersions"] == [w.R5]
    assert line.legacy("ping")["result"] == {}  # LIFE-07, PING-01
    assert line.legacy("tools/list")["error"]["code"] == -32600
    assert line.handshake(w.R1)["protocolVersion"] == w.R1
    for _ in range(5):
        a = line.modern("tools/call", {"name": "fx_blocks"})["result"]
        b = line.legacy("tools/call", {"name": "fx_blocks"})["result"]
        assert a["resultType"] == "complete" and "resultType" not in b
        assert [x["type"] for x in a["content"]][2:4] == ["audio", "resource_link"]
        assert [x["type"] for x in b["content"]][2:4] == ["text", "text"]


def test_a_second_handshake_on_the_pipe_is_refused(line):
    """LIFE-09"""
    line.handshake(w.R3)
    e = line.legacy("initialize", w.init_params())["error"]
    assert e["code"] == -32600
    assert line.legacy("ping")["result"] == {}


def test_removed_methods_are_unknown_to_a_claim(line):
    """ERA-02, PING-03"""
    line.handshake()
    for method in ("initialize", "ping", "logging/setLevel", "nope"):
        assert line.modern(method, w.init_params())["error"]["code"] == -32601


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b" \t\n", b"\r\n\r\n\n \n"])
def test_line_ends_and_blank_lines(line, end):
    """STD-04"""
    for i in range(3):
        line.send(w.modern("tools/list", id=i), end=end)
        assert line.recv()["id"] == i


def test_a_message_may_come_byte_by_byte(line):
    """STD-01: the result depends on the bytes alone"""
    data = w.dumps(w.modern("tools/call", {"name": "echo", "arguments": {
        "message": "ünï\n"}}, 1)) + b"\n"
    for i in range(len(data)):
        line._send(data[i:i + 1])
    assert line.recv()["result"]["content"][0]["text"] == "ünï\n"


def test_many_messages_may_come_at_once(line):
    """STD-01"""
    batch = b"".join(w.dumps(w.modern("tools/call", {
        "name": "echo", "arguments": {"message": "m%d" % i}}, i)) + b"\n" for i in range(500))
    line._send(batch)
    got = [line.recv() for _ in range(500)]
    assert {m["id"]: m["result"]["content"][0]["text"] for m in got} == {
        i: "m%d" % i for i in range(500)}


GARBAGE = [b"garbage", b"{", b"\xff\xfe", b"\x00", b'{"jsonrpc":"2.0",', b"]", b"[1,",
           b"\xef\xbb\xbf{}", b"{}{}", b"\x01\x02"]


@pytest.mark.parametrize("bad", GARBAGE, ids=repr)
def test_garbage_is_answered_and_the_next_line_counts(line, bad):
    """STD-05, MSG-05"""
    line.send(bad)
    m = line.recv()
    assert m["error"]["code"] == -32700 and "id" not in m
    assert line.modern("tools/list")["result"]["tools"]


def test_an_array_is_refused_before_a_handshake_that_knows_batches(line):
    """BAT-06, STD-14"""
    line.send([w.modern("tools/list")])
    m = line.recv()
    assert m["error"]["code"] == -32600 and "id" not in m
    line.handshake(w.R3)
    line.send([w.request("ping")])
    assert line.recv()["error"]["code"] == -32600


def test_a_batch_is_served_after_a_handshake_that_knows_batches(line):
    """STD-14, BAT-01"""
    line.handshake(w.R2)
    line.send([w.request("ping", id=1), w.notification("x"), w.request("ping", id=2)])
    got = json.loads(line.line())
    if isinstance(got, dict):
        got = [got, line.recv()]
    assert sorted(w.check_message(m)["id"] for m in got) == [1, 2]
    line.send([w.notification("x")])
    assert line.legacy("ping")["result"] == {}


def test_a_line_beyond_the_limit_is_skipped_to_its_end(start, fixture_plugins):
    """STD-04, HTTP-14; security.md 3: limits.message"""
    config = start.config("limits: {message: 4KiB}\n")
    stdio = start.stdio(plugins=(w.PLUGINS,), args=("--config", config))
    line = w.Line(stdio)
    for size in (5000, 200000, 3 << 20):
        line.send(b"x" * size)
        m = line.recv()
        assert m["error"]["code"] == -32700 and "id" not in m
        assert line.modern("tools/list", {"x": "y" * 3000})["result"]["tools"]
    # A message inside such a line is not looked at.
    inside = b" " * 5000 + w.dumps(w.modern("tools/list"))
    line.send(inside)
    assert line.recv()["error"]["code"] == -32700
    assert line.modern("server/discover")["result"]


def test_a_line_of_the_default_limit_is_taken(line):
    """STD-04: 4 MiB"""
    text = "x" * ((4 << 20) - 1000)
    m = line.modern("tools/call", {"name": "echo", "arguments": {"message": text}})
    assert m["result"]["content"][0]["text"] == text


def test_an_unfinished_line_at_the_end_is_no_message(stdio, line):
    """STD-01, STD-06"""
    line.send(w.modern("tools/list", id=1), end=b"")
    assert ends_well(stdio, line) in ([],)


def test_nothing_but_messages_is_on_standard_output(stdio, line):
    """STD-02: whatever a plugin prints"""
    for i in range(5):
        m = line.modern("tools/call", {"name": "fx_print"})
        assert m["result"]["content"][0]["text"] == "printed"
    said = ends_well(stdio, line)
    assert said == []
    # Of what comes from a runner at once the log has the first part alone.
    log = json.dumps(stdio.lines)
    assert "noise" in log or "jsonrpc" in log, "it goes to the log"


def test_newlines_in_a_result_stay_on_one_line(line):
    """STD-01"""
    m = line.modern("tools/call", {"name": "fx_controls"})
    assert m["result"]["content"][0]["text"] == 'a\nb\r\nc\t"\\\x01\x7f\u2028\0z'


def test_slow_calls_do_not_hold_up_others(line, gate):
    """STD-10"""
    for i in range(3):
        line.send(hold(gate, i))
    held = [gate.entered() for _ in range(3)]
    assert line.ask(w.modern("tools/list", id="x"))["id"] == "x"
    for h in held:
        h.go()
    assert sorted(line.recv()["id"] for _ in range(3)) == [0, 1, 2]


@pytest.mark.parametrize("make", [w.modern, w.request])
@pytest.mark.parametrize("id", [7, "7", "ünï"])
def test_a_cancelled_call_says_nothing_more(line, gate, make, id):
    """STD-09, CANC-01, CANC-08, ERA-19, CANC-03"""
    line.handshake()
    m = hold(gate, id, make)
    m["params"].setdefault("_meta", {})["progressToken"] = "t"
    line.send(m)
    held = gate.entered()
    held.tell("p")
    assert held.said() == "told"
    assert line.recv()["method"] == "notifications/progress"
    wrong = {7: "7", "7": 7}.get(id, "x")
    line.send(w.notification("notifications/cancelled", {"requestId": wrong}))
    line.send(w.notification("notifications/cancelled", {"requestId": id, "reason": "r"}))
    assert held.said() == "cancelled"
    line.send(w.notification("notifications/cancelled", {"requestId": id}))
    # The id is free again, and nothing was said in between.
    again = line.ask(make("tools/list", id=id))
    assert again["id"] == id and again["result"]["tools"]


def test_progress_shares_the_pipe(line):
    """PROG-01, PROG-04, LOG-05"""
    line.send(w.modern("tools/call", {"name": "fx_progress"}, 1, meta={"progressToken": 9}))
    got = [line.recv() for _ in range(5)]
    assert [m["params"]["progress"] for m in got[:-1]] == [1, 2, 2.5, 3]
    assert all(m["params"]["progressToken"] == 9 for m in got[:-1])
    assert got[-1]["id"] == 1


def test_the_end_of_input_waits_for_running_calls(stdio, line, gate):
    """STD-06: finished quickly or cancelled, exit status 0"""
    line.send(hold(gate, 1))
    held = gate.entered()
    stdio.end()
    held.go()
    assert line.recv()["result"]["content"][0]["text"] == "held"
    assert line.recv() is None
    assert stdio.wait() == 0


def test_sigterm_cancels_what_does_not_finish(start, fixture_plugins, gate):
    """STD-06"""
    config = start.config("drain: 200ms\n")
    stdio = start.stdio(plugins=(w.PLUGINS, fixture_plugins), args=("--config", config))
    line = w.Line(stdio)
    line.send(hold(gate, 1))
    held = gate.entered()
    stdio.kill(signal.SIGTERM)
    assert held.said() == "cancelled"
    m = line.recv()
    assert m is None or m["error"]["code"] == -32603
    assert stdio.wait() == 0


def test_a_listen_on_the_pipe_is_ended_by_its_client(line):
    """SUB-02, SUB-04, SUB-08, SUB-09, STD-08"""
    for id in (1, "one"):
        ack = line.ask(w.modern("subscriptions/listen", {
            "notifications": {"toolsListChanged": True}}, id))
        assert ack["method"] == "notifications/subscriptions/acknowledged"
        assert ack["params"]["_meta"][w.SID] == id
    line.send(w.modern("tools/call", {"name": "test_trigger_tool_change"}, 5))
    got = [line.recv() for _ in range(3)]
    told = [m["params"]["_meta"][w.SID] for m in got if "method" in m]
    assert sorted(told, key=str) == [1, "one"]
    line.send(w.notification("notifications/cancelled", {"requestId": 1}))
    line.send(w.modern("tools/call", {"name": "test_trigger_tool_change"}, 6))
    got = [line.recv() for _ in range(2)]
    assert [m["params"]["_meta"][w.SID] for m in got if "method" in m] == ["one"]
    line.send(w.notification("notifications/cancelled", {"requestId": "one"}))
    assert line.modern("tools/list")["result"]


@pytest.mark.parametrize("signo", [None, signal.SIGTERM])
def test_a_listen_is_torn_down_with_its_response_and_a_cancellation(stdio, line, signo):
    """SUB-10, SUB-11, AMB-02, CANC-07"""
    line.ask(w.modern("subscriptions/listen", {"notifications": {}}, "L"))
    said = ends_well(stdio, line, signo)
    assert said[0]["id"] == "L" and said[0]["result"]["resultType"] == "complete"
    assert said[0]["result"]["_meta"][w.SID] == "L"
    assert said[1] == w.notification("notifications/cancelled", {"requestId": "L"})
    assert len(said) == 2


def test_list_changes_are_told_from_initialized_on(line):
    """LIFE-06, TOOL-21: not before"""
    line.legacy("initialize", w.init_params())
    line.send(w.request("tools/call", {"name": "test_trigger_tool_change"}, 5))
    assert line.recv()["id"] == 5
    assert line.legacy("ping")["result"] == {}
    line.send(w.notification("notifications/initialized"))
    # What changed before it is told now, once; what changes later, too.
    m = line.recv()
    assert m["method"] == "notifications/tools/list_changed"
    line.send(w.request("tools/call", {"name": "test_trigger_prompt_change"}, 6))
    got = [line.recv(), line.recv()]
    assert {m.get("method", m.get("id")) for m in got} == {
        6, "notifications/prompts/list_changed"}


def test_a_reader_that_stops_is_waited_for(stdio, line):
    """STD-15: bounded, and nothing is lost"""
    import threading
    count = 40
    big = [w.modern("tools/call", {"name": "test_big", "arguments": {"bytes": 1 << 20}}, i)
           for i in range(count)]
    data = b"".join(w.dumps(m) + b"\n" for m in big)
    writer = threading.Thread(target=line._send, args=(data,))
    writer.start()
    got = set()
    for _ in range(count):
        m = line.recv()
        assert len(m["result"]["content"][0]["text"]) == 1 << 20
        got.add(m["id"])
    writer.join()
    assert got == set(range(count))


def test_a_reader_that_goes_away_ends_the_process(stdio, line):
    """STD-07: a closed pipe is no crash"""
    stdio.proc.stdout.close()
    line.send(w.modern("tools/list"))
    stdio.end()
    assert stdio.wait() == 0
