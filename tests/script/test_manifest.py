# SPDX-License-Identifier: Apache-2.0
"""Every member that a server may declare, under each revision."""

import os

import pytest

import mcp_wire as w

SOURCE = """
#include <toolpost/plugin.h>
static int say(struct tp_call *c, void *s)
{
    (void)s;
    return tp_text(c, tp_cstr("<!doctype html><title>Map</title>"));
}
static int nothing(struct tp_call *c, void *s)
{
    (void)c;
    (void)s;
    return TP_OK;
}
static int object(struct tp_call *c, void *s)
{
    (void)s;
    return c->host->structured(c, tp_cstr("{\\"n\\":1}"));
}
static const struct tp_entry entries[] = {
    TP_TOOL("all_tool", say), TP_TOOL("all_list", say),
    TP_RESOURCE("all://r", say), TP_RESOURCE("all://t/{x}", say),
    TP_RESOURCE("ui://all/map", say), TP_PROMPT("all_prompt", say),
    TP_RESOURCE("ui://all/quiet", say), TP_RESOURCE("ui://all/q/{x}", say),
    TP_TOOL("page_alone", nothing), TP_TOOL("page_and_text", say),
    TP_TOOL("page_and_object", object),
};
TP_PLUGIN("all", "1.0.0", entries);
"""
MANIFEST = """\
plugin: all
version: 1.0.0
module: all.so
tools:
  - name: all_tool
    title: Title
    description: Description.
    icons: &
    _meta:
      com.example/x: 1
      empty:
      ui: {resourceUri: "ui://all/map", visibility: [model, app]}
    annotations: {title: Hint, readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false}
    inputSchema: {type: object, properties: {region: {type: string, x-mcp-header: Region}}}
    outputSchema: {type: object}
  - {name: all_list, description: d, outputSchema: {type: array}}
  - {name: page_alone, description: d, _meta: {ui: {resourceUri: "ui://all/quiet"}}}
  - {name: page_and_text, description: d, _meta: {ui: {resourceUri: "ui://all/q/1"}}}
  - {name: page_and_object, description: d, _meta: {ui: {resourceUri: "ui://all/quiet"}}}
resources:
  - name: Quiet
    uri: "ui://all/quiet"
    mimeType: text/html;profile=mcp-app
    listed: false
    _meta: {ui: {prefersBorder: true}}
  - {name: Q, uriTemplate: "ui://all/q/{x}", mimeType: text/html;profile=mcp-app, listed: false}
  - name: R
    uri: "all://r"
    title: Title
    description: Description.
    icons: &
    _meta: {com.example/x: 1}
    mimeType: text/plain
    size: 7
    annotations: {audience: [user], priority: 0.5, lastModified: "2026-07-28T10:00:00Z"}
    cache: {ttl: 5m, scope: public}
  - name: T
    uriTemplate: "all://t/{x}"
    title: Title
    description: Description.
    icons: &
    _meta: {com.example/x: 1}
    mimeType: text/plain
    annotations: {audience: [assistant], priority: 1, lastModified: "2026-07-28"}
  - name: Map
    uri: "ui://all/map"
    mimeType: text/html;profile=mcp-app
    _meta: {ui: {csp: {connectDomains: ["https://x.example"], resourceDomains: [], frameDomains: [], baseUriDomains: []},
      permissions: {camera: {}, microphone: {}, geolocation: {}, clipboardWrite: {}}, domain: d.example, prefersBorder: true}}
prompts:
  - name: all_prompt
    title: Title
    description: Description.
    icons: &
    _meta: {com.example/x: 1}
    arguments: [{name: a, title: Title, description: Description., required: true}]
"""
ICONS = '[{src: "https://x.example/i.png", mimeType: image/png, sizes: [48x48, any], theme: dark}]'
IDENTITY = """\
server:
  name: all
  title: All
  description: Has everything.
  websiteUrl: https://x.example/all
  icons: %s
  apps: true
""" % ICONS
JSON_ICONS = [{"src": "https://x.example/i.png", "mimeType": "image/png",
               "sizes": ["48x48", "any"], "theme": "dark"}]
UI = w.META + "ui"


