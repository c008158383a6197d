# SPDX-License-Identifier: Apache-2.0
"""The load generator: right servers give figures, and a server that is wrong
in one way gives an error that names it, and no figure."""

import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

import mcp_wire as w

DONE, USAGE, UNREACHABLE, TOOL = 0, 1, 4, 5
QUICK = ["--warm", "20ms", "--duration", "150ms", "--timeout", "10s"]
OLD, NEW = ["--protocol", "2025-11-25"], ["--protocol", "2026-07-28"]
HELLO = {"content": [{"type": "text", "text": "hello world"}]}


def bench(*words, **kwargs):
    return subprocess.run([w.BIN, "bench", *words], capture_output=True,
                          text=True, timeout=w.DEADLINE * 2, **kwargs)


def figures(*words, **kwargs):
    d = bench("--json", *words, **kwargs)
    assert d.returncode == DONE, d.stderr
    assert d.stdout.count("\n") == 1
    return json.loads(d.stdout)


@pytest.fixture(scope="module")
def url(server):
    return "http://%s:%d/mcp" % server.http


# --- right servers ---

@pytest.mark.parametrize("era", [OLD, NEW, []])
def test_calls_give_figures(url, era, server):
    r = figures(url, *era, *QUICK, "--connections", "8", "--pid",
                str(server.pid))
    assert r["answers"] > 0 and r["errors"]["total"] == 0
    assert 0 < r["p50_us"] <= r["p90_us"] <= r["p99_us"] <= r["max_us"]
    assert r["answer"] == "json"
    assert r["after"]["rss_kb"] > r["after"]["user_kb"] > 0
    assert r["protocol"] == (era or NEW)[1]


def test_the_table_names_what_people_ask_for(url):
    d = bench(url, *QUICK)
    assert d.returncode == DONE
    for word in ("rate", "p50", "p99.9", "max", "0 wrong", "client"):
        assert word in d.stdout
    assert not d.stderr


def test_a_schedule_keeps_its_rate(url):
    r = figures(url, *OLD, *QUICK, "--rate", "400", "--connections", "4")
    # Not a claim about time: what was due was sent.
    assert r["answers"] + r["late"] >= 40 and r["offered"] == 400


def test_sessions_are_churned(url):
    r = figures(url, *OLD, *QUICK, "--mode", "churn", "--connections", "3")
    assert r["cycles"] > 0
    assert r["answers"] >= 5 * (r["cycles"] - 3)


@pytest.mark.parametrize("era", [OLD, NEW])
@pytest.mark.parametrize("mode", ["idle", "streams"])
def test_connections_are_held(url, mode, era):
    r = figures(url, *era, *QUICK, "--mode", mode, "--connections", "40",
                "--sources", "3")
    assert r["connections"] == 40


