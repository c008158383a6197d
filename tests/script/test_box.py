# SPDX-License-Identifier: Apache-2.0
"""The sandbox of runners (security.md 8, T-22): what a plugin was not granted
is an error of that call or the end of that runner, and of nothing else."""

import json
import os
import pwd
import select
import signal
import socket
import subprocess
import sys

import pytest

import mcp_server
import mcp_wire as w
from test_admin import Admin

pytestmark = pytest.mark.skipif(
    w.LANDLOCK < 4, reason="this kernel has no Landlock for ports")


def is_able(*numbers):
    """Capabilities of this process: root in a container has some of them."""
    with open("/proc/self/status") as f:
        held = next(int(x.split()[1], 16) for x in f if x.startswith("CapEff"))
    return all(held >> n & 1 for n in numbers)


CHANGES_USERS = os.getuid() == 0 and is_able(6, 7)  # SETGID, SETUID
LOOKS = os.getuid() == 0 and is_able(19)  # SYS_PTRACE

QUIET = "plugins: {isolation: process}\n"


def pid_of(client):
    return int(client.tool("hostile_none")["content"][0]["text"])


def serves(server, modern):
    assert server.proc.poll() is None
    assert modern.tool("hello")["content"][0]["text"] == "Hello, world!"


def said(modern, tool, **args):
    return modern.tool("hostile_" + tool, args)["content"][0]["text"]


def granted(start, folder, grants, **more):
    return start.serve("plugins: {hostile: {grants: {%s}}}\n" % grants,
                       plugins=(folder, w.PLUGINS), **more)


# Runs the program where the kernel does not know of Landlock: a filter makes
# landlock_create_ruleset() ENOSYS for it and for all that it starts.
WITHOUT_LANDLOCK = """#!%s
import ctypes, os, struct, sys
code = b"".join(struct.pack("=HBBI", *i) for i in (
    (0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x50026), (0x06, 0, 0, 0x7fff0000)))
room = ctypes.create_string_buffer(code)
prog = struct.pack("@HP", 4, ctypes.addressof(room))
libc = ctypes.CDLL(None)
ok = libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.c_char_p(prog)) == 0
assert ok
os.execv(%r, [%r] + sys.argv[1:])
"""


@pytest.fixture
def old_kernel(tmp_path, monkeypatch):
    path = tmp_path / "old-kernel"
    path.write_text(WITHOUT_LANDLOCK % (sys.executable, w.BIN, w.BIN))
    os.chmod(path, 0o755)
    monkeypatch.setattr(mcp_server, "BIN", str(path))


@pytest.mark.parametrize("verb", ["serve", "stdio"])
def test_without_landlock_the_server_does_not_start(start, old_kernel, verb):
    """security.md 8"""
    server = w.Process([verb, "--config", start.config("drain: 1s\n"),
                        "--plugins", w.PLUGINS])
    assert server.wait() == 6
    text = server.lines[-1]["text"]
    assert "no Landlock" in text and "best-effort" in text


def test_without_landlock_none_is_served_and_a_wish_is_refused(
        start, old_kernel, hostile_plugins):
    """hostile asks for a process, whatever the operator says of all"""
    server = start.serve("plugins: {isolation: none}\n",
                         plugins=(hostile_plugins, w.PLUGINS))
    refused = server.wait_log("plugin refused", plugin="hostile")
    assert "Landlock" in refused["reason"] and "best-effort" in refused["reason"]
    m = w.Modern(server)
    serves(server, m)
    m.close()


def test_best_effort_goes_without_and_says_so(start, old_kernel, hostile_plugins):
    server = start.serve("plugins: {sandbox: best-effort, isolation: process}\n",
                         plugins=(hostile_plugins, w.PLUGINS))
    m = w.Modern(server)
    serves(server, m)
    for plugin in ("hello", "hostile"):
        said_so = server.wait_log("plugin sandbox is open", plugin=plugin)
        assert said_so["kernel_lacks"] == "Landlock"
    if not (w.SANITIZED or w.COUNTED):  # the rest of the box is there
        assert said(m, "open", path="/etc/passwd") == "Permission denied"
    m.close()


@pytest.fixture
def server(start, hostile_plugins):
    return start.serve(QUIET, plugins=(hostile_plugins, w.PLUGINS))


@pytest.mark.parametrize("tool, args", [
    ("open", {"path": "/etc/passwd"}), ("open", {"path": "/proc/self/mem"}),
    ("open", {"path": "/tmp/box-was-open", "how": "write"}),
    ("connect", {"port": "1"}), ("pair", {})])
