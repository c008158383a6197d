# SPDX-License-Identifier: Apache-2.0
"""The operator's socket and the verbs that ask it: state of each plugin, why
an old generation is still there, reload with a diff, quarantine ended by hand,
metrics."""

import grp
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile

import pytest

import mcp_wire as w

DONE, USAGE, NO_MATCH, AUTH, UNREACHABLE, TOOL, CONFIG = range(7)

# Nothing is seen by itself: each reload is the test's.
QUIET = "plugins: {watch: false, isolation: %s, sandbox: best-effort}\n" % (
    w.ISOLATION or "none")

SOURCE = """
#include <toolpost/plugin.h>
static int say(struct tp_call *c, void *s)
{
    (void)s;
    return tp_textf(c, "%s", "MARK");
}
static const struct tp_entry entries[] = { ENTRIES };
TP_PLUGIN("ver", "VERSION", entries);
"""
FIRST = """\
plugin: ver
version: 1.0.0
module: ver.so
limits: {timeout: 10s}
grants: {read: [/usr/share], network: ["api.example:443"]}
tools:
  - name: ver_say
    description: Says it.
    inputSchema: {type: object, properties: {days: {type: integer, maximum: 7}, "a/b": {}}}
  - {name: ver_old, description: Goes away.}
"""
SECOND = """\
plugin: ver
version: 2.0.0
module: ver.so
limits: {timeout: 10s}
grants: {read: [/usr/share]}
tools:
  - name: ver_say
    description: Says it.
    limits: {timeout: 4s}
    inputSchema: {type: object, properties: {days: {type: integer, maximum: 14}, "a/b": true}}
  - {name: ver_new, description: Comes.}
"""