def test_held_until_the_input_ends(url):
    with subprocess.Popen(
            [w.BIN, "bench", url, *OLD, "--mode", "idle", "--connections",
             "5", "--hold", "--json"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        assert "5 connections are open" in p.stderr.readline()
        out, _ = p.communicate(timeout=w.DEADLINE)
    assert p.returncode == DONE and json.loads(out)["connections"] == 5


@pytest.mark.parametrize("era", [OLD, NEW])
def test_a_change_is_timed_to_the_last_stream(start, tmp_path, era):
    plugin = tmp_path / "plugins" / "hello"
    plugin.mkdir(parents=True)
    sample = os.path.join(w.PLUGINS, "hello")
    for name in ("hello.so", "hello.yaml"):
        with open(os.path.join(sample, name), "rb") as f:
            (plugin / name).write_bytes(f.read())
    server = start.serve(plugins=(str(plugin.parent),))
    trigger = tmp_path / "trigger"
    # Another description each time: the list has changed.
    trigger.write_text(
        "#!/bin/sh\n"
        f"/bin/sed 's/unchanged/unchanged, as it is/' {plugin}/hello.yaml "
        f">{tmp_path}/new\n/bin/mv {tmp_path}/new {plugin}/hello.yaml\n"
        f"kill -HUP {server.pid}\n")
    trigger.chmod(0o755)
    r = figures("http://%s:%d/mcp" % server.http, *era, "--mode", "streams",
                "--connections", "20", "--trigger", str(trigger), "--rounds",
                "2", "--timeout", "20s")
    assert len(r["rounds"]) == 2
    for told in r["rounds"]:
        assert 0 < told["first_ms"] <= told["last_ms"]


@pytest.mark.parametrize("era", [OLD, NEW])
@pytest.mark.parametrize("window", ["1", "64"])
def test_a_command_on_stdio(era, window):
    r = figures(*era, "--messages", "500", "--window", window, "--", w.BIN,
                "stdio", "--plugins", w.PLUGINS)
    assert r["answers"] == 500 and r["errors"]["total"] == 0
    assert (r["p50_us"] > 0) == (window == "1")


def test_any_method_can_be_measured(url):
    r = figures(url, *QUICK, "--method", "tools/list")
    assert r["method"] == "tools/list" and r["answers"] > 0


# --- usage ---

@pytest.mark.parametrize("words, says", [
    (["--mode", "churn", *NEW], "no sessions"),
    (["--tool", "a", "--method", "b", *OLD], "exclude"),
    (["--mode", "idle", "--rate", "5", *OLD], "--rate"),
    (["--args", "[]", *OLD], "JSON object"),
    (["--args", '{"_meta":{}}', *OLD], "_meta"),
    (["--connections", "2000001", *OLD], "--connections"),
    (["--trigger", "sh", *OLD], "absolute"),
])
def test_nonsense_is_refused(url, words, says):
    d = bench(url, *words)
    assert d.returncode != DONE and says in d.stderr and not d.stdout


def test_a_mode_wants_a_url():
    d = bench("--mode", "idle", "--", "true")
    assert d.returncode == USAGE and "URL" in d.stderr


# --- wrong servers ---

class Wrong(threading.Thread):
    """A server with one answer for each request: what turn() says."""

    def __init__(self, turn):
        super().__init__(daemon=True)
        self.turn = turn
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d/mcp" % self.listener.getsockname()[1]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def run(self):
        count = 0
        while True:
            try:
                conn = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(conn, count),
                             daemon=True).start()
            count += 1

    def serve(self, conn, number):
        data = b""
        turn = 0
        while True:
            try:
                got = conn.recv(65536)
            except OSError:
                return
            data += got
            if not got:
                return
            head, _, body = data.partition(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            if not length or len(body) < int(length[1]):
                continue
            data = b""
            answer = self.turn(json.loads(body)["id"], turn, number)
            turn += 1
            if answer is None:
                conn.close()
                return
            conn.sendall(answer)


def http(body, status="200 OK", kind="application/json", extra=""):
    body = body if isinstance(body, str) else json.dumps(body)
    return ("HTTP/1.1 %s\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n%s"
            % (status, kind, extra, len(body), body)).encode()


def right(i):
    return {"jsonrpc": "2.0", "id": i, "result": HELLO}


def wrong_once(answer):
    """Right but for the third answer on each connection."""
    return lambda i, turn, number: (answer(i) if turn == 2
                                    else http(right(i)))


WRONG = {
    "status": lambda i: http(right(i), status="500 Oh"),
    "media": lambda i: http(right(i), kind="text/plain"),
    "syntax": lambda i: http('{"jsonrpc":"2.0"'),
    "id": lambda i: http(right(i + 1)),
    "error": lambda i: http({"jsonrpc": "2.0", "id": i,
                             "error": {"code": 1, "message": "no"}}),
    "result": lambda i: http({"jsonrpc": "2.0", "id": i, "result": {
        "content": [{"type": "text", "text": "hello wörld"}]}}),
    "framing": lambda i: http(right(i)) + b"x",
    "closed": lambda i: None,
}


@pytest.mark.parametrize("kind", WRONG)
def test_one_wrong_answer_gives_no_figures(kind):
    with Wrong(wrong_once(WRONG[kind])) as s:
        d = bench(s.url, *OLD, "--no-handshake", "--connections", "2", *QUICK,
                  "--json")
    assert d.returncode == TOOL and not d.stdout
    said = json.loads(d.stderr)["error"]["message"]
    assert "no figures" in said and f"{kind} " in said


def test_a_server_that_is_right_passes_the_same_way():
    with Wrong(lambda i, turn, number: http(right(i))) as s:
        r = figures(s.url, *OLD, "--no-handshake", "--connections", "2",
                    *QUICK)
    assert r["answers"] > 0


def test_a_stream_of_events_is_an_answer():
    def turn(i, _turn, _number):
        text = "".join("data: %s\n\n" % json.dumps(m) for m in (
            {"jsonrpc": "2.0", "method": "notifications/progress",
             "params": {"progressToken": i, "progress": 1}}, right(i)))
        return http(text, kind="text/event-stream")

    with Wrong(turn) as s:
        r = figures(s.url, *OLD, "--no-handshake", "--progress",
                    "--connections", "2", *QUICK)
    assert r["answer"] == "events" and r["answers"] > 0


def test_silence_is_an_error():
    with Wrong(lambda i, turn, number: http(right(i)) if turn < 2 else b"") \
            as s:
        d = bench(s.url, *OLD, "--no-handshake", "--connections", "2",
                  "--timeout", "600ms")
    assert d.returncode == TOOL and "stalled" in d.stderr


def test_a_connection_that_starves_is_an_error():
    asked = threading.Semaphore(0)

    def turn(i, _turn, number):
        if number > 0:
            asked.release()
            return http(right(i))
        # The first connection is answered when the other one has fallen
        # silent: the measured time is over.
        while asked.acquire(timeout=2):
            pass
        return http(right(i))

    with Wrong(turn) as s:
        d = bench(s.url, *OLD, "--no-handshake", "--connections", "2",
                  "--duration", "1s")
    assert d.returncode == TOOL and "starved" in d.stderr


def test_constants_pass_with_any_id_alone():
    with Wrong(lambda i, turn, number: http(right(1000001))) as s:
        words = [s.url, *OLD, "--no-handshake", "--connections", "2", *QUICK]
        assert bench(*words).returncode == TOOL
        assert figures(*words, "--any-id")["answers"] > 0


def test_nobody_there_is_told():
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    d = bench("http://127.0.0.1:%d/mcp" % port, *OLD)
    assert d.returncode == UNREACHABLE and "connect" in d.stderr


@pytest.mark.parametrize("command, says", [
    (["true"], "closed its "),  # input or output, whichever is seen first
    (["cat"], "initialize"),
    (["/nonexistent/program"], "closed"),
])
def test_a_command_that_is_no_server_is_told(command, says):
    d = bench("--", *command)
    assert d.returncode == TOOL and says in d.stderr and not d.stdout


def test_a_server_that_dies_is_told():
    server = w.Server()
    p = subprocess.Popen(
        [w.BIN, "bench", "http://%s:%d/mcp" % server.http, *OLD, "--mode",
         "idle", "--connections", "3", "--hold"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "3 connections" in p.stderr.readline()
    server.kill(signal.SIGKILL)
    server.wait()
    # Its input stays open: the run ends by itself.
    assert p.wait(w.DEADLINE) == TOOL
    assert "closed" in p.stderr.read()
    for f in (p.stdin, p.stdout, p.stderr):
        f.close()
