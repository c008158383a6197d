# SPDX-License-Identifier: Apache-2.0
"""The command line as a script sees it: output, exit codes, and the path from
"plugin new" to a call."""

import http.server
import json
import os
import pty
import queue
import shutil
import signal
import socket
import subprocess
import threading

import pytest

import mcp_wire as w

DONE, USAGE, NO_MATCH, AUTH, UNREACHABLE, TOOL, CONFIG = range(7)


class Done:
    def __init__(self, rc, out, err):
        self.rc, self.out, self.err = rc, out, err

    def __repr__(self):
        return "<%d %r %r>" % (self.rc, self.out, self.err)

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def error(self):
        assert self.err.count("\n") == 1, self.err
        return json.loads(self.err)["error"]


def run(*words, url=None, cwd=None, stdin=None, **env):
    clean = {k: v for k, v in os.environ.items()
             if k not in ("TOOLPOST_URL", "XDG_RUNTIME_DIR", "NO_COLOR",
                          "CLICOLOR_FORCE", "CFLAGS", "LDFLAGS", "LDLIBS")}
    if url is not None:
        clean["TOOLPOST_URL"] = url
    clean.update(env)
    p = subprocess.run([w.BIN] + list(words), cwd=cwd, env=clean,
                       input=stdin, capture_output=True, text=True,
                       timeout=w.DEADLINE * 2)
    return Done(p.returncode, p.stdout, p.stderr)


@pytest.fixture(scope="module")
def url(server):
    return "http://%s:%d/mcp" % server.http