class Admin:
    """Requests on the socket of one server."""

    def __init__(self, server):
        self.path = server.wait_log("admin socket")["address"][len("unix:"):]

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(w.DEADLINE)
        s.connect(self.path)
        return s

    def raw(self, data):
        """What comes back until the end."""
        with self.connect() as s:
            try:
                s.sendall(data)
            except BrokenPipeError:
                pass  # turned away: it says why
            got = b""
            while True:
                part = s.recv(65536)
                if not part:
                    return got
                got += part

    def ask(self, path, method="GET"):
        raw = self.raw(b"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                       % (method.encode(), path.encode()))
        head, _, body = raw.partition(b"\r\n\r\n")
        r = w.Response(head)
        r.body = body
        assert int(r.get("content-length")) == len(body) or method == "HEAD"
        return r

    def json(self, path, method="GET"):
        r = self.ask(path, method)
        assert r.status == 200, r
        return r.json

    def plugin(self, name):
        return self.json("/plugins/" + name)

    def metrics(self):
        return parse(self.ask("/metrics"))

    def cli(self, *words):
        env = {k: v for k, v in os.environ.items() if k != "TOOLPOST_URL"}
        env["TOOLPOST_ADMIN"] = self.path
        return subprocess.run([w.BIN] + list(words), env=env, text=True,
                              capture_output=True, timeout=w.DEADLINE * 2)


SAMPLE = re.compile(
    r"([a-z_]+)(?:\{((?:[a-z]+=\"(?:[^\"\\\n]|\\[\\\"n])*\",?)+)\})? ([0-9.]+)$")


def parse(response):
    """The text format, strictly: every line is a sample of a family that was
    opened by HELP and TYPE."""
    assert response.type == "text/plain" and response.body.endswith(b"\n")
    families, samples, current = {}, {}, None
    for line in response.body.decode().splitlines():
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            assert current not in families
            families[current] = [line.split(" ", 3)[3], None]
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == current
            families[name][1] = kind
        else:
            m = SAMPLE.fullmatch(line)
            assert m and m.group(1) == current, line
            key = (m.group(1),) + tuple(re.findall(r'"([^"]*)"', m.group(2) or ""))
            assert key not in samples
            samples[key] = float(m.group(3))
    samples["families"] = families
    return samples


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modules")
    made = []
    for version, second in (("1.0.0", "ver_old"), ("2.0.0", "ver_new")):
        source = SOURCE.replace("VERSION", version).replace(
            "ENTRIES", 'TP_TOOL("ver_say", say), TP_TOOL("%s", say)' % second)
        made.append(w.compile_plugin(source, folder / (version + ".so")).read_bytes())
    return made


class Ver:
    def __init__(self, folder, modules):
        self.dir = folder
        self.modules = modules
        os.makedirs(folder + "/ver")
        self.put(0, FIRST)

    def put(self, n, text):
        w.write_file(self.dir + "/ver/ver.so", self.modules[n])
        self.describe(text)

    def describe(self, text):
        w.write_file(self.dir + "/ver/ver.yaml", text)


@pytest.fixture
def ver(start, modules):
    return Ver(start.path("plugins"), modules)


@pytest.fixture
def server(start, ver):
    return start.serve(QUIET, plugins=(ver.dir, w.PLUGINS))


@pytest.fixture
def admin(server):
    return Admin(server)


# --- the socket ---

def test_the_server_says_that_it_lives_and_is_ready(admin, server):
    assert admin.ask("/livez").body == b"ok\n"
    assert admin.ask("/readyz").body == b"ready\n"
    assert admin.ask("/healthz").status == 200
    assert admin.json("/version")["version"]
    s = admin.json("/status")
    assert s["pid"] == server.pid and s["phase"] == "serving" and s["ready"]
    assert s["reactors"] == s["reactorsTurning"] == 2
    assert [p["name"] for p in s["plugins"]] == sorted(p["name"] for p in s["plugins"])
    assert s["listen"] == server.addresses


@pytest.mark.parametrize("path, method, status", [
    ("/nothing", "GET", 404), ("/status", "POST", 405), ("/reload", "GET", 405),
    ("/plugins/ver/enable", "GET", 405), ("/plugins/nix", "GET", 404),
    ("/plugins/ver/eat", "POST", 404), ("/plugins/nix/enable", "POST", 404),
    ("/plugins/" + "x" * 300, "GET", 404), ("/mcp", "POST", 404)])
def test_what_is_not_there_is_refused_with_a_reason(admin, path, method, status):
    r = admin.ask(path, method)
    assert r.status == status and r.json["error"]["message"]


def test_malformed_requests_end_the_connection(admin):
    assert admin.raw(b"GET /status\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert admin.raw(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n"
                     b"\r\n").startswith(b"HTTP/1.1 413 ")
    assert admin.ask("/livez", "HEAD").body == b""


def test_requests_share_a_connection(admin):
    with admin.connect() as s:
        b = w.Bytes(s)
        for path in (b"livez", b"version", b"status", b"readyz") * 3:
            s.sendall(b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % path)
            r = w.Response(b.until(b"\r\n\r\n", w.DEADLINE))
            assert r.status == 200
            b.exactly(int(r.get("content-length")))


def test_connections_are_bounded_and_places_come_back(admin):
    held = []
    for _ in range(32):
        s = admin.connect()
        s.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
        assert s.recv(4096).startswith(b"HTTP/1.1 200 ")
        held.append(s)
    assert admin.raw(b"").startswith(b"HTTP/1.1 503 ")
    for s in held:
        s.close()
    with admin.connect() as s:
        s.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
        assert s.recv(4096).startswith(b"HTTP/1.1 ")


def test_it_is_never_on_the_mcp_address(server):
    for path in (b"/status", b"/metrics", b"/livez", b"/reload", b"/plugins"):
        with w.Http(server.http) as c:
            c.send(b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % path)
            assert c.response("GET").status == 404


def test_a_slow_request_is_cut_off_by_the_end_of_the_server(admin, server):
    """Nothing that hangs on the socket keeps the server from stopping."""
    with admin.connect() as s:
        s.sendall(b"GET /sta")
        server.stop()
        assert s.recv(100) == b""
    assert not os.path.exists(admin.path)


@pytest.mark.skipif(os.geteuid() != 0, reason="other users are root's to become")
def test_other_users_are_refused_whatever_the_mode_says(start):
    folder = tempfile.mkdtemp(prefix="toolpost-admin-")
    os.chmod(folder, 0o755)
    path = folder + "/a.sock"
    try:
        server = start.serve("admin: {socket: %s}\n" % path)
        admin = Admin(server)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
        os.chmod(path, 0o666)
        code = ("import socket; s = socket.socket(socket.AF_UNIX); s.connect(%r);"
                "print(s.recv(12).decode())" % path)
        said = subprocess.run([sys.executable, "-c", code], user=65534, group=65534,
                              extra_groups=[], cwd="/", capture_output=True, text=True,
                              timeout=w.DEADLINE)
        assert said.stdout == "HTTP/1.1 403\n", said
        server.wait_log("admin connection refused", uid=65534)
        assert admin.json("/status")["ready"]
    finally:
        shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="other users are root's to become")