def test_what_was_not_granted_is_an_error_of_the_call(server, modern, tool, args):
    before = pid_of(modern)
    assert said(modern, tool, **args) == "Permission denied"
    assert pid_of(modern) == before
    serves(server, modern)


# What the kernel asks the server about: not the paths of a build that may open
# files, as that with sanitizers and that with counters may.
REFUSED = [("connect", {"port": "1"}, "socket", "grants.network", None),
           ("pair", {}, "socketpair", "grants.network: [unix]", None)]
if not w.SANITIZED:
    REFUSED.append(("thread", {}, "clone", "grants.threads", None))
if not (w.SANITIZED or w.COUNTED):
    REFUSED += [("open", {"path": "/etc/passwd"}, "openat", "grants.read", "/etc/passwd"),
                ("open", {"path": "/tmp/x", "how": "w"}, "openat", "grants.write", "/tmp/x")]


@pytest.mark.parametrize("tool, args, call, hint, path", REFUSED)
def test_what_was_refused_is_told_to_the_operator(server, modern, tool, args, call, hint, path):
    """once for each call of a process; the rest is counted"""
    admin = Admin(server)
    pid = pid_of(modern)
    assert said(modern, tool, **args) != "done"
    line = server.wait_log("system call refused", plugin="hostile", call=call)
    assert (line["pid"], line["hint"], line["level"]) == (pid, hint, "warn")
    assert line["generation"] == admin.plugin("hostile")["generation"]
    if LOOKS and path is not None:
        assert line["path"] == path
    assert said(modern, tool, **args) != "done"
    one, = admin.plugin("hostile")["refused"]
    assert (one["call"], one["times"], one["grant"]) == (call, 2, hint)
    assert admin.metrics()["toolpost_plugin_refused_calls_total", "hostile"] == 2
    assert sum(x.get("event") == "system call refused" for x in server.lines) == 1
    text = admin.cli("plugin", "inspect", "hostile").stdout
    assert "%s, 2 times" % call in text and hint in text


def test_who_asks_without_end_is_answered_and_counted(server, modern):
    admin = Admin(server)
    assert said(modern, "ask") == "Permission denied"
    serves(server, modern)
    assert admin.metrics()["toolpost_plugin_refused_calls_total", "hostile"] == 1000
    assert sum(x.get("event") == "system call refused" for x in server.lines) == 1


def test_a_runner_that_serves_well_is_refused_nothing(server, modern):
    serves(server, modern)
    p = Admin(server).plugin("hello")
    assert "refused" not in p and p["runner"]["refusals"] == "logged"


def test_who_has_no_network_is_alone_in_one(start, hostile_plugins):
    """the second wall, where this kernel and its keepers let us build it"""
    server = start.serve(
        "plugins: {isolation: process, hello: {grants: {network: ['a.example:1']}}}\n",
        plugins=(hostile_plugins, w.PLUGINS))
    m, admin = w.Modern(server), Admin(server)
    serves(server, m)
    hello, hostile, time = (admin.plugin(p)["runner"] for p in ("hello", "hostile", "time"))
    assert hello["network"] == "granted"
    assert hostile["network"] == time["network"]
    assert said(m, "connect", port="1") == "Permission denied"
    m.close()
    text = admin.cli("plugin", "inspect", "hostile").stdout
    if hostile["network"] == "filter":
        assert "none (its filter alone)" in text
        return
    assert hostile["network"] == "namespace" and "none (an empty namespace" in text
    if LOOKS:
        ours, one, two = (os.readlink("/proc/%d/ns/net" % r["pid"])
                          for r in (hello, hostile, time))
        assert ours == os.readlink("/proc/self/ns/net")
        assert one == two != ours  # one for all


if LOOKS and subprocess.run(["unshare", "-n", "true"], check=False,
                           capture_output=True).returncode == 0:
    def test_root_can_make_an_empty_network(server, modern):
        serves(server, modern)
        runner = Admin(server).plugin("hostile")["runner"]
        assert runner["network"] == "namespace"
        with open("/proc/%d/net/dev" % runner["pid"]) as f:
            assert [x.split(":")[0].strip() for x in f.readlines()[2:]] == ["lo"]


def test_no_service_of_names_is_asked_where_nobody_names_a_user(server, modern):
    """its modules would be in the server from then on"""
    serves(server, modern)
    with open("/proc/%d/maps" % server.pid) as f:
        assert not [x for x in f if "libnss_" in x]


def names(reason, call):
    """A sanitizer holds the signal back that says which call it was."""
    assert reason.startswith("killed: system call not allowed")
    assert w.SANITIZED or call in reason, reason