@pytest.fixture
def nobody():
    """An address where nothing listens: bound, so that nobody else takes it."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        yield "http://127.0.0.1:%d/mcp" % s.getsockname()[1]


# --- help and usage ---

def test_alone_prints_ten_lines(url):
    d = run(url=url)
    assert d.rc == DONE
    assert len(d.out.splitlines()) == 10
    assert "a server answers at " + url in d.out


def test_alone_says_that_nobody_answers(nobody):
    d = run(url=nobody)
    assert d.rc == DONE
    assert "toolpost serve" in d.out


@pytest.mark.parametrize("words", [
    ["--help"], ["help"], ["help", "call"], ["call", "--help"], ["serve", "-h"],
    ["help", "plugin", "build"], ["plugin", "new", "--help"]])
def test_help_fits_a_screen(words):
    d = run(*words)
    lines = d.out.splitlines()
    assert d.rc == DONE and d.err == ""
    assert len(lines) <= 24
    assert all(line.startswith("  ") for line in lines[-3:])


@pytest.mark.parametrize("words,says", [
    (["serv"], 'did you mean "serve"?'),
    (["lst"], 'did you mean "list"?'),
    (["plugin", "biuld"], 'did you mean "plugin build"?'),
    (["list", "--jsn"], 'did you mean "--json"?'),
    (["list", "nothing"], "none of tools"),
    (["call"], "something is missing"),
    (["call", "name=Ada"], "comes first"),
    (["call", "x", "--resource", "a:b"], "takes no arguments"),
    (["call", "--prompt", "x", "--resource", "a:b"], "exclude"),
    (["list", "--url", "ftp://x"], "ftp://x"),
    (["list", "--url", "https://x/mcp"], "https"),
    (["list", "--timeout", "x"], "--timeout"),
    (["help", "cal"], 'did you mean "call"?'),
])
def test_mistakes_are_one_line(words, says):
    d = run(*words)
    assert d.rc == USAGE and d.out == ""
    assert d.err.startswith("error: ") and d.err.count("\n") == 1
    assert says in d.err


def test_mistakes_as_json():
    d = run("list", "--nope", "--json")
    assert d.rc == USAGE and d.out == ""
    assert d.error["code"] == "usage"


def test_version_names_protocols_and_abi():
    d = run("--version", "--json")
    assert d.rc == DONE
    assert d.json["protocol"] == w.REVISIONS
    assert set(d.json["abi"]) == {"min", "max"}
    assert run("version").out.startswith("toolpost " + d.json["version"])


# --- list and call ---

@pytest.mark.parametrize("revision", w.REVISIONS)
def test_call_speaks_every_revision(url, revision):
    d = run("call", "hello", "name=Ada", "--protocol", revision, url=url)
    assert (d.rc, d.out, d.err) == (DONE, "Hello, Ada!\n", "")


def test_call_with_v_names_server_and_revision(url):
    d = run("call", "hello", "-v", url=url)
    assert d.rc == DONE
    assert url in d.err and w.R5 in d.err


def test_url_flag_goes_over_the_environment(url, nobody):
    assert run("call", "hello", "--url", url, url=nobody).rc == DONE


def test_the_users_socket_is_found(start, tmp_path):
    folder = tmp_path / "run" / "toolpost"
    folder.mkdir(parents=True)
    start.serve(listen=("unix:%s/mcp.sock" % folder,), plugins=(w.PLUGINS,))
    d = run("call", "hello", "-v", XDG_RUNTIME_DIR=str(tmp_path / "run"))
    assert (d.rc, d.out) == (DONE, "Hello, world!\n")
    assert "unix:" in d.err


def test_call_json_is_the_result(url):
    d = run("call", "echo", "message=a\x1b[31m", "--json", url=url)
    assert d.rc == DONE
    assert d.json["content"][0]["text"] == "a\x1b[31m"


def test_arguments_from_json_file_and_stdin(url, tmp_path):
    text = '{"message": "from file"}'
    path = tmp_path / "a.json"
    path.write_text(text)
    assert run("call", "echo", "--args", text, url=url).out == "from file\n"
    assert run("call", "echo", "--args", "@%s" % path, url=url).out == "from file\n"
    assert run("call", "echo", "--args", "-", url=url,
               stdin=text).out == "from file\n"
    assert run("call", "echo", "--args", text, "message=over",
               url=url).out == "over\n"
    assert run("call", "echo", "--args", "@/nonexistent", url=url).rc == TOOL
    assert "not JSON" in run("call", "echo", "--args", "{", url=url).err


@pytest.mark.parametrize("words,says", [
    (["helo"], 'did you mean "hello"?'),
    (["echo"], "message"),
    (["echo", "message:=1"], "message"),
    (["echo", "message"], "is no argument"),
    (["echo", "message:=[1"], "not JSON"),
    (["--resource", "nothing:x"], "nothing:x"),
])
def test_what_a_tool_refuses_is_5(url, words, says):
    d = run("call", *words, url=url)
    assert d.rc == TOOL and d.out == ""
    assert d.err.count("\n") == 1 and says in d.err
    d = run("call", *words, "--json", url=url)
    assert d.rc == TOOL
    assert d.error["code"] == "tool_error"


def test_list_is_tab_separated_without_a_head(url):
    d = run("list", url=url)
    rows = [line.split("\t") for line in d.out.splitlines()]
    assert d.rc == DONE
    assert ["hello", "Greets somebody by name."] in rows
    assert all(len(row) == 2 for row in rows)
    rows = [r.split("\t") for r in run("list", "--long", url=url).out.splitlines()]
    assert all(len(row) == 3 and int(row[1]) > 0 for row in rows)


@pytest.mark.parametrize("kind,key", [
    ("tools", "tools"), ("resources", "resources"),
    ("templates", "resourceTemplates"), ("prompts", "prompts")])
def test_list_json_is_one_document(url, kind, key):
    d = run("list", kind, "--json", url=url)
    assert list(d.json) == [key]
    assert d.rc == (DONE if d.json[key] else NO_MATCH)


def test_list_of_nothing_is_2(start, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    s = start.serve(plugins=(str(empty),))
    d = run("list", "--url", "http://%s:%d/mcp" % s.http)
    assert d.rc == NO_MATCH
    assert d.err == "error: there are no tools\n"


def test_nobody_there_is_4(nobody):
    d = run("list", url=nobody)
    assert d.rc == UNREACHABLE and "refused" in d.err
    d = run("call", "hello", "--json", url=nobody)
    assert d.rc == UNREACHABLE
    assert d.error["code"] == "unreachable" and d.error["url"] == nobody
    assert run("list", url="unix:/nonexistent/mcp.sock").rc == UNREACHABLE


def test_a_terminal_gets_a_table_and_no_escapes(url):
    master, slave = pty.openpty()
    env = dict(os.environ, TOOLPOST_URL=url, TERM="dumb")
    for words in (["list"], ["call", "echo", "message=a\x1b[31mb"]):
        subprocess.run([w.BIN] + words, stdout=slave, stderr=slave, env=env,
                       timeout=w.DEADLINE)
    os.close(slave)
    text = b""
    while True:
        try:
            got = os.read(master, 65536)
        except OSError:
            break
        if not got:
            break
        text += got
    os.close(master)
    assert b"TOOL " in text and b"DESCRIPTION" in text
    assert b"a\\x1b[31mb" in text and b"\x1b" not in text


# --- servers of other kinds ---

class Other(http.server.BaseHTTPRequestHandler):
    """A server of the handshake era, or one that refuses."""

    protocol_version = "HTTP/1.1"
    mode = "json"
    seen = None

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_DELETE(self):
        self.seen.append("DELETE")
        self.answer(204)

    def do_POST(self):
        m = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method = m["method"]
        self.seen.append(method)
        if self.mode == "auth":
            return self.answer(401, WWW_Authenticate="Bearer")
        if self.mode == "text":
            return self.answer(200, b"hello", Content_Type="text/plain")
        if method == "initialize":
            return self.reply(m, {
                "protocolVersion": "2025-06-18", "capabilities": {},
                "serverInfo": {"name": "other", "version": "1"}},
                Mcp_Session_Id="s1")
        if method == "notifications/initialized":
            return self.answer(202)
        if self.headers.get("Mcp-Session-Id") != "s1":
            return self.answer(400, b"no session")
        if method == "notifications/cancelled":
            self.cancelled.put(m["params"]["requestId"])
            return self.answer(202)
        assert self.headers["MCP-Protocol-Version"] == "2025-06-18"
        assert "_meta" not in m["params"]
        if method == "tools/list":
            if "cursor" not in m["params"]:
                return self.reply(m, {"tools": [], "nextCursor": "2"})
            return self.reply(m, {"tools": [{
                "name": "add", "inputSchema": {"type": "object", "properties": {
                    "a": {"type": "integer"}}}}]})
        if method == "tools/call":
            return self.call(m)
        return self.answer(404)

    def call(self, m):
        if self.mode == "hang":
            self.called.put(m["id"])
            assert self.cancelled.get(timeout=w.DEADLINE) == m["id"]
            self.close_connection = True
            return
        name = {"fail": "isError"}.get(self.mode)
        result = {"content": [
            {"type": "text", "text": json.dumps(m["params"]["arguments"])},
            {"type": "image", "mimeType": "image/png", "data": "AAAAAAA="},
            {"type": "resource_link", "uri": "a:b", "name": "n"},
            {"type": "resource", "resource": {"uri": "a:c", "text": "inside"}}]}
        if name:
            result[name] = True
        self.reply(m, result)

    def reply(self, m, result, **fields):
        message = {"jsonrpc": "2.0", "id": m["id"], "result": result}
        if self.mode != "sse":
            return self.answer(200, json.dumps(message).encode(),
                               Content_Type="application/json", **fields)
        note = {"jsonrpc": "2.0", "method": "notifications/progress",
                "params": {"progressToken": 1, "progress": 1}}
        lines = json.dumps(message, indent=1).split("\n")
        body = ": hello\n\ndata: %s\n\n" % json.dumps(note)
        body += "".join("data: %s\n" % line for line in lines) + "\n"
        self.answer(200, body.encode(), Content_Type="text/event-stream", **fields)


@pytest.fixture
def other(request):
    handler = type("Handler", (Other,), {
        "mode": request.param, "seen": [],
        "called": queue.Queue(), "cancelled": queue.Queue()})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.url = "http://127.0.0.1:%d/mcp" % server.server_address[1]
    server.seen = handler.seen
    server.called = handler.called
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


CALLED = '{"a": 3}\n[image image/png, 5 bytes]\n[link a:b n]\ninside\n'


@pytest.mark.parametrize("other", ["json", "sse"], indirect=True)
def test_falls_back_to_the_handshake(other):
    d = run("call", "add", "a=3", url=other.url)
    assert (d.rc, d.out, d.err) == (DONE, CALLED, "")
    assert other.seen == ["server/discover", "initialize",
                          "notifications/initialized", "tools/list",
                          "tools/list", "tools/call", "DELETE"]


@pytest.mark.parametrize("other", ["json"], indirect=True)
def test_a_forced_revision_is_kept_or_refused(other):
    d = run("list", "--protocol", "2026-07-28", url=other.url)
    assert d.rc == USAGE and other.seen == ["server/discover"]
    d = run("list", "--protocol", "2025-11-25", url=other.url)
    assert d.rc == USAGE and '"2025-06-18"' in d.err
    assert run("list", "--protocol", "2025-06-18", url=other.url).rc == DONE


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("other", ["hang"], indirect=True)
def test_an_interrupted_call_is_cancelled(other, signo):
    """CANC-01"""
    p = subprocess.Popen([w.BIN, "call", "add", "a=3"], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE,
                         env=dict(os.environ, TOOLPOST_URL=other.url))
    other.called.get(timeout=w.DEADLINE)
    p.send_signal(signo)
    out, err = p.communicate(timeout=w.DEADLINE)
    assert (p.returncode, out, err) == (-signo, b"", b"")
    assert other.seen[-3:] == ["tools/call", "notifications/cancelled", "DELETE"]


@pytest.mark.parametrize("other", ["hang"], indirect=True)
def test_a_call_in_the_background_ignores_what_its_shell_ignores(other):
    p = subprocess.Popen([w.BIN, "call", "add", "a=3"], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE,
                         env=dict(os.environ, TOOLPOST_URL=other.url),
                         preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    other.called.get(timeout=w.DEADLINE)
    p.send_signal(signal.SIGINT)
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=w.DEADLINE)
    assert (p.returncode, out, err) == (-signal.SIGTERM, b"", b"")


@pytest.mark.parametrize("other", ["fail"], indirect=True)
def test_is_error_is_5(other):
    d = run("call", "add", "a=3", url=other.url)
    assert d.rc == TOOL and d.out == ""
    assert d.err.startswith('error: add: {"a": 3}')
    d = run("call", "add", "a=3", "--json", url=other.url)
    assert d.rc == TOOL and d.json["isError"] is True
    assert d.error["code"] == "tool_error"


@pytest.mark.parametrize("other", ["auth"], indirect=True)
def test_a_server_that_wants_authentication_is_3(other):
    d = run("list", "--json", url=other.url)
    assert d.rc == AUTH
    assert d.error["code"] == "auth_required" and d.error["status"] == 401
    assert other.seen == ["server/discover"]


@pytest.mark.parametrize("other", ["text"], indirect=True)
def test_what_is_no_mcp_is_said(other):
    d = run("list", url=other.url)
    assert d.rc == USAGE and "no answer" in d.err


# --- check ---

GOOD = """plugin: p
version: 1.0.0
abi: 1
module: p.so
tools:
  - name: p
    description: Answers.