def test_a_group_may_use_it(start):
    folder = tempfile.mkdtemp(prefix="toolpost-admin-")
    os.chmod(folder, 0o755)
    path = folder + "/a.sock"
    try:
        name = grp.getgrgid(65534).gr_name
        server = start.serve("admin: {socket: %s, group: %s}\n" % (path, name))
        server.wait_log("admin socket")
        assert os.stat(path).st_gid == 65534
        code = ("import socket; s = socket.socket(socket.AF_UNIX); s.connect(%r);"
                "s.sendall(b'GET /readyz HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n');"
                "print(s.recv(12).decode())" % path)
        for group, extra in ((65534, []), (1, [65534])):
            said = subprocess.run(
                [sys.executable, "-c", code], user=65534, group=group, extra_groups=extra,
                cwd="/", capture_output=True, text=True, timeout=w.DEADLINE)
            assert said.stdout == "HTTP/1.1 200\n", said
        done = subprocess.run(
            [w.BIN, "serve", "--listen", "127.0.0.1:0", "--config",
             start.config("admin: {group: nobody-has-this}\n")],
            capture_output=True, text=True, timeout=w.DEADLINE)
        assert done.returncode == CONFIG and "nobody-has-this" in done.stderr
    finally:
        shutil.rmtree(folder)


def test_a_path_that_somebody_named_must_work(start):
    folder = start.path("")
    path = folder + "a.sock"
    start.serve("admin: {socket: %s}\n" % path)
    done = subprocess.run(
        [w.BIN, "serve", "--listen", "127.0.0.1:0", "--config",
         start.config("admin: {socket: %s}\n" % path)],
        capture_output=True, text=True, timeout=w.DEADLINE)
    assert done.returncode == CONFIG and "admin.socket" in done.stderr


def test_it_can_be_left_out(start):
    server = start.serve("admin: {enabled: false}\n")
    assert not [x for x in server.lines if x.get("event") == "admin socket"]


BLOCKS = """
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <toolpost/plugin.h>
static int wait_here(struct tp_call *c, void *s)
{
    struct tp_str said = tp_arg_str(c, "path", "");
    char path[4096];
    int fd;
    (void)s;
    snprintf(path, sizeof path, "%.*s", TP_FMT(said));
    fd = open(path, O_RDONLY);
    if (fd >= 0)
        close(fd);
    return tp_textf(c, "%s", "over");
}
static const struct tp_entry entries[] = {
    TP_TOOL_FLAGS("block", wait_here, TP_NONBLOCKING),
};
TP_PLUGIN("block", "1.0.0", entries);
"""


def test_a_reactor_that_a_handler_blocks_is_named(start):
    folder = start.path("blocks")
    fifo = start.path("fifo")
    os.mkfifo(fifo)
    os.makedirs(folder)
    w.compile_plugin(BLOCKS, folder + "/block.so")
    w.write_file(folder + "/block.yaml",
                 "plugin: block\nversion: 1.0.0\nmodule: block.so\ntools:\n"
                 "  - name: block\n    description: Blocks its thread.\n"
                 "    inputSchema: {type: object, properties: {path: {type: string}}}\n")
    server = start.serve("plugins: {isolation: none}\nlimits: {reactor_stuck: 0}\n",
                         plugins=(folder,))
    admin, client = Admin(server), w.Modern(server)
    client.send("tools/call", {"name": "block", "arguments": {"path": fifo}})
    for _ in range(1000):  # the call is on its way
        r = admin.ask("/livez")
        if r.status != 200:
            break
    assert r.status == 503 and re.match(rb"1 of 2 reactors turn; [01] does not", r.body)
    d = admin.cli("status", "--probe", "live")
    assert d.returncode == USAGE and "1 of 2 reactors turn" in d.stderr
    d = admin.cli("status")
    assert d.returncode == DONE and "does not turn: a handler blocks it" in d.stdout
    assert admin.metrics()["toolpost_reactors_turning",] == 1
    os.close(os.open(fifo, os.O_WRONLY))
    assert client.conn.response().json["result"]["content"][0]["text"] == "over"
    assert admin.ask("/livez").status == 200
    client.close()


# --- verbs ---

def test_status_is_one_page(admin, server):
    d = admin.cli("status")
    assert (d.returncode, d.stderr) == (DONE, "")
    assert "pid %d, serving" % server.pid in d.stdout
    assert re.search(r"^hello\t1\.0\.0\twarm\t", d.stdout, re.M)
    assert json.loads(admin.cli("status", "--json").stdout)["pid"] == server.pid
    for what in ("live", "ready"):
        d = admin.cli("status", "--probe", what)
        assert (d.returncode, d.stdout) == (DONE, "ok\n")


def test_without_a_server_every_verb_says_what_to_do(tmp_path):
    for words in (["status"], ["plugin", "list"], ["plugin", "inspect", "x"],
                  ["plugin", "enable", "x"], ["reload"], ["plugin", "reload", "x"],
                  ["status", "--probe", "live"]):
        d = subprocess.run(
            [w.BIN] + words + ["--socket", str(tmp_path / "no.sock")],
            capture_output=True, text=True, timeout=w.DEADLINE)
        assert d.returncode == UNREACHABLE and d.stdout == ""
        assert d.stderr == ("error: no server answers at %s/no.sock; start one or pass"
                            " --socket\n" % tmp_path)


