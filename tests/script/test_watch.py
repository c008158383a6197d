# SPDX-License-Identifier: Apache-2.0
"""A plugin hears of the first subscriber of a resource and of the last
(tp.watch/1)."""

import os

import pytest

import mcp_wire as w

MANIFEST = """\
plugin: watches
version: 1.0.0
module: watches.so
resources:
  - {uri: "watch://value", name: value}
  - {uriTemplate: "watch://item/{n}", name: item}
"""
VALUE = "watch://value"


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watches")
    with open(os.path.join(w.ROOT, "tests/plugins/watches.c")) as f:
        source = f.read()
    return [w.compile_plugin(source, folder / (build + ".so"),
                             '-DBUILD="%s"' % build).read_bytes()
            for build in ("one", "two")]


@pytest.fixture
def server(start, modules):
    folder = start.path("plugins")
    os.mkdir(folder)
    w.write_file(folder + "/watches.so", modules[0])
    w.write_file(folder + "/watches.yaml", MANIFEST)
    s = start.serve(plugins=(folder, w.PLUGINS), listen=(
        "127.0.0.1:0", "line+unix:" + start.path("l.sock")))
    s.folder = folder
    return s


class Said:
    """What the plugin says, in order."""

    def __init__(self, server):
        self.server, self.count = server, 0

    def expect(self, *lines):
        for line in lines:
            self.server.wait_log("plugin says", text=line)
        self.count += len(lines)
        # Neither more nor less than was expected.
        said = [l for l in self.server.log_text().splitlines()
                if '"plugin says"' in l and '"watches"' in l]
        assert len(said) == self.count, said


@pytest.fixture
def said(server):
    return Said(server)


def subscribe(client, uri=VALUE):
    assert client.call("resources/subscribe", {"uri": uri}) == {}


def unsubscribe(client, uri=VALUE):
    assert client.call("resources/unsubscribe", {"uri": uri}) == {}


def test_the_first_and_the_last_of_all_sessions(server, said):
    """RSRC-13"""
    a, b = w.Legacy(server, w.R1), w.Legacy(server, w.R4)
    conn, r = a.stream()
    subscribe(a)
    said.expect("one watches " + VALUE)
    # The plugin has reported a change as soon as it was told.
    assert r.stream.message()["params"] == {"uri": VALUE}
    subscribe(b)
    subscribe(b)
    unsubscribe(a)
    unsubscribe(a)
    subscribe(a, "watch://item/1")
    said.expect("one watches watch://item/1")
    unsubscribe(b)
    said.expect("one leaves " + VALUE)
    for c in (conn, a, b):
        c.close()


def test_a_session_that_is_deleted_leaves(server, said):
    """SES-05"""
    a = w.Legacy(server)
    subscribe(a)
    subscribe(a, "watch://item/1")
    said.expect("one watches " + VALUE, "one watches watch://item/1")
    assert a.delete().status in (200, 204)
    said.expect("one leaves " + VALUE, "one leaves watch://item/1")
    a.close()


def test_a_session_that_is_idle_leaves(start, server, modules):
    """SES-06"""
    s = start.serve(plugins=(server.folder,), config="limits: {session_idle: 1s}")
    a = w.Legacy(s)
    subscribe(a)
    said = Said(s)
    said.expect("one watches " + VALUE, "one leaves " + VALUE)
    a.close()


def test_a_line_stream_that_closes_leaves(server, said):
    """RSRC-13"""
    line = w.Line(server.line_unix)
    line.ask(w.request("initialize", w.init_params()))
    line.send(w.notification("notifications/initialized"))
    line.ask(w.request("resources/subscribe", {"uri": VALUE}, 2))
    said.expect("one watches " + VALUE)
    line.close()
    said.expect("one leaves " + VALUE)


def test_listen_streams_count_too(server, said):
    """SUB-06, SUB-09"""
    modern = w.Modern(server)
    c1, s1, _ = modern.listen(resourceSubscriptions=[VALUE, VALUE])
    said.expect("one watches " + VALUE)
    assert s1.message()["params"]["uri"] == VALUE
    a = w.Legacy(server)
    subscribe(a)
    c2, _, _ = modern.listen(resourceSubscriptions=[VALUE, "watch://none"])
    c1.close()
    unsubscribe(a)
    c2.close()
    said.expect("one leaves " + VALUE)
    for c in (a, modern):
        c.close()


@pytest.mark.parametrize("how", ["session", "listen"])
def test_a_new_generation_is_told(server, modules, said, how):
    """plugin-abi.md 7.4: after load(), before publication"""
    if how == "session":
        client = w.Legacy(server)
        subscribe(client)
        conn, r = client.stream()
        stream = r.stream
    else:
        client = w.Modern(server)
        conn, stream, _ = client.listen(resourceSubscriptions=[VALUE])
    said.expect("one watches " + VALUE)
    mark = server.mark()
    w.write_file(server.folder + "/watches.so", modules[1])
    server.wait_log("plugins reloaded", mark, replaced=1)
    said.expect("two watches " + VALUE)
    text = server.log_text(mark)
    assert text.index("two watches") < text.index('"plugin warm"')
    # A change that it reported at once has arrived.
    while stream.message()["params"]["uri"] != VALUE:
        pass
    conn.close()
    if how == "session":
        client.delete()
    said.expect("two leaves " + VALUE)
    client.close()
