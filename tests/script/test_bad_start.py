# SPDX-License-Identifier: Apache-2.0
"""A server that cannot start says what is wrong and what to do, and ends."""

import os
import re
import socket

import pytest

import mcp_wire as w

USAGE, CONFIG = 1, 6


def fails(*args, env=None):
    """(exit status, lines of standard error)"""
    p = w.Process(list(args), env=env)
    rc = p.wait()
    p.check_log(allow_errors=True)
    lines = [x.get("text") or x for x in p.lines]
    assert all(isinstance(x, str) for x in lines), lines
    return rc, lines


def one_line(lines):
    assert len(lines) == 1, lines
    assert "hint" in lines[0], "what to do is missing: " + lines[0]
    return lines[0]


@pytest.fixture
def write(tmp_path):
    def write(text, name="toolpost.yaml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, 0o644)
        return str(path)
    return write


@pytest.mark.parametrize("text, mode, says", [
    (None, 0, "No such file"), ("00" * 32, 0o644, "chmod 600"),
    ("00" * 32, 0o620, "others may write"), ("", 0o600, "no key"),
    ("00" * 31 + "\n", 0o600, "line 1: not a key"),
    ("00" * 32 + "\n" + "00" * 32, 0o600, "line 2: a key for the second time"),
    ("#" * 5000, 0o600, "larger than 4096")])
def test_state_keys_that_are_none(write, tmp_path, text, mode, says):
    """MRTR-08"""
    keys = tmp_path / "keys"
    if text is not None:
        keys.write_text(text)
        os.chmod(keys, mode)
    rc, lines = fails("serve", "--listen", "127.0.0.1:0", "--config", write(
        "server: {state_keys: %s}\n" % keys))
    assert rc == CONFIG and len(lines) == 1, lines
    assert str(keys) in lines[0] and says in lines[0], lines
    assert "00000" not in lines[0]


@pytest.mark.parametrize("kind", ["", "line+tcp:"])
def test_a_port_in_use(kind):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        address = "127.0.0.1:%d" % s.getsockname()[1]
        rc, lines = fails("serve", "--listen", kind + address)
        assert rc == USAGE
        assert address in one_line(lines) and "in use" in lines[0]


def test_a_port_that_another_toolpost_uses(start):
    """SO_REUSEPORT must not let two servers share it unnoticed"""
    server = start.serve()
    address = "127.0.0.1:%d" % server.http[1]
    rc, lines = fails("serve", "--listen", address)
    assert rc == USAGE and address in one_line(lines)


def test_a_unix_socket_in_use(start):
    path = start.path("x.sock")
    server = start.serve(listen=("line+unix:" + path,))
    rc, lines = fails("serve", "--listen", "unix:" + path)
    assert rc == USAGE and path in one_line(lines)
    line = w.Line(server.line_unix)
    assert line.modern("tools/list")["result"], "the other one goes on"
    line.close()


@pytest.mark.parametrize("address", [
    "0.0.0.0:0", "[::]:0", "line+tcp:0.0.0.0:0", "192.0.2.1:0"])
def test_an_address_beyond_this_machine(address):
    """HTTP-06, HTTP-07, SEC-04: nobody is asked who he is yet"""
    rc, lines = fails("serve", "--listen", address)
    assert rc == CONFIG and "reachable from outside" in one_line(lines)


@pytest.mark.parametrize("address", [
    "", "x", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", ":7423",
    "[::1]", "http://127.0.0.1:0", "line+:1", "unix:", "udp:127.0.0.1:0",
    "line+line+tcp:127.0.0.1:0"])
def test_an_address_that_is_none(address):
    rc, lines = fails("serve", "--listen", address)
    assert rc in (USAGE, CONFIG)
    assert address.replace("line+", "") in one_line(lines).replace("line+", "")


def test_a_unix_socket_in_a_folder_that_is_not_there(tmp_path):
    path = str(tmp_path / "no" / "x.sock")
    rc, lines = fails("serve", "--listen", "unix:" + path)
    assert rc == USAGE and path in lines[0] and len(lines) == 1


def test_a_plugin_folder_that_is_not_there(start, tmp_path):
    """Never silence: it may be made later, so it is a warning"""
    folder = str(tmp_path / "no")
    server = start.serve(plugins=(w.PLUGINS, folder))
    said = [x for x in server.lines if x.get("dir") == folder]
    assert len(said) == 1 and said[0]["level"] == "warn", server.log_text()


def test_a_configuration_that_is_not_there(tmp_path):
    rc, lines = fails("serve", "--config", str(tmp_path / "no.yaml"))
    assert rc == CONFIG and str(tmp_path / "no.yaml") in lines[0] and len(lines) == 1


def test_a_configuration_that_is_a_folder(tmp_path):
    rc, lines = fails("serve", "--config", str(tmp_path))
    assert rc == CONFIG and str(tmp_path) in lines[0] and len(lines) == 1


@pytest.mark.parametrize("mode", [0o666, 0o664])
def test_a_configuration_that_others_may_write(write, mode):
    """security.md 4"""
    path = write("drain: 1s\n")
    os.chmod(path, mode)
    rc, lines = fails("serve", "--config", path)
    assert rc == CONFIG and path in lines[0] and len(lines) == 1


def test_a_configuration_behind_a_link(write, tmp_path):
    """security.md 4"""
    path = write("drain: 1s\n")
    link = str(tmp_path / "link.yaml")
    os.symlink(path, link)
    rc, lines = fails("serve", "--config", link)
    assert rc == CONFIG and link in lines[0] and len(lines) == 1


BAD = [
    ("http:\n  listn: [x]\n", 2, 3, "listn"), ("drain: soon\n", 1, 8, "drain"),
    ("limits:\n  body: 1\n", 2, 9, "body"), ("limits:\n  body: -5MiB\n", 2, 9, "body"),
    ("limits:\n  body: 4\n  body: 5\n", 3, 3, "body"), ("drain: [1]\n", 1, 8, "drain"),
    ("reactors: 1000000\n", 1, 11, "reactors"), ("reactors: 1.5\n", 1, 11, "reactors"),
    ("log: {level: loud}\n", 1, 14, "loud"), ("plugins: 5\n", 1, 10, "plugins"),
    ("http: {listen: {a: b}}\n", 1, 16, "listen"), ("x: &a 1\n", 1, 4, "anchor"),
    ("a: *b\n", 1, 4, "alias"), ("drain: !!str 5\n", 1, 8, "tag"),
    ("drain: 1s\n---\ndrain: 2s\n", 2, 1, "document"), ("drain: 1s\n\tx: y\n", 2, 1, ""),
    ("drain: \"x\n", 2, 1, "quot"), ("- a\n", 1, 1, "map"), ("[" * 100 + "]" * 100, 1, None, ""),
    ("plugins: {hello: {enabled: maybe}}\n", 1, 28, "enabled"),
    ("plugins: {hello: {isolation: prison}}\n", 1, 30, "isolation"),
    ("plugins: {hello: {grants: {read: [etc]}}}\n", 1, 34, "no path"),
    ("plugins: {hello: {grants: {colour: red}}}\n", 1, 28, "colour"),
    ("<<: {a: b}\n", 1, 1, ""), ("server: {name: \"\\u0000\"}\n", 1, 16, ""),
]


@pytest.mark.parametrize("text, line, column, word", BAD, ids=[repr(b[0])[:30] for b in BAD])
def test_a_configuration_with_a_mistake(write, text, line, column, word):
    """experience.md 3.4: file:line:column: error: what (hint: what to do)"""
    path = write(text)
    rc, lines = fails("serve", "--listen", "127.0.0.1:0", "--config", path)
    assert rc == CONFIG, lines
    m = re.match(re.escape(path) + r":(\d+):(\d+): error: (.+)", lines[0])
    assert m, lines
    assert int(m.group(1)) == line, lines
    if column is not None:
        assert int(m.group(2)) == column, lines
    assert word in lines[0]


def test_every_mistake_of_every_file_is_said(write):
    """security.md 4: all errors, each with its place"""
    path = write("drain: soon\nhttp: {listn: x}\nreactors: many\n")
    extra = write("log: {level: loud}\n", "conf.d/10-log.yaml")
    write("garbage: [\n", "conf.d/README")  # no .yaml: not read
    rc, lines = fails("serve", "--config", path)
    assert rc == CONFIG
    places = [":".join(x.split(":")[:2]) for x in lines if ": error: " in x]
    assert places == [path + ":1", path + ":2", path + ":3", extra + ":1"], lines


def test_bytes_that_are_no_utf8(write):
    path = write(b"server: {name: \"\xff\"}\n")
    rc, lines = fails("serve", "--config", path)
    assert rc == CONFIG and path + ":1:" in lines[0]


def test_a_huge_configuration(write):
    """security.md 4: 256 KiB"""
    path = write("# x\n" * 70000)
    rc, lines = fails("serve", "--config", path)
    assert rc == CONFIG and path in lines[0] and len(lines) == 1


@pytest.mark.parametrize("args", [
    ["serve", "--nope"], ["serve", "extra"], ["serve", "--listen"], ["nope"],
    ["serve", "--reactors", "x"], ["serve", "--log", "loud"]])
def test_a_wrong_command_line(args):
    p = w.Process(args)
    assert p.wait() == USAGE
    assert p.lines


def test_a_run_folder_that_cannot_be_made(write, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("")
    path = write("plugins: {run_dir: %s/x}\n" % blocker)
    rc, lines = fails("serve", "--listen", "127.0.0.1:0", "--config", path)
    assert rc in (USAGE, CONFIG) and str(blocker) in lines[0] and len(lines) == 1


def test_stdio_says_it_on_standard_error_alone(write):
    """STD-02"""
    import subprocess
    path = write("drain: soon\n")
    done = subprocess.run([w.BIN, "stdio", "--config", path], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=w.DEADLINE)
    assert done.returncode == CONFIG and done.stdout == b"" and path.encode() in done.stderr


def test_a_bad_plugin_is_no_reason_not_to_start(start, tmp_path):
    """The others are served; the log says why not this one"""
    folder = tmp_path / "plugins" / "broken"
    folder.mkdir(parents=True)
    (folder / "broken.yaml").write_text("plugin: broken\nversion: [\n")
    server = start.serve(plugins=(w.PLUGINS, str(tmp_path / "plugins")))
    said = server.wait_log("plugin refused", plugin="broken")
    assert "broken.yaml:" in said["reason"]
    c = w.Modern(server)
    assert c.tool("hello")
    c.close()