def test_names_that_no_plugin_has(admin):
    for words, rc in ((["plugin", "inspect", "nix"], NO_MATCH),
                      (["plugin", "enable", "nix"], NO_MATCH),
                      (["plugin", "reload", "nix"], NO_MATCH),
                      (["plugin", "inspect", "a b"], USAGE),
                      (["plugin", "reload", "?wait=1"], USAGE)):
        d = admin.cli(*words)
        assert d.returncode == rc and d.stderr.startswith("error: "), (words, d)


def test_the_log_names_the_calls_that_keep_a_generation(start, fixture_plugins, gate):
    """Each entry with its calls and the age of the oldest; once."""
    folder = start.path("plugins")
    shutil.copytree(fixture_plugins, folder)
    server = start.serve(QUIET.replace("{", "{long_drain: 1ms, "), plugins=(folder,))
    client = w.Modern(server)
    admin = Admin(server)
    conns = [w.Http(server.http) for _ in range(3)]
    held = []
    for conn, name in zip(conns, ("fx_hold", "fx_hold", "fx_again")):
        m = w.modern("tools/call", {"name": name, "arguments": {"gate": gate.path}}, 1)
        conn.send(w.http_request("POST", "/mcp", w.modern_fields(m), w.dumps(m)))
        held.append(gate.entered())
    before = admin.plugin("fx")["generation"]
    with open(folder + "/fx/fx.yaml", "a") as f:
        f.write("# touched\n")
    mark = server.mark()
    r = admin.json("/reload", "POST")
    said = server.wait_log("plugin drains for long", mark, plugin="fx")
    assert int(said["generation"]) == before and int(said["draining_ms"]) >= 1
    names = dict(x.split(": ") for x in said["kept_by"].split("; "))
    assert re.fullmatch(r"2 calls, the oldest for [0-9.]+ s", names["fx_hold"]), said
    assert re.fullmatch(r"1 call for [0-9.]+ s", names["fx_again"]), said
    assert {(e["entry"], e["calls"]) for e in r["draining"][0]["entries"]} == {
        ("fx_hold", 2), ("fx_again", 1)}
    for h in held:
        h.go()
    server.wait_log("plugin unloaded", mark, plugin="fx", generation=before)
    assert len([x for x in server.lines if x["event"] == "plugin drains for long"]) == 1
    for conn in conns:
        conn.close()
    client.close()


def test_inspect_says_what_a_plugin_may_do(start, ver, admin):
    d = admin.cli("plugin", "inspect", "ver")
    assert (d.returncode, d.stderr) == (DONE, "")
    for part in ("ver 1.0.0: warm", ver.dir + "/ver/ver.yaml", "timeout 10.0 s",
                 "ver_say, ver.yaml:7:11"):
        assert part in d.stdout, d.stdout
    p = json.loads(admin.cli("plugin", "inspect", "ver", "--json").stdout)
    assert p["grants"]["at"] == ver.dir + "/ver/ver.yaml:5:9"
    assert p["grants"]["read"] == ["/usr/share"]
    assert [e["name"] for e in p["manifest"]["entries"]] == ["ver_say", "ver_old"]


def test_inspect_names_the_line_that_decided_on_isolation(start, ver):
    for config, mode, at in (
            ("plugins:\n  isolation: process\n  sandbox: best-effort\n", "process", ":2:14"),
            ("plugins:\n  ver: {isolation: none}\n", "none", ":2:20")):
        server = start.serve(config, plugins=(ver.dir,))
        p = Admin(server).plugin("ver")
        assert p.get("isolation") == mode and p["isolationAt"].endswith(at), p
        words = p["grants"]["words"]
        if mode == "process":
            assert "reads /usr/share and what is below" in words
            assert any("port 443, for api.example" in x for x in words)
            assert p["runner"]["pid"] > 0
        else:
            assert len(words) == 1 and "server's process" in words[0]


ANEW = """\
plugins:
  watch: false
  isolation: %s
  sandbox: best-effort
  ver:
    limits: {rate: %%s, burst: 2, timeout: 3s}
    tools: {ver_say: {limits: {queue: 5}}, ver_nix: {limits: {queue: 5}}}
""" % (w.ISOLATION or "none")


def told(client, times):
    """Calls of ver_old, and how many were refused for the rate."""
    refused = 0
    for _ in range(times):
        r = client.post("tools/call", {"name": "ver_old", "arguments": {}})
        refused += r.status == 429
    return refused


