# SPDX-License-Identifier: Apache-2.0
"""Lists longer than one page."""

import pytest

import mcp_wire as w

COUNT = 250

SOURCE = """
#include <toolpost/plugin.h>
static int yes(struct tp_call *c, void *s)
{ (void)s; return tp_text(c, c->host->name(c)); }
static const struct tp_entry entries[] = {
%s
};
TP_PLUGIN("many", "1.0.0", entries);
"""


def names(kind, count=COUNT):
    return {"tool": ["many_%03d" % i for i in range(count)],
            "prompt": ["many_said_%03d" % i for i in range(count)],
            "resource": ["many://r/%03d" % i for i in range(count)],
            "template": ["many://t/%03d/{x}" % i for i in range(count)]}[kind]


def manifest(count=COUNT, word="many"):
    out = ["plugin: many", "version: 1.0.0", "abi: 1", "module: many.so", "tools:"]
    for n in names("tool", count):
        out.append("  - {name: %s, description: One of %s.}" % (n, word))
    out.append("resources:")
    for n in names("resource", count):
        out.append('  - {uri: "%s", name: "%s"}' % (n, n[-3:]))
    for n in names("template", count):
        out.append('  - {uriTemplate: "%s", name: "%s"}' % (n, n[9:12]))
    out.append("prompts:")
    for n in names("prompt", count):
        out.append("  - {name: %s, description: One of many.}" % n)
    return "\n".join(out) + "\n"


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    (folder / "many").mkdir()
    lines = []
    for kind in ("tool", "prompt"):
        lines += ['TP_%s("%s", yes),' % (kind.upper(), n) for n in names(kind)]
    for kind in ("resource", "template"):
        lines += ['TP_RESOURCE("%s", yes),' % n for n in names(kind)]
    w.compile_plugin(SOURCE % "\n".join(lines), folder / "many" / "many.so")
    w.write_file(str(folder / "many" / "many.yaml"), manifest())
    return folder


@pytest.fixture(scope="module")
def server(module_start, many):
    return module_start.serve(
        listen=("127.0.0.1:0", "line+unix:" + module_start.path("line.sock")),
        plugins=(w.PLUGINS, str(many)))


LISTS = [("tools/list", "tools", "name", "tool"),
         ("prompts/list", "prompts", "name", "prompt"),
         ("resources/list", "resources", "uri", "resource"),
         ("resources/templates/list", "resourceTemplates", "uriTemplate", "template")]
EACH = pytest.mark.parametrize("method, member, key, kind", LISTS, ids=[l[0] for l in LISTS])


def pages(client, method):
    out, cursor = [], None
    while True:
        r = client.call(method, {} if cursor is None else {"cursor": cursor})
        out.append(r)
        cursor = r.get("nextCursor")
        if cursor is None:
            return out
        assert isinstance(cursor, str) and cursor, "PAGE-04"
        assert len(out) < 100


@EACH
def test_the_pages_together_are_the_list(client, method, member, key, kind):
    """PAGE-01, PAGE-02, TOOL-03, CACHE-03"""
    found = pages(client, method)
    assert len(found) > 2
    got = [i[key] for p in found for i in p[member]]
    assert len(got) == len(set(got)) and set(names(kind)) <= set(got)
    assert all(p[member] for p in found)
    if client.revision == w.R5:
        assert len({p["cacheScope"] for p in found}) == 1
    again = [i[key] for p in pages(client, method) for i in p[member]]
    assert got == again


@EACH
def test_a_cursor_works_on_any_connection(server, method, member, key, kind):
    """PAGE-04, HTM-18"""
    first = w.Modern(server).call(method)
    seconds = []
    for _ in range(6):
        c = w.Modern(server)
        seconds.append(c.post(method, {"cursor": first["nextCursor"]}, id=1).body)
        c.close()
    assert len(set(seconds)) == 1


def changed(cursor):
    yield ""
    yield cursor[:-1]
    yield cursor + "0"
    for i in range(0, len(cursor), max(1, len(cursor) // 8)):
        yield cursor[:i] + ("1" if cursor[i] != "1" else "2") + cursor[i + 1:]
    yield "x"
    yield "x" * 10000
    yield "\u0000"
    yield "ünï"


@EACH
def test_a_cursor_that_is_not_ours_is_bad_params(client, method, member, key, kind):
    """PAGE-03, PAGE-04"""
    cursor = client.call(method)["nextCursor"]
    for bad in changed(cursor):
        r = client.post(method, {"cursor": bad})
        assert r.status == 200, r
        if "error" in r.json:
            assert r.json["error"]["code"] == -32602
        else:  # a neighbour that is legal too must be a page, not garbage
            assert r.json["result"][member]
    for bad in (5, None, [], {}, True):
        assert client.error(method, {"cursor": bad})["code"] == -32602


def test_a_cursor_of_another_list_is_bad_params(client):
    """PAGE-03"""
    cursors = {m: client.call(m)["nextCursor"] for m, _, _, _ in LISTS}
    for method in cursors:
        for other, cursor in cursors.items():
            if other != method:
                assert client.error(method, {"cursor": cursor})["code"] == -32602


def test_entries_of_all_pages_can_be_used(client):
    """PAGE-01"""
    for i in (0, 99, 100, 101, 199, COUNT - 1):
        assert client.tool("many_%03d" % i)["content"][0]["text"] == "many_%03d" % i
        uri = "many://r/%03d" % i
        assert client.call("resources/read", {"uri": uri})["contents"][0]["text"] == uri


def test_a_cursor_from_before_a_reload_goes_on_or_is_refused(start, many):
    """PAGE-05, TOOL-25"""
    import shutil
    folder = start.path("own")
    shutil.copytree(str(many), folder)
    server = start.serve(plugins=(w.PLUGINS, folder))
    c = w.Modern(server)
    first = c.call("tools/list")
    conn, stream, _ = c.listen(toolsListChanged=True)
    w.write_file(folder + "/many/many.yaml", manifest(word="all"))
    assert stream.message()["method"] == "notifications/tools/list_changed"
    r = c.post("tools/list", {"cursor": first["nextCursor"]})
    assert r.status == 200
    if "error" in r.json:
        assert r.json["error"]["code"] == -32602
    else:
        old = {t["name"] for t in first["tools"]}
        assert not old & {t["name"] for t in r.json["result"]["tools"]}
    got = {t["name"]: t["description"] for p in pages(c, "tools/list") for t in p["tools"]}
    assert set(names("tool")) <= set(got)
    assert {got[n] for n in names("tool")} == {"One of all."}
    conn.close()
    c.close()