@pytest.mark.parametrize("tool, call", [
    ("exec", "execve ("), ("fork", "clone ("), ("ptrace", "ptrace ("), ("kill", "kill ("),
    ("map", "mmap ("), ("protect", "mprotect (")])
def test_what_no_plugin_does_in_good_faith_ends_its_runner(start, hostile_plugins, tool, call):
    server = start.serve(QUIET, plugins=(hostile_plugins, w.PLUGINS))
    modern = w.Modern(server)
    before = pid_of(modern)
    e = modern.error("tools/call", {"name": "hostile_" + tool, "arguments": {}})
    assert e["code"] == -32603
    names(e["data"]["reason"], call)
    assert e["data"]["signal"] == 31 and e["data"]["plugin"] == "hostile"
    serves(server, modern)
    died = server.wait_log("runner died", plugin="hostile")
    assert died["pid"] == before
    names(died["reason"], call)
    assert pid_of(modern) != before
    modern.close()


if not w.SANITIZED:  # which need memory without a bound
    def test_memory_beyond_the_grant_is_not_there(start, hostile_plugins):
        server = granted(start, hostile_plugins, "memory: 64MiB")
        m = w.Modern(server)
        e = m.error("tools/call", {"name": "hostile_memory", "arguments": {}})
        assert e["message"] == "Out of memory"
        line = server.wait_log("plugin is out of memory", plugin="hostile")
        assert (line["entry"], line["hint"]) == ("hostile_memory", "grants.memory")
        serves(server, m)
        m.close()


def test_descriptors_have_a_bound(server, modern):
    assert said(modern, "descriptors") == "all taken"
    serves(server, modern)


def test_files_and_limits_cannot_grow(server, modern):
    assert said(modern, "grow") == "File too large"
    line = server.wait_log("plugin prints", plugin="hostile")
    assert "may not grow so large (grants.write)" in line["text"]
    if not w.SANITIZED:
        assert said(modern, "unlimit") == "Operation not permitted"
    serves(server, modern)


def test_threads_are_a_grant(start, server, modern, hostile_plugins):
    if not w.SANITIZED:
        assert said(modern, "thread") == "Resource temporarily unavailable"
    m = w.Modern(granted(start, hostile_plugins, "threads: 1"))
    assert said(m, "thread") == "done"
    m.close()