def test_the_operator_sets_limits_anew(start, ver):
    """plugins.NAME.limits: in place of the manifest's, with its place"""
    server = start.serve(ANEW % "1/h", plugins=(ver.dir,))
    config = server.proc.args[server.proc.args.index("--config") + 1]
    admin, client = Admin(server), w.Modern(server)
    assert told(client, 3) == 1
    client.close()
    p = admin.plugin("ver")["manifest"]
    assert p["limits"]["timeoutMs"] == 3000 and p["limits"]["burst"] == 2
    say, old = p["entries"]
    assert (say["timeoutMs"], say["queue"], old["queue"]) == (3000, 5, 64)
    of = {(s.get("tool", ""), s["key"]): s for s in p["limits"]["set"]}
    assert sorted(of) == sorted([("", "rate"), ("", "burst"), ("", "timeout"),
                                 ("ver_say", "queue")])
    assert of["", "timeout"] == {"key": "timeout", "value": "3s", "manifest": "10s",
                                   "at": config + ":6:44"}
    page = admin.cli("plugin", "inspect", "ver").stdout
    assert "            rate: 1/h  %s:6:20 (manifest says nothing)\n" % config in page
    assert "            ver_say queue: 5  %s:7:39 (manifest 64)\n" % config in page
    said = server.wait_log("plugin warning", plugin="ver")
    assert "plugins.ver.tools.ver_nix: the plugin has no such tool" in said["text"]
    d = subprocess.run([w.BIN, "check", "--config", config, "--plugins", ver.dir],
                       capture_output=True, text=True, timeout=w.DEADLINE)
    assert d.returncode == DONE and "ver_nix" in d.stderr
    assert "ver: limits.timeout: 3s, by %s:6:44 (manifest 10s)\n" % config in d.stdout


@pytest.fixture
def tuned(start, ver):
    """A server whose configuration the test writes anew."""
    server = start.serve(ANEW % "6/m", plugins=(ver.dir, w.PLUGINS))
    path = server.proc.args[server.proc.args.index("--config") + 1]
    with open(path) as f:
        text = f.read()

    def write(old, new):
        assert old in text
        w.write_file(path, text.replace(old, new))

    write.server, write.path, write.admin = server, path, Admin(server)
    return write


def test_a_reload_takes_the_limits_of_now(tuned):
    admin, client = tuned.admin, w.Modern(tuned.server)
    before = admin.plugin("ver")["generation"]
    assert told(client, 3) == 1
    tuned("rate: 6/m, burst: 2", "rate: 100000/s, breaker: off")
    d = admin.cli("reload", "--wait")
    assert d.returncode == DONE, d
    for part in ("replaces generation %d" % before, "    ~ ratePerMinute: 6 -> 6000000\n",
                 "    ~ breaker: \"on\" -> \"off\"\n", " 1 replaced, "):
        assert part in d.stdout, d.stdout
    assert told(client, 20) == 0
    p = admin.plugin("ver")
    assert p["generation"] > before and p["manifest"]["limits"]["breaker"] == "off"
    # The same in another place is the same, and the place is known.
    tuned("  ver:", "  # more\n  ver:")
    admin.json("/reload", "POST")
    tuned("  ver:\n", "  ver:\n    # more\n")
    r = admin.json("/reload", "POST")
    assert r["changes"] == [] and r["replaced"] == 0
    assert {s["at"].split(":")[1] for s in admin.plugin("ver")["manifest"]["limits"]["set"]
            } == {"7", "8"}
    client.close()


def test_a_bad_configuration_changes_nothing(tuned):
    admin, client = tuned.admin, w.Modern(tuned.server)
    before = admin.plugin("ver")["generation"]
    tuned("rate: 6/m", "rate: often")
    d = admin.cli("reload")
    assert d.returncode == CONFIG
    assert "! configuration: refused" in d.stdout
    assert tuned.path + ":6:20: error: plugins.ver.limits.rate: expected a rate" in d.stdout
    assert json.loads(admin.cli("reload", "--json").stdout)["configuration"]["error"]
    mark = tuned.server.mark()
    tuned.server.kill(signal.SIGHUP)
    said = tuned.server.wait_log("configuration refused", mark)
    assert said["counts"] == "what was read before"
    assert admin.plugin("ver")["generation"] == before and told(client, 3) == 1
    client.close()


def test_what_takes_a_restart_is_said(tuned):
    tuned("drain: 5s", "drain: 6s\nlimits: {body: 1MiB}")
    d = tuned.admin.cli("reload")
    assert d.returncode == DONE
    assert [x for x in d.stdout.splitlines() if "restart" in x] == [
        "  . limits.body: changed, takes a restart", "  . drain: changed, takes a restart"]
    assert tuned.server.wait_log("setting takes a restart")["setting"] == "limits.body"


