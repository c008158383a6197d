# SPDX-License-Identifier: Apache-2.0
"""Limits of a plugin and of its entries (reliability.md 2 and 3): deadline,
concurrency, queue, size of a result, rate, breaker; the same in both
isolations."""

import os
import select
import shutil
import subprocess

import pytest

import mcp_wire as w

SOURCE = r"""
#include <stdlib.h>
#include <toolpost/plugin.h>

static int
ok(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, tp_cstr("fine"));
}

static int
fail(struct tp_call *call, void *state)
{
	(void)state;
	return tp_fail(call, TP_EFAIL, "no");
}

static int
big(struct tp_call *call, void *state)
{
	struct tp_str text = { 0, (size_t)tp_arg_int(call, "bytes", 0) };
	char *space = calloc(1, text.len + 1);
	int rc;

	(void)state;
	for (size_t i = 0; i < text.len; i++)
		space[i] = 'x';
	text.ptr = space;
	rc = tp_text(call, text);
	free(space);
	return rc;
}

static void
late_told(void *arg)
{
	struct tp_call *call = arg;

	call->host->done(call, TP_ECANCELLED);
}

/* Ends when it is told to: its time is over. */
static int
late(struct tp_call *call, void *state)
{
	(void)state;
	if (call->host->on_cancel(call, late_told, call) != TP_OK)
		return TP_ECANCELLED;
	return TP_PENDING;
}

static const struct tp_entry entries[] = {
	TP_TOOL("lim_ok", ok),
	TP_TOOL_FLAGS("lim_quick", ok, TP_NONBLOCKING),
	TP_TOOL("lim_fail", fail),
	TP_TOOL("lim_big", big),
	TP_TOOL("lim_late", late),
};
TP_PLUGIN("lim", "1.0.0", entries);
"""

TOOLS = ("lim_ok", "lim_quick", "lim_fail", "lim_big", "lim_late")


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    return w.compile_plugin(SOURCE, tmp_path_factory.mktemp("lim") / "lim.so")


@pytest.fixture(params=["none", "process"])
def isolation(request):
    return request.param


@pytest.fixture
def serve(start, module, isolation, tmp_path, fixture_plugins):
    """A server with the plugin under these limits, and a client."""
    clients = []

    def begin(limits="", listen=("127.0.0.1:0",), **tools):
        folder = tmp_path / "plugins" / "lim"
        os.makedirs(folder)
        lines = ["plugin: lim", "version: 1.0.0", "abi: 1", "module: lim.so"]
        if limits:
            lines.append("limits: " + limits)
        lines.append("tools:")
        for name in TOOLS:
            lines.append("  - name: %s\n    description: A tool.\n"
                         "    inputSchema: {type: object}" % name)
            if name[4:] in tools:
                lines.append("    limits: " + tools[name[4:]])
        (folder / "lim.yaml").write_text("\n".join(lines) + "\n")
        w.write_file(folder / "lim.so", open(module, "rb").read())
        server = start.serve(
            "plugins: {isolation: %s%s}\n" % (isolation, w.BEST_EFFORT), listen=listen,
            plugins=(str(tmp_path / "plugins"), fixture_plugins))
        clients.append(w.Modern(server))
        return server, clients[-1]
    yield begin
    for c in clients:
        c.close()


def post(client, name, **args):
    return client.post("tools/call", {"name": "lim_" + name, "arguments": args})


def fine(r):
    return r.status == 200 and r.json["result"]["content"][0]["text"] == "fine"