@pytest.fixture(scope="module")
def server(module_start, tmp_path_factory):
    folder = tmp_path_factory.mktemp("all")
    w.compile_plugin(SOURCE, folder / "all.so")
    w.write_file(str(folder / "all.yaml"), MANIFEST.replace("&", ICONS))
    return module_start.serve(config=IDENTITY, plugins=(str(folder),))


@pytest.fixture(scope="module", params=w.REVISIONS)
def client(server, request):
    c = w.Modern(server) if request.param == w.R5 else w.Legacy(server, request.param)
    yield c
    c.close()


def since(client, *pairs):
    """The members of this revision, from (revision, names)."""
    return {n for r, names in pairs if client.revision >= r for n in names.split()}


def find(client, method, key, value):
    member = method.partition("/")[0] if "templates" not in method else "resourceTemplates"
    return next(e for e in client.call(method)[member] if e[key] == value)


def test_a_tool(client):
    """TOOL-05, TOOL-08, TOOL-20, META-12, META-01"""
    t = find(client, "tools/list", "name", "all_tool")
    assert set(t) == since(client, (w.R1, "name description inputSchema"), (
        w.R2, "annotations"), (w.R3, "title outputSchema _meta"), (w.R4, "icons"))
    assert t["inputSchema"]["properties"]["region"] == {
        "type": "string", "x-mcp-header": "Region"}
    if client.revision >= w.R2:
        assert t["annotations"] == {
            "title": "Hint", "readOnlyHint": True, "destructiveHint": False,
            "idempotentHint": True, "openWorldHint": False}
    if client.revision >= w.R3:
        assert t["_meta"] == {"com.example/x": 1, "empty": None, "ui": {
            "resourceUri": "ui://all/map", "visibility": ["model", "app"]}}
    if client.revision >= w.R4:
        assert t["icons"] == JSON_ICONS
    t = find(client, "tools/list", "name", "all_list")
    assert ("outputSchema" in t) == (client.revision >= w.R5)


def test_a_resource(client):
    """RSRC-02, RSRC-17"""
    r = find(client, "resources/list", "uri", "all://r")
    assert set(r) == since(
        client, (w.R1, "uri name description mimeType size annotations"),
        (w.R3, "title _meta"), (w.R4, "icons"))
    assert r["size"] == 7 and r["mimeType"] == "text/plain"
    assert set(r["annotations"]) == since(
        client, (w.R1, "audience priority"), (w.R3, "lastModified"))


def test_a_template(client):
    """RSRC-02"""
    t = find(client, "resources/templates/list", "uriTemplate", "all://t/{x}")
    assert set(t) == since(
        client, (w.R1, "uriTemplate name description mimeType annotations"),
        (w.R3, "title _meta"), (w.R4, "icons"))


def test_a_prompt(client):
    """PROM-02"""
    p = find(client, "prompts/list", "name", "all_prompt")
    assert set(p) == since(client, (w.R1, "name description arguments"),
                           (w.R3, "title _meta"), (w.R4, "icons"))
    assert set(p["arguments"][0]) == since(
        client, (w.R1, "name description required"), (w.R3, "title"))


def test_a_page_of_an_app(client):
    """APP-02: its _meta stands beside its text"""
    c = client.call("resources/read", {"uri": "ui://all/map"})["contents"][0]
    assert c["mimeType"] == "text/html;profile=mcp-app" and c["text"][:5] == "<!doc"
    assert ("_meta" in c) == (client.revision >= w.R3)
    if "_meta" in c:
        assert c["_meta"]["ui"]["csp"]["connectDomains"] == ["https://x.example"]
        assert c["_meta"] == find(
            client, "resources/list", "uri", "ui://all/map")["_meta"]
    c = client.call("resources/read", {"uri": "all://r"})["contents"][0]
    assert "_meta" not in c


def test_a_page_may_be_in_no_list(client):
    """APP-04: and is there for who follows a tool's link"""
    uris = [r["uri"] for r in client.call("resources/list")["resources"]]
    assert uris == ["all://r", "ui://all/map"]
    templates = client.call("resources/templates/list")["resourceTemplates"]
    assert [t["uriTemplate"] for t in templates] == ["all://t/{x}"]
    for uri in ("ui://all/quiet", "ui://all/q/7"):
        c = client.call("resources/read", {"uri": uri})["contents"][0]
        assert c["uri"] == uri and c["mimeType"] == "text/html;profile=mcp-app"
        assert ("_meta" in c) == (uri == "ui://all/quiet" and client.revision >= w.R3)