def test_a_reload_takes_a_plugin_away_and_brings_it_back(tuned):
    admin = tuned.admin
    tuned("  ver:\n", "  ver:\n    enabled: false\n")
    d = admin.cli("reload")
    assert "removed, was generation" in d.stdout, d.stdout
    d = admin.cli("plugin", "enable", "ver")
    assert d.returncode == NO_MATCH and "enabled: true and reload" in d.stderr, d
    tuned("  ver:\n", "  ver:\n    restart: {intensity: 2}\n")
    mark = tuned.server.mark()
    tuned.server.kill(signal.SIGHUP)
    tuned.server.wait_log("plugins reloaded", mark)
    assert admin.plugin("ver")["state"] == "warm"


def test_a_manifest_needs_no_server(ver, tmp_path):
    path = ver.dir + "/ver/ver.yaml"
    d = subprocess.run([w.BIN, "plugin", "inspect", path], capture_output=True,
                       text=True, timeout=w.DEADLINE)
    assert (d.returncode, d.stderr) == (DONE, "")
    assert "reads /usr/share and what is below" in d.stdout
    d = subprocess.run([w.BIN, "check", path], capture_output=True, text=True,
                       timeout=w.DEADLINE)
    assert d.returncode == DONE
    assert d.stdout.splitlines()[1].startswith("ver in a runner: reads /usr/share"), d.stdout
    ver.describe("plugin: ver\n")
    d = subprocess.run([w.BIN, "plugin", "inspect", path], capture_output=True,
                       text=True, timeout=w.DEADLINE)
    assert d.returncode == CONFIG and path in d.stderr


# --- reload ---

def test_a_reload_prints_what_is_different(admin, ver):
    ver.put(1, SECOND)
    d = admin.cli("reload", "--wait", "--json")
    assert (d.returncode, d.stderr) == (DONE, "")
    r = json.loads(d.stdout)
    assert (r["replaced"], r["refused"], r["draining"]) == (1, 0, [])
    change = r["changes"][0]
    assert change["plugin"] == "ver" and change["change"] == "replaced"
    assert change["version"] == "2.0.0" and change["old"] < change["generation"]
    whole = {x["what"] for x in change["differences"]}
    assert whole == {"version", "grants", "module"}
    entries = {(e["change"], e["name"]): e for e in change["entries"]}
    assert set(entries) == {("added", "ver_new"), ("removed", "ver_old"),
                            ("changed", "ver_say")}
    places = [(x["what"], x.get("pointer"), x.get("was"), x.get("now"))
              for x in entries["changed", "ver_say"]["differences"]]
    assert ("inputSchema", "/properties/days/maximum", 7, 14) in places
    assert ("inputSchema", "/properties/a~1b", {}, True) in places
    assert ("timeoutMs", None, 10000, 4000) in places


def test_a_reload_for_people(admin, ver):
    ver.put(1, SECOND)
    d = admin.cli("plugin", "reload", "ver", "--wait")
    assert (d.returncode, d.stderr) == (DONE, "")
    for line in (r"  ~ ver 2\.0\.0: generation \d+ warm in \d+ ms, replaces generation \d+",
                 r'    ~ version: "1\.0\.0" -> "2\.0\.0"',
                 r"    \+ tool ver_new", r"    - tool ver_old",
                 r"    ~ tool ver_say: inputSchema /properties/days/maximum: 7 -> 14",
                 r"    ~ tool ver_say: timeoutMs: 10000 -> 4000"):
        assert re.search("^" + line + "$", d.stdout, re.M), d.stdout
    d = admin.cli("reload")
    assert d.returncode == DONE and d.stdout.startswith("nothing has changed\nbefore that, ")
    assert "ver_new" in d.stdout
    d = admin.cli("reload", "hello")
    assert (d.returncode, d.stdout) == (DONE, "nothing has changed\n")


def test_what_is_refused_is_exit_6_and_stays_known(admin, ver):
    ver.describe(FIRST.replace("version: 1.0.0", "version: 3.0.0"))
    d = admin.cli("reload")
    assert d.returncode == CONFIG
    assert "! ver 1.0.0: refused, the one before goes on: " in d.stdout
    assert admin.cli("reload", "hello").returncode == DONE
    p = admin.plugin("ver")
    assert p["state"] == "warm" and ":2:10: error: version:" in p["lastError"]
    assert p["reloads"] == {"ok": 0, "rejected": 3 - 1}
    assert admin.ask("/plugins/ver/enable", "POST").status == 409
    d = admin.cli("plugin", "enable", "ver")
    assert d.returncode == CONFIG and "version" in d.stderr
    os.unlink(ver.dir + "/ver/ver.yaml")
    d = admin.cli("reload")
    assert d.returncode == DONE and "  - ver: removed" in d.stdout
    ver.describe("plugin: ver\n")
    assert admin.cli("reload").returncode == CONFIG
    assert admin.plugin("ver")["state"] == "refused"
    ver.describe(FIRST)
    d = admin.cli("plugin", "enable", "ver")
    assert d.returncode == DONE and "  + ver 1.0.0: generation" in d.stdout
    assert admin.cli("plugin", "enable", "ver").stderr == "ver serves already\n"