def refused(r, status, at_most_ms):
    """reliability.md 3.2"""
    assert r.status == status, r
    e = w.check_message(r.json)["error"]
    assert e["code"] == -32603
    wait = e["data"]["retryAfterMs"]
    assert 1 <= wait <= at_most_ms
    assert int(r.get("retry-after")) == -(-wait // 1000)
    return e


HOUR = 3600 * 1000


def test_a_call_past_its_deadline_is_an_error(serve):
    _, m = serve(late="{timeout: 50ms}")
    e = m.error("tools/call", {"name": "lim_late", "arguments": {}})
    assert e["code"] == -32603 and "deadline" in e["message"]
    assert fine(post(m, "ok"))


def test_a_result_beyond_its_limit_is_an_error(serve):
    _, m = serve("{result: 64KiB}", big="{result: 10KiB}")
    assert len(m.tool("lim_big", {"bytes": 9000})["content"][0]["text"]) == 9000
    for size in (11000, 70000, 1 << 20):
        e = m.error("tools/call", {"name": "lim_big", "arguments": {"bytes": size}})
        assert e["code"] == -32603 and "limit" in e["message"]
    assert fine(post(m, "ok"))


def test_calls_beyond_concurrency_and_queue_are_refused(serve, gate):
    server, _ = serve()
    conns = [w.Http(server.http) for _ in range(3)]
    for conn in conns:
        msg = w.modern("tools/call", {"name": "fx_one", "arguments": {"gate": gate.path}}, 1)
        conn.send(w.http_request("POST", "/mcp", w.modern_fields(msg), w.dumps(msg)))
        if conn is conns[0]:
            first = gate.entered()
    # Of the other two one waits, whichever came first.
    ready, _, _ = select.select([c.sock for c in conns[1:]], [], [], w.DEADLINE)
    full = next(c for c in conns if c.sock is ready[0])
    refused(full.response(), 503, 1000)
    assert gate.is_quiet()
    first.go()
    gate.entered().go()
    conns.remove(full)
    assert [c.response().status for c in conns] == [200, 200]
    for c in conns + [full]:
        c.close()


def test_an_entry_has_a_rate(serve):
    _, m = serve(ok="{rate: 1/h, burst: 3}", quick="{rate: 2/h}")
    assert all(fine(post(m, "ok")) for _ in range(3))
    for _ in range(3):
        e = refused(post(m, "ok"), 429, HOUR)
        assert "short time" in e["message"]
    assert fine(post(m, "quick"))
    refused(post(m, "quick"), 429, HOUR // 2)
    assert post(m, "fail").json["result"]["isError"]


def test_a_rate_of_a_plugin_is_one_for_all_its_entries(serve):
    _, m = serve("{rate: 1/h, burst: 3}", ok="{rate: 1/h}")
    assert fine(post(m, "ok"))
    refused(post(m, "ok"), 429, HOUR)
    assert fine(post(m, "quick")) and fine(post(m, "quick"))
    refused(post(m, "quick"), 429, HOUR)
    assert len(m.call("tools/list")["tools"]) >= len(TOOLS)


def test_a_bucket_fills_again(serve):
    _, m = serve(ok="{rate: 1000/s, burst: 1}")
    good = 0
    while good < 20:
        r = post(m, "ok")
        if fine(r):
            good += 1
        else:
            refused(r, 429, 1)


def test_on_a_stream_a_refusal_is_the_error_alone(serve):
    server, _ = serve(ok="{rate: 1/h}", listen=("127.0.0.1:0", "line+tcp:127.0.0.1:0"))
    line = w.Line(server.line_tcp)
    call = {"name": "lim_ok", "arguments": {}}
    assert line.modern("tools/call", call)["result"]["content"]
    e = line.modern("tools/call", call)["error"]
    assert e["code"] == -32603 and 1 <= e["data"]["retryAfterMs"] <= HOUR
    line.close()


def late_times(m, n):
    for _ in range(n):
        e = w.check_message(post(m, "late").json)["error"]
        assert "deadline" in e["message"]


def test_a_breaker_opens_after_failures_in_a_row(serve):
    server, m = serve("{breaker: {failures: 3, probe: 1h}}", late="{timeout: 10ms}")
    late_times(m, 2)
    assert fine(post(m, "ok"))  # they are no longer in a row
    late_times(m, 3)
    for name in ("ok", "quick", "late"):
        e = refused(post(m, name), 503, HOUR)
        assert "does not answer" in e["message"]
    assert server.wait_log("breaker opened", plugin="lim")["failures_in_a_row"] == 3
    assert m.tool("fx_nothing")["content"] == []


def test_a_breaker_opens_when_many_calls_fail(serve):
    server, m = serve("{breaker: {failures: 1000, calls: 6, percent: 50, probe: 1h, window: 1h}}",
                      late="{timeout: 10ms}")
    for _ in range(3):
        assert fine(post(m, "ok"))
        late_times(m, 1)
    server.wait_log("breaker opened", plugin="lim")
    refused(post(m, "ok"), 503, HOUR)


def test_a_breaker_closes_after_good_attempts(serve):
    server, m = serve("{breaker: {failures: 2, probe: 10ms, close: 3}}", late="{timeout: 10ms}")
    late_times(m, 2)
    server.wait_log("breaker opened", plugin="lim")
    good = 0
    while good < 3:
        r = post(m, "ok")
        if fine(r):
            good += 1
        else:
            refused(r, 503, 10)
    server.wait_log("breaker closed", plugin="lim")
    assert all(fine(post(m, "ok")) for _ in range(5))


def test_what_a_handler_answers_is_no_failure(serve):
    _, m = serve("{breaker: {failures: 2, calls: 2, percent: 1, probe: 1h}}")
    for _ in range(6):
        assert post(m, "fail").json["result"]["isError"]
    assert fine(post(m, "ok"))


def test_a_breaker_can_be_switched_off(serve):
    _, m = serve("{breaker: off}", late="{timeout: 10ms}")
    late_times(m, 7)
    assert fine(post(m, "ok"))


def test_deaths_open_the_breaker(start, hostile_plugins, tmp_path):
    folder = tmp_path / "plugins" / "hostile"
    shutil.copytree(os.path.join(hostile_plugins, "hostile"), folder)
    text = (folder / "hostile.yaml").read_text()
    assert "breaker: off" in text
    w.write_file(folder / "hostile.yaml", text.replace(
        "breaker: off", "breaker: {failures: 3, probe: 1h}"))
    server = start.serve("plugins: {isolation: process%s}\n" % w.BEST_EFFORT,
                         plugins=(str(tmp_path / "plugins"),))
    m = w.Modern(server)
    lost = {"name": "hostile_segv", "arguments": {}}
    for _ in range(3):
        assert m.error("tools/call", lost)["data"]["plugin"] == "hostile"
    refused(m.post("tools/call", lost), 503, HOUR)
    assert server.wait_log("breaker opened", plugin="hostile")["failures_in_a_row"] == 3
    m.close()


def check(path):
    return subprocess.run([w.BIN, "check", str(path)], capture_output=True, text=True,
                          timeout=w.DEADLINE)


@pytest.mark.parametrize("text, what", [
    ("limits: {rate: 100}", "a rate like 100/s"),
    ("limits: {rate: 0/s}", "out of range"),
    ("limits: {rate: 10/ms}", "a rate like 100/s"),
    ("limits: {burst: 3}", "without a rate it means nothing"),
    ("limits: {breaker: never}", "expected off, or a map"),
    ("limits: {breaker: {failures: 0}}", "out of range"),
    ("limits: {breaker: {failure: 1}}", 'did you mean "failures"'),
])
def test_limits_that_are_none_are_refused(tmp_path, module, text, what):
    path = tmp_path / "lim.yaml"
    path.write_text("plugin: lim\nversion: 1.0.0\nabi: 1\nmodule: lim.so\n%s\ntools:\n"
                    "  - {name: lim_ok, description: A tool.}\n" % text)
    done = check(path)
    assert done.returncode == 6 and what in done.stdout + done.stderr


def test_an_entry_has_no_breaker_and_no_higher_rate(tmp_path):
    path = tmp_path / "lim.yaml"
    path.write_text("plugin: lim\nversion: 1.0.0\nabi: 1\nmodule: lim.so\n"
                    "limits: {rate: 10/s}\ntools:\n"
                    "  - {name: a, description: A tool., limits: {rate: 11/s}}\n"
                    "  - {name: b, description: A tool., limits: {breaker: off}}\n")
    done = check(path)
    out = done.stdout + done.stderr
    assert "\"11/s\" is more than the plugin's limits.rate" in out
    assert "tools[1].limits.breaker: it is one of the whole plugin" in out