CAPABILITIES = [{}, {"extensions": {UI: {"mimeTypes": ["text/html;profile=mcp-app"]}}}]


@pytest.mark.parametrize("capabilities", CAPABILITIES)
@pytest.mark.parametrize("revision", w.REVISIONS)
def test_a_tool_with_a_page_says_something_beside_it(server, revision, capabilities):
    """APP-05: to clients with apps and without"""
    c = (w.Modern(server, capabilities) if revision == w.R5
         else w.Legacy(server, revision, capabilities))
    said = {}
    for name in ("page_alone", "page_and_text", "page_and_object"):
        r = c.tool(name)
        assert [b["type"] for b in r["content"]] == ["text"], r
        said[name] = r["content"][0]["text"]
    assert said == {"page_alone": "The result is on the page of this tool alone.",
                    "page_and_text": "<!doctype html><title>Map</title>",
                    "page_and_object": '{"n":1}'}
    c.close()


def test_lists_do_not_depend_on_what_a_client_shows(server):
    """APP-05, CACHE-01: a list may be cached for all, so it is one for all"""
    lists = []
    for capabilities in CAPABILITIES:
        c = w.Modern(server, capabilities)
        lists.append(c.call("tools/list"))
        c.close()
    assert lists[0] == lists[1] and lists[0]["cacheScope"] == "public"
    for revision in (w.R3, w.R4):
        a, b = (w.Legacy(server, revision, c) for c in CAPABILITIES)
        assert a.call("tools/list") == b.call("tools/list")
        a.close()
        b.close()


def test_cache_hints(client):
    """CACHE-01, CACHE-08"""
    r = client.call("resources/read", {"uri": "all://r"})
    if client.revision < w.R5:
        assert set(r) == {"contents"}
    else:
        assert r["ttlMs"] == 300000 and r["cacheScope"] == "public"


def test_the_server_itself(client):
    """META-12, LIFE-17, APP-01"""
    if client.revision < w.R5:
        info, have = client.handshake["serverInfo"], client.handshake
    else:
        have = client.call("server/discover")
        info = have["_meta"][w.SI]
    assert set(info) == since(client, (w.R1, "name version"), (w.R3, "title"), (
        w.R4, "description websiteUrl icons"))
    if client.revision >= w.R4:
        assert info["icons"] == JSON_ICONS
        assert info["websiteUrl"] == "https://x.example/all"
    assert have["capabilities"]["extensions"][UI] == {}
    if client.revision >= w.R5:
        # Said once, not with each result.
        assert set(client.call("tools/list")["_meta"][w.SI]) == {
            "name", "version", "title"}


def test_apps_are_not_offered_unless_configured(start):
    """EXT-01, APP-01"""
    s = start.serve()
    m, c = w.Modern(s), w.Legacy(s)
    for have in (m.call("server/discover"), c.handshake):
        assert UI not in have["capabilities"].get("extensions", {})
    m.close()
    c.close()


@pytest.mark.parametrize("line, said", [
    ("icons: [{src: \"ftp://x/i\"}]", "2:17: error: server.icons[0].src: only https:"),
    ("icons: x", "2:10: error: server.icons: expected a list of icons"),
    ("websiteUrl: ftp://x", "2:15: error: server.websiteUrl: not an http"),
    ("description: " + "x" * 8193, "2:16: error: server.description: 8193 bytes"),
    ("title: " + "x" * 257, "2:10: error: server.title: 257 bytes"),
    ("apps: maybe", "2:9: error: server.apps: expected true or false"),
])
def test_a_fault_in_the_identity_has_its_place(tmp_path, line, said):
    """META-13"""
    import subprocess
    path = tmp_path / "toolpost.yaml"
    path.write_text("server:\n  " + line + "\n")
    os.chmod(path, 0o644)
    done = subprocess.run([w.BIN, "serve", "--config", str(path)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=w.DEADLINE)
    assert done.returncode != 0 and said in done.stdout, done.stdout