def test_who_keeps_an_old_generation_alive_is_said(start, gate, fixture_plugins):
    """The reason: which entry, since when; and --wait waits for it."""
    folder = start.path("copy")
    shutil.copytree(fixture_plugins, folder)
    server = start.serve("plugins: {watch: false, isolation: none}\n", plugins=(folder,))
    admin, client = Admin(server), w.Modern(server)
    before = admin.plugin("fx")["generation"]
    client.send("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}})
    held = gate.entered()
    assert admin.plugin("fx")["calls"]["inflight"] == 1
    with open(folder + "/fx/fx.yaml") as f:
        text = f.read()
    w.write_file(folder + "/fx/fx.yaml", text + "\n# touched\n")
    r = admin.json("/reload", "POST")
    old, = r["draining"]
    assert (old["plugin"], old["generation"], old["calls"]) == ("fx", before, 1)
    assert old["reason"] == "1 call is in it" and old["oldest"]["entry"] == "fx_hold"
    assert old["ageMs"] >= 0 and old["oldest"]["ageMs"] >= old["ageMs"]
    d = admin.cli("plugin", "inspect", "fx")
    assert re.search(r"fx generation %d drains for .*: 1 call is in it, the oldest fx_hold for "
                     % before, d.stdout), d.stdout
    m = admin.metrics()
    assert m["toolpost_plugin_generations_draining", "fx"] == 1
    assert m["toolpost_plugin_calls_inflight", "fx"] == 1
    # Replaced once more: --wait is for this one, not for the one that is held.
    w.write_file(folder + "/fx/fx.yaml", text)
    d = admin.cli("reload", "--wait")
    assert d.returncode == DONE and "generation %d drains for" % before in d.stdout
    held.go()
    server.wait_log("plugin unloaded", generation=before)
    assert client.conn.response().json["result"]["content"][0]["text"] == "held"
    assert admin.json("/status")["draining"] == []
    client.close()


def test_wait_ends_when_the_last_call_does(start, gate, fixture_plugins):
    folder = start.path("copy")
    shutil.copytree(fixture_plugins, folder)
    server = start.serve("plugins: {watch: false, isolation: none}\n", plugins=(folder,))
    admin, client = Admin(server), w.Modern(server)
    client.send("tools/call", {"name": "fx_hold", "arguments": {"gate": gate.path}})
    held = gate.entered()
    with open(folder + "/fx/fx.yaml", "a") as f:
        f.write("\n# touched\n")
    with admin.connect() as s:
        s.sendall(b"POST /reload?wait=60 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        server.wait_log("plugin draining", plugin="fx")
        assert admin.ask("/livez").status == 200  # it is not in the way
        held.go()
        answer = b""
        while True:
            part = s.recv(65536)
            if not part:
                break
            answer += part
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["draining"] == []
    assert client.conn.response().json["result"]["content"][0]["text"] == "held"
    client.close()


# --- quarantine ---

def test_a_quarantine_is_seen_and_ended_by_hand(start, hostile_plugins):
    server = start.serve(
        "plugins:\n  isolation: process\n  hostile: {restart: {intensity: 2, pause: 0s}}%s\n"
        % w.BEST_EFFORT.replace(", ", "\n  "),
        plugins=(hostile_plugins, w.PLUGINS), allow_errors=True)
    admin, modern = Admin(server), w.Modern(server)
    for _ in range(2):
        modern.error("tools/call", {"name": "hostile_segv", "arguments": {}})
    server.wait_log("plugin quarantined")
    p = admin.plugin("hostile")
    assert p["state"] == "quarantined" and "2 deaths" in p["lastError"]
    if not w.SANITIZED:
        assert "about to read from nowhere" in p["lastWords"]
    assert p["calls"]["lost"] == 2
    m = admin.metrics()
    assert m["toolpost_plugin_state", "hostile", "quarantined"] == 1
    assert m["toolpost_plugin_state", "hostile", "warm"] == 0
    assert m["toolpost_plugin_up", "hostile"] == 0
    assert m["toolpost_plugin_quarantines_total", "hostile"] == 1
    assert m["toolpost_plugin_calls_total", "hostile", "lost"] == 2
    assert m["toolpost_plugin_up", "hello"] == 1
    d = admin.cli("plugin", "list")
    assert re.search(r"^hostile\t\tquarantined\t.*quarantined after 2 deaths", d.stdout, re.M)
    d = admin.cli("plugin", "enable", "hostile")
    assert d.returncode == DONE and "  + hostile" in d.stdout
    assert int(modern.tool("hostile_none")["content"][0]["text"]) > 0
    m = admin.metrics()
    assert m["toolpost_plugin_state", "hostile", "warm"] == 1
    assert m["toolpost_plugin_restarts_total", "hostile"] >= 1
    assert m["toolpost_plugin_calls_total", "hostile", "ok"] == 1
    modern.close()


def test_entries_stay_in_a_quarantine_that_answers_errors(
        start, hostile_plugins, tmp_path):
    """reliability.md 2: quarantine: error"""
    shutil.copytree(os.path.join(hostile_plugins, "hostile"), tmp_path / "p/hostile")
    manifest = tmp_path / "p/hostile/hostile.yaml"
    good = manifest.read_text(encoding="utf-8") + "quarantine: error\n"
    manifest.write_text(good, encoding="utf-8")
    server = start.serve(
        "plugins:\n  isolation: process\n  watch: false\n"
        "  hostile: {restart: {intensity: 2, pause: 0s}}%s\n"
        % w.BEST_EFFORT.replace(", ", "\n  "),
        plugins=(str(tmp_path / "p"),), allow_errors=True)
    admin, modern = Admin(server), w.Modern(server)
    before = modern.call("tools/list")["tools"]
    for _ in range(2):
        modern.error("tools/call", {"name": "hostile_abort", "arguments": {}})
    server.wait_log("plugin quarantined")
    assert modern.call("tools/list")["tools"] == before
    e = modern.error("tools/call", {"name": "hostile_none", "arguments": {}})
    assert e["code"] == -32603 and e["data"]["plugin"] == "hostile"
    assert "quarantined after 2 deaths" in e["data"]["reason"]
    assert e["data"]["phase"] == "waiting"
    assert admin.plugin("hostile")["state"] == "quarantined"
    assert admin.metrics()["toolpost_plugin_up", "hostile"] == 0
    # Files that are refused leave it there; the same as before bring it back.
    manifest.write_text(good + "quarantin: hide\n", encoding="utf-8")
    assert admin.cli("reload", "--wait").returncode != DONE
    assert admin.plugin("hostile")["state"] == "quarantined"
    manifest.write_text(good, encoding="utf-8")
    d = admin.cli("plugin", "enable", "hostile")
    assert d.returncode == DONE, d
    p = admin.plugin("hostile")
    assert p["state"] == "warm" and "lastError" not in p
    assert int(modern.tool("hostile_none")["content"][0]["text"]) > 0
    assert admin.metrics()["toolpost_plugin_up", "hostile"] == 1
    modern.close()


# --- metrics ---

def manual():
    """Name: (type, labels, sentence), as toolpost-metrics.7 has them."""
    with open(os.path.join(w.ROOT, "docs/man/toolpost-metrics.7"), encoding="utf-8") as f:
        text = f.read()
    items = re.findall(
        r"^\.It Ic (\S+) Pq (counter|gauge)(?: Li (.*))?\n(.*)$", text, re.M)
    return {name: (kind, labels.split(), help) for name, kind, labels, help in items}


def table():
    with open(os.path.join(w.ROOT, "core/observe/metrics.c"), encoding="utf-8") as f:
        text = f.read().replace("PLUGIN,\n", '{ "plugin", NULL },\n')
    items = re.findall(
        r'= \{ "(\w+)", METRICS_(COUNTER|GAUGE), \{([^}]*)\},\s*"([^"]*)" \}', text)
    return {name: (kind.lower(), re.findall(r'"(\w+)"', labels), help)
            for name, kind, labels, help in items}


def test_the_manual_has_the_metrics_that_there_are():
    assert manual() == table()


def test_a_scrape_has_every_family_and_counts_calls(admin, server):
    modern = w.Modern(server)
    for _ in range(5):
        modern.tool("hello")
    assert modern.call("tools/call", {"name": "echo", "arguments": {}})["isError"]
    modern.close()
    m = admin.metrics()
    known = table()
    assert {n: (kind, help) for n, (help, kind) in m["families"].items()} == {
        n: (kind, help) for n, (kind, _, help) in known.items()}
    assert m["toolpost_ready",] == 1 and m["toolpost_reactors_turning",] == 2
    assert m["toolpost_plugin_calls_total", "hello", "ok"] == 5
    assert m["toolpost_plugin_state", "hello", "warm"] == 1
    assert m["toolpost_plugin_reloads_total", "ver", "ok"] == 0
    assert m["process_resident_memory_bytes",] > 1 << 20
    assert 5 < m["process_open_fds",] < m["process_max_fds",]
    for key in m:
        if key[0] == "toolpost_plugin_calls_total":
            assert key[2] in ("ok", "error", "busy", "deadline", "cancelled", "lost")