def test_paths_are_granted_one_by_one(start, hostile_plugins, tmp_path):
    for name in ("read", "write", "none"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("text")
    server = granted(start, hostile_plugins, "read: [%s], write: [%s]"
                     % (tmp_path / "read", tmp_path / "write"))
    m = w.Modern(server)

    def tried(folder, how=""):
        return said(m, "open", path="%s/%s/file" % (tmp_path, folder), how=how)
    denied = "Permission denied"
    assert [tried("read"), tried("write"), tried("none")] == ["done", "done", denied]
    assert tried("read", "w") == tried("none", "w") == denied
    assert tried("write", "w") == "done"
    assert said(m, "open", path="/etc/passwd") == denied
    m.close()
    ready = server.wait_log("runner ready", plugin="hostile")["grants"]
    assert "read %s" % (tmp_path / "read") in ready and "memory 512MiB" in ready


def test_ports_are_granted_one_by_one(start, hostile_plugins):
    with socket.socket() as one, socket.socket() as two:
        ports = []
        for s in (one, two):
            s.bind(("127.0.0.1", 0))
            s.listen()
            ports.append(str(s.getsockname()[1]))
        server = granted(start, hostile_plugins,
                         'network: ["127.0.0.1:%s"]' % ports[0])
        m = w.Modern(server)
        assert said(m, "connect", port=ports[0]) == "done"
        assert said(m, "connect", port=ports[1]) == "Permission denied"
        assert said(m, "pair") == "Permission denied"
        m.close()


def test_a_grant_of_exec_is_weak_and_works(start, hostile_plugins):
    server = granted(start, hostile_plugins, "exec: true, memory: 1GiB")
    m = w.Modern(server)
    assert said(m, "exec", how="fork") == "ran"
    assert said(m, "open", path="/etc/passwd") == "Permission denied"
    assert said(m, "connect", port="1") == "Permission denied"
    e = m.error("tools/call", {"name": "hostile_ptrace", "arguments": {}})
    names(e["data"]["reason"], "ptrace (")
    m.close()
    assert "exec (weak)" in server.wait_log("runner ready", plugin="hostile")["grants"]


def test_the_operator_takes_away_what_a_manifest_asks_for(start, fixture_plugins, gate):
    """fx asks for sockets of this machine: its gates."""
    server = start.serve("plugins: {isolation: process, fx: {grants: {}}}\n",
                         plugins=(fixture_plugins,))
    m = w.Modern(server)
    result = m.tool("fx_hold", {"gate": gate.path})
    assert result["isError"]
    m.close()


def test_a_grant_may_name_a_key_of_the_configuration(start, tmp_path):
    (tmp_path / "a.txt").write_text("words")
    server = start.serve(
        "plugins: {isolation: process, files: {config: {roots: [%s]}}}\n" % tmp_path,
        plugins=(w.PLUGINS,))
    m = w.Modern(server)
    text = m.tool("files_read", {"path": str(tmp_path / "a.txt")})
    assert "words" in text["content"][0]["text"]
    m.close()


def status_of(pid):
    """Numbers and words of /proc/PID/status, by name."""
    with open("/proc/%d/status" % pid) as f:
        return {k: v.split() for k, _, v in (x.partition(":") for x in f)}


NOBODY = pwd.getpwnam("nobody")


@pytest.mark.parametrize("key", ["user", "group"])
@pytest.mark.parametrize("prefix", ["plugins", "plugins.hostile"])
def test_a_user_that_is_not_there_is_an_error_with_its_place(start, key, prefix):
    line = "%s: not-here" % key
    text = "plugins:\n  %s\n" % line if prefix == "plugins" \
        else "plugins:\n  hostile:\n    %s\n" % line
    config = start.config(text)
    server = w.Process(["serve", "--config", config, "--plugins", w.PLUGINS])
    assert server.wait() != 0
    row = text.splitlines().index(text.splitlines()[-1]) + 1
    at = "%s:%d:" % (config, row)
    said_so, = [x for x in server.lines if at in json.dumps(x)]
    assert '%s.%s: there is no %s \\"not-here\\"' % (prefix, key, key) in json.dumps(said_so)


if os.getuid() != 0:
    def test_who_is_not_root_has_one_user(start):
        config = start.config("plugins: {user: root}\n")
        server = w.Process(["serve", "--config", config, "--plugins", w.PLUGINS])
        assert server.wait() == 6
        text = server.lines[-1]["text"]
        assert "%s:1:17: a server that is not root" % config in text

if CHANGES_USERS:
    def test_runners_have_a_user_of_their_own(start, hostile_plugins, tmp_path):
        secret = tmp_path / "secret"
        secret.write_text("root alone")
        os.chmod(secret, 0o600)
        server = start.serve(
            "plugins: {isolation: process, user: nobody, hostile: {grants: {read: [%s]}},"
            " hello: {user: 0}}\n"
            % secret, plugins=(hostile_plugins, w.PLUGINS))
        m, admin = w.Modern(server), Admin(server)
        serves(server, m)
        status = status_of(pid_of(m))
        assert status["Uid"] == [str(NOBODY.pw_uid)] * 4
        assert status["Gid"] == [str(NOBODY.pw_gid)] * 4
        assert status["Groups"] == [] and set(status["CapEff"][0]) == {"0"}
        assert status["NoNewPrivs"] == ["1"]
        # Granted, and not that user's.
        assert said(m, "open", path=str(secret)) == "Permission denied"
        runner = admin.plugin("hostile")["runner"]
        assert (runner["user"], runner["uid"]) == ("nobody", NOBODY.pw_uid)
        text = admin.cli("plugin", "inspect", "hostile").stdout
        assert "as nobody (uid %d, gid %d)" % (NOBODY.pw_uid, NOBODY.pw_gid) in text
        assert server.wait_log("runner ready", plugin="hostile")["user"] == "nobody"
        # The next one, too; and one plugin by the operator's word.
        m.error("tools/call", {"name": "hostile_segv", "arguments": {}})
        assert status_of(pid_of(m))["Uid"] == status["Uid"]
        hello = admin.plugin("hello")["runner"]
        assert status_of(hello["pid"])["Uid"] == ["0"] * 4
        m.close()

    def test_a_runner_of_another_user_ends_with_its_server(start, hostile_plugins):
        config = start.config("plugins: {user: nobody, group: 12345}\n")
        server = w.Server(config=config, plugins=(hostile_plugins,))
        m = w.Modern(server)
        pid = pid_of(m)
        assert status_of(pid)["Gid"] == ["12345"] * 4
        end = os.pidfd_open(pid)
        m.close()
        server.kill(signal.SIGKILL)
        server.wait()
        assert select.select([end], [], [], w.DEADLINE)[0]
        os.close(end)