"""
SOURCE = """#include <toolpost/plugin.h>
static int p(struct tp_call *c, void *s) { (void)s; return tp_textf(c, "p"); }
static const struct tp_entry entries[] = { TP_TOOL("%s", p) };
TP_PLUGIN("p", "1.0.0", entries);
"""


@pytest.fixture
def plugin(tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "p.yaml").write_text(GOOD)
    w.compile_plugin(SOURCE % "p", folder / "p.so")
    return folder


def test_check_of_what_ships(tmp_path):
    d = run("check", w.PLUGINS)
    assert d.rc == DONE, d
    assert "0 errors" in d.out


def test_check_accepts_a_file_and_folders(plugin):
    for path in (plugin / "p.yaml", plugin, plugin.parent):
        d = run("check", str(path))
        assert d.rc == DONE, d
        assert d.out.splitlines()[1:] == ["checked 1 file: 0 errors"], d
    assert run("check", "-q", str(plugin)).out == ""


def test_check_names_the_place(plugin):
    (plugin / "p.yaml").write_text(GOOD.replace("description", "descripton"))
    d = run("check", str(plugin / "p.yaml"))
    assert d.rc == CONFIG
    assert "p.yaml:7:5: error: " in d.err and '"description"' in d.err
    d = run("check", "--json", str(plugin / "p.yaml"))
    assert d.rc == CONFIG and d.error["code"] == "config_invalid"
    finding = d.json["findings"][0]
    assert (finding["line"], finding["column"]) == (7, 5)
    assert finding["severity"] == "error"
    assert d.json["errors"] == len(d.json["findings"])


def test_check_rehearses_the_module(plugin):
    w.compile_plugin(SOURCE % "q", plugin / "p.so")
    d = run("check", str(plugin))
    assert d.rc == CONFIG and "p.yaml:6:11: error:" in d.err and '"q"' in d.err
    os.unlink(plugin / "p.so")
    d = run("check", str(plugin))
    assert d.rc == CONFIG and "p.so" in d.err


def test_check_reads_configuration(tmp_path):
    path = tmp_path / "toolpost.yaml"
    path.write_text("http: {listen: [127.0.0.1:0]}\n")
    assert run("check", str(path)).rc == DONE
    assert run("check", "--config", str(path)).rc == DONE
    path.write_text("http: {lisen: [127.0.0.1:0]}\n")
    for words in ([str(path)], ["--config", str(path)]):
        d = run("check", *words)
        assert d.rc == CONFIG and "toolpost.yaml:1:8: error:" in d.err, d


def test_check_of_nothing(tmp_path):
    assert run("check", str(tmp_path)).rc == NO_MATCH
    assert run("check", str(tmp_path / "none.yaml")).rc == CONFIG


# --- serve ---

def test_serve_that_cannot_start_says_why(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(1)
        address = "127.0.0.1:%d" % s.getsockname()[1]
        d = run("serve", "--listen", address, "--plugins", w.PLUGINS)
    assert d.rc != DONE and address in d.err
    path = tmp_path / "c.yaml"
    path.write_text("nonsense: 1\n")
    d = run("serve", "--config", str(path))
    assert d.rc == CONFIG and "c.yaml:1:1: error:" in d.err


# --- the author's path ---

def test_from_new_to_a_call_and_on(start, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    s = start.serve(plugins=(str(tools),))
    url = "http://%s:%d/mcp" % s.http

    d = run("plugin", "new", "weather", cwd=tools)
    assert d.rc == DONE and "weather.c" in d.out
    assert {"weather.c", "weather.yaml", "weather_test.c", "Makefile",
            "README.md", "CMakeLists.txt"} == set(os.listdir(tools / "weather"))

    d = run("plugin", "build", "weather", "-v", cwd=tools)
    assert d.rc == DONE and d.out.startswith("built weather/weather.so")
    assert "-Wl,-z,defs,-z,now" in d.err
    assert run("check", "weather", cwd=tools).rc == DONE

    at = s.lines.index(s.wait_log("plugin warm", plugin="weather"))
    assert run("call", "weather", "name=Ada", url=url).out == "Hello, Ada!\n"

    source = (tools / "weather" / "weather.c").read_text()
    (tools / "weather" / "weather.c").write_text(source.replace("Hello", "Hi"))
    d = run("plugin", "build", "--json", cwd=tools / "weather")
    assert d.rc == DONE and d.json["plugin"] == "weather"
    s.wait_log("plugin warm", at + 1, plugin="weather")
    assert run("call", "weather", "name=Ada", url=url).out == "Hi, Ada!\n"


def test_the_template_passes_its_own_test(tmp_path):
    assert run("plugin", "new", "a-b_1", cwd=tmp_path).rc == DONE
    folder = tmp_path / "a-b_1"
    assert run("plugin", "build", cwd=folder).rc == DONE
    test = folder / "a-b_1_test"
    done = subprocess.run(
        [os.environ.get("CC", "cc"), "-pthread", "-I", w.INCLUDE, "-o", test,
         folder / "a-b_1_test.c", "-ldl"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([test, folder / "a-b_1.so"], capture_output=True,
                          text=True, timeout=w.DEADLINE)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["Weather", "1a", "a b", "a.b", "x" * 65, ""])
def test_names_of_plugins_are_checked(tmp_path, name):
    d = run("plugin", "new", name, cwd=tmp_path)
    assert d.rc == USAGE and "no name for a plugin" in d.err
    assert os.listdir(tmp_path) == []


def test_new_overwrites_nothing(tmp_path):
    (tmp_path / "w").mkdir()
    d = run("plugin", "new", "w", cwd=tmp_path)
    assert d.rc == USAGE and os.listdir(tmp_path / "w") == []


def test_a_plugin_made_under_an_open_umask_can_be_loaded(tmp_path):
    before = os.umask(0o002)
    try:
        assert run("plugin", "new", "open", cwd=tmp_path).rc == DONE
        assert run("plugin", "build", "open", cwd=tmp_path).rc == DONE
    finally:
        os.umask(before)
    done = run("check", "open", cwd=tmp_path)
    assert done.rc == DONE, done


def test_a_build_that_fails_leaves_the_old_module(tmp_path):
    assert run("plugin", "new", "w", cwd=tmp_path).rc == DONE
    assert run("plugin", "build", "w", cwd=tmp_path).rc == DONE
    before = (tmp_path / "w" / "w.so").read_bytes()
    source = (tmp_path / "w" / "w.c").read_text()
    for broken in ("}" + source,
                   source + "\nint undefined_one(void);\n"
                   "int (*const f_)(void) = undefined_one;\n"):
        (tmp_path / "w" / "w.c").write_text(broken)
        d = run("plugin", "build", "w", cwd=tmp_path)
        assert d.rc == CONFIG and "failed" in d.err
        assert (tmp_path / "w" / "w.so").read_bytes() == before
        assert not [n for n in os.listdir(tmp_path / "w") if n.startswith(".")]


def test_words_after_two_dashes_reach_the_compiler(tmp_path):
    assert run("plugin", "new", "w", cwd=tmp_path).rc == DONE
    d = run("plugin", "build", "w", "-v", "--", "-lm", "-DX=1", cwd=tmp_path)
    assert d.rc == DONE and d.err.splitlines()[0].endswith("w/w.c -lm -DX=1")
    d = run("plugin", "build", "w", cwd=tmp_path, CC="/nonexistent/cc")
    assert d.rc != DONE and "/nonexistent/cc" in d.err


def test_pin_writes_the_sum(tmp_path):
    assert run("plugin", "new", "w", cwd=tmp_path).rc == DONE
    for _ in range(2):
        assert run("plugin", "build", "w", "--pin", cwd=tmp_path).rc == DONE
        text = (tmp_path / "w" / "w.yaml").read_text()
        assert text.count("sha256:") == 1
        assert run("check", "w", cwd=tmp_path).rc == DONE
    shutil.copy(tmp_path / "w" / "w.so", tmp_path / "w" / "other")
    with open(tmp_path / "w" / "w.so", "ab") as f:
        f.write(b"x")
    assert run("check", "w", cwd=tmp_path).rc == CONFIG


@pytest.mark.parametrize("path", ["none", "."])
def test_build_without_sources_is_6(tmp_path, path):
    d = run("plugin", "build", path, cwd=tmp_path)
    assert d.rc == CONFIG and d.err.count("\n") == 1
