# SPDX-License-Identifier: Apache-2.0
"""Plugins that are wrong: refused with a message that names file, position,
both sides and the remedy, while the one before goes on serving."""

import os
import random
import re
import stat
import struct

import pytest

import mcp_wire as w

MANIFEST = """\
plugin: ver
version: 1.0.0
abi: 1
module: ver.so
description: One.
tools:
  - name: ver_mark
    description: Tells its version.
    inputSchema: {type: object}
"""

SOURCE = """
#include <toolpost/plugin.h>
static int mark(struct tp_call *c, void *s)
{ (void)s; return tp_text(c, tp_cstr("%(answer)s")); }
%(more)s
static const struct tp_entry entries[] = { TP_TOOL("%(entry)s", mark) };
%(plugin)s
"""


def source(answer="good", more="", entry="ver_mark", plugin='TP_PLUGIN("ver", "1.0.0", entries);'):
    return SOURCE % dict(answer=answer, more=more, entry=entry, plugin=plugin)


def descriptor(magic="TP_ABI_MAGIC", major="TP_ABI_MAJOR", minor="0", symbol="toolpost_plugin_v1",
               load="NULL", desc="(uint32_t)sizeof(struct tp_plugin_desc)",
               entry_size="(uint16_t)sizeof(struct tp_entry)", bits="64"):
    return """
TP_EXPORT const struct tp_plugin_desc %s;
const struct tp_plugin_desc %s = { { %s, %s, %s, %s, %s, %s }, "ver", "1.0.0", "x",
    entries, 1, NULL, 0, 0, 0, %s, NULL, NULL };
""" % (symbol, symbol, magic, major, minor, desc, entry_size, bits, load)


class Folder:
    """A plugin folder under a running server, and that server."""

    def __init__(self, start, module):
        self.dir = start.path("plugins")
        os.makedirs(self.dir + "/ver")
        self.manifest = self.dir + "/ver/ver.yaml"
        self.module = self.dir + "/ver/ver.so"
        self.good = module
        self.restore()
        self.server = start.serve(plugins=(self.dir, w.PLUGINS))
        self.client = w.Modern(self.server)

    def restore(self):
        if os.path.isdir(self.module):
            os.rmdir(self.module)
        w.write_file(self.module, self.good)
        w.write_file(self.manifest, MANIFEST)

    def serves(self, answer="good"):
        assert self.client.tool("ver_mark")["content"][0]["text"] == answer
        assert self.client.tool("hello")
        assert self.server.proc.poll() is None

    def refused(self, mark, *words, line=None, where=None, hint=True):
        """The old one serves; the reason names file, position, words, remedy."""
        said = self.server.wait_log("plugin refused", mark, plugin="ver")
        reason = said["reason"]
        assert reason.startswith(where or self.manifest), reason
        m = re.match(re.escape(self.manifest) + r":(\d+):(\d+): error: ", reason)
        if where is None:
            assert m, reason
            if line is not None:
                assert int(m.group(1)) == line, reason
        for word in words:
            assert word in reason, (word, reason)
        if hint:
            assert "(hint: " in reason, reason
        assert said["serving"] == "the one before"
        self.serves()
        return reason


@pytest.fixture(scope="module")
def good_module(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "ver.so"
    w.compile_plugin(source(), path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def folder(module_start, good_module):
    return Folder(module_start, good_module)


@pytest.fixture(autouse=True)
def put_right(request):
    yield
    if "folder" in request.fixturenames:
        f = request.getfixturevalue("folder")
        f.restore()
        f.serves()


def build(tmp_path, text, *flags):
    out = tmp_path / "built.so"
    w.compile_plugin(text, out, *flags)
    return out.read_bytes()


def try_module(folder, data, *words, **more):
    mark = folder.server.mark()
    w.write_file(folder.module, data)
    return folder.refused(mark, *words, **more)


# --- modules ---

BUILT = {
    "newer-abi": (source(plugin=descriptor(major="2")), ("ABI 2.0", "this host offers 1.")),
    "older-abi": (source(plugin=descriptor(major="0", minor="9")), ("ABI 0.9", "this host offers 1.")),
    "other-symbol": (source(plugin=descriptor(symbol="toolpost_plugin_v2", major="2")),
                     ("major 2", "major 1")),
    "no-symbol": (source(plugin="int other(void); int other(void) { return (int)sizeof entries; }"),
                  ("toolpost_plugin_v1", "TP_PLUGIN")),
    "magic": (source(plugin=descriptor(magic="0x12345678u")), ("0x12345678", "0x31505054")),
    "bits": (source(plugin=descriptor(bits="32")), ("32-bit", "64-bit")),
    "descriptor-size": (source(plugin=descriptor(desc="24")), ("24",)),
    "entry-size": (source(plugin=descriptor(entry_size="7")), ("7",)),
    "other-name": (source(plugin='TP_PLUGIN("vor", "1.0.0", entries);'), ("vor", "ver")),
    "other-version": (source(plugin='TP_PLUGIN("ver", "1.0.1", entries);'), ("1.0.1", "1.0.0")),
    "other-entry": (source(entry="ver_mork"), ("ver_mork", "ver_mark")),
    "other-kind": (source().replace('TP_TOOL("ver_mark"', 'TP_PROMPT("ver_mark"'), ("ver_mark",)),
    "more-entries": (source().replace('TP_TOOL("ver_mark", mark)',
                                      'TP_TOOL("ver_mark", mark), TP_TOOL("extra", mark)'),
                     ("extra",)),
    "twice": (source().replace('TP_TOOL("ver_mark", mark)',
                               'TP_TOOL("ver_mark", mark), TP_TOOL("ver_mark", mark)'),
              ("ver_mark",)),
    "no-function": (source().replace('TP_TOOL("ver_mark", mark)', 'TP_TOOL("ver_mark", NULL)')
                    + "\n__attribute__((used)) static int (*k)(struct tp_call *, void *) = mark;",
                    ("ver_mark", "no function")),
    "undefined": (source(more="int no_such_function(int); "
                              "__attribute__((used)) static int f(void) { return no_such_function(1); }"),
                  ("undefined symbol", "no_such_function")),
    "load-fails": (source(more="static int load(struct tp_plugin *p, const struct tp_json *c, "
                               "const struct tp_snapshot *b, void **s) "
                               "{ (void)p; (void)c; (void)b; (void)s; return TP_EFAIL; }",
                          plugin=descriptor(load="load")), ("load()",)),
    "constructor-aborts": (source(more="#include <stdlib.h>\n__attribute__((constructor)) "
                                       "static void c(void) { abort(); }"), ("signal 6",)),
    "constructor-crashes": (source(more="__attribute__((constructor)) static void c(void) "
                                        "{ *(volatile int *)8 = 1; }"),
                            ("ended the rehearsal",)),
    "constructor-exits": (source(more="#include <stdlib.h>\n__attribute__((constructor)) "
                                      "static void c(void) { exit(3); }"), ("3",)),
    "constructor-exits-well": (source(more="#include <stdlib.h>\n__attribute__((constructor)) "
                                           "static void c(void) { _Exit(0); }"), ("exit",)),
    "constructor-waits": (source(more="#include <unistd.h>\n__attribute__((constructor)) "
                                      "static void c(void) { for (;;) pause(); }"), ("5 s",)),
}


@pytest.mark.parametrize("name", BUILT)
def test_a_module_that_does_not_fit_is_refused(folder, tmp_path, name):
    """issue: wrong ABI, unresolved symbol, names that differ; at module:, or
    at the entry that is meant"""
    text, words = BUILT[name]
    data = build(tmp_path, text, "-Wl,-z,lazy" if name == "undefined" else "-Wl,-z,now")
    try_module(folder, data, *words, hint=name not in ("twice", "no-function"))


def test_a_module_that_needs_a_library_that_is_not_there(folder, tmp_path):
    lib = tmp_path / "libnotthere.so"
    w.compile_plugin("int absent(void); __attribute__((visibility(\"default\"))) int absent(void) "
                     "{ return 1; }", lib)
    data = build(tmp_path, source(more="int absent(void); __attribute__((used)) static int f(void) "
                                       "{ return absent(); }"), str(lib))
    # The path of the library is in it: not a bare name.
    try_module(folder, data, "libnotthere")
    data = build(tmp_path, source(more="int absent(void); __attribute__((used)) static int f(void) "
                                       "{ return absent(); }"), "-L", str(tmp_path), "-lnotthere")
    try_module(folder, data, "libnotthere.so", hint=False)


def test_a_module_with_an_executable_stack(folder, tmp_path):
    try_module(folder, build(tmp_path, source(), "-Wl,-z,execstack"), "executable stack")


def test_a_module_that_searches_elsewhere(folder, tmp_path):
    try_module(folder, build(tmp_path, source(), "-Wl,-rpath,/tmp/x"), "/tmp/x")


def test_a_module_cut_off_anywhere(folder):
    """issue: truncated file at many lengths"""
    n = len(folder.good)
    cuts = [0, 1, 4, 15, 16, 17, 63, 64, 65, n - 1, n - 2, n - 64]
    cuts += random.Random(7).sample(range(66, n - 64), 18)
    for cut in sorted(cuts):
        try_module(folder, folder.good[:cut], "module: ver.so", line=4)


def patched(data, at, fmt, value):
    out = bytearray(data)
    struct.pack_into(fmt, out, at, value)
    return bytes(out)


@pytest.mark.parametrize("at, fmt, value, word", [
    (0, "<B", 0x7e, "ELF"), (4, "<B", 1, "64-bit"), (5, "<B", 2, "byte order"),
    (16, "<H", 2, "shared object"), (16, "<H", 1, "shared object"), (18, "<H", 40, "machine 40"),
    (32, "<Q", 1 << 62, ""), (40, "<Q", 1 << 62, ""), (56, "<H", 0, ""), (56, "<H", 0xffff, ""),
    (60, "<H", 0xffff, "")])
def test_a_module_with_a_broken_header(folder, at, fmt, value, word):
    try_module(folder, patched(folder.good, at, fmt, value), "module: ver.so", word,
               line=4, hint=bool(word) and word != "byte order")


@pytest.mark.parametrize("data", [
    b"hello\n" * 100, b"#!/bin/sh\nexit 0\n", b"MZ" + b"\0" * 500, b"\0" * 4096,
    b"!<arch>\n" + b"x" * 100])
def test_a_module_that_is_something_else(folder, data):
    try_module(folder, data, "module: ver.so", "not an ELF file", line=4)


def test_a_module_with_flipped_bits_never_harms_the_server(folder):
    """Refused or, where nothing can tell, loaded: the server goes on"""
    dice = random.Random(11)
    for _ in range(12):
        mark = folder.server.mark()
        data = bytearray(folder.good)
        for _ in range(3):
            data[dice.randrange(64, 1024)] ^= 1 << dice.randrange(8)
        w.write_file(folder.module, bytes(data))
        folder.server.kill(1)
        folder.server.wait_log("reload", mark)
        assert folder.client.tool("hello")
    assert folder.server.proc.poll() is None


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo", "link", "writable"]
                         + ["unreadable"] * (os.geteuid() != 0))
def test_a_module_that_is_no_file_of_ours(folder, kind, tmp_path):
    """security.md: regular, ours, not writable by others, no link"""
    mark = folder.server.mark()
    os.unlink(folder.module)
    try:
        if kind == "folder":
            os.mkdir(folder.module)
        elif kind == "fifo":
            os.mkfifo(folder.module, 0o644)
        elif kind == "link":
            (tmp_path / "real.so").write_bytes(folder.good)
            os.symlink(tmp_path / "real.so", folder.module)
        elif kind in ("writable", "unreadable"):
            w.write_file(folder.module, folder.good + b"\0")
            os.chmod(folder.module, 0o666 if kind == "writable" else 0o000)
        folder.refused(mark, "ver.so", line=4, hint=False)
    finally:
        if os.path.isdir(folder.module):
            os.rmdir(folder.module)
        elif os.path.lexists(folder.module):
            os.unlink(folder.module)


def test_a_module_with_another_digest(folder):
    mark = folder.server.mark()
    w.write_file(folder.manifest, MANIFEST + "sha256: %s\n" % ("ab" * 32))
    folder.refused(mark, "sha256", "ver.so has", line=10)


# --- manifests ---

def swap(old, new):
    assert old in MANIFEST
    return MANIFEST.replace(old, new)


TOOL_END = "    inputSchema: {type: object}\n"
SCHEMA = "    inputSchema: {type: object, properties: {a: %s}}\n"


def more(text):
    return MANIFEST + text


BAD = {
    "not-yaml": (swap("abi: 1", "abi: [1"), 4, ()),
    "tab": (swap("    inputSchema", "\tinputSchema"), 9, ("tab",)),
    "empty": ("", 1, ()),
    "list": ("- a\n", 1, ("map",)),
    "unknown-key": (swap("description: One.", "descripton: One."), 5,
                    ("descripton", "description")),
    "unknown-tool-key": (swap("    description", "    descripton"), 8,
                         ("descripton", "description")),
    "duplicate-key": (more("abi: 1\n"), 10, ("abi", "3:1")),
    "no-plugin": (swap("plugin: ver\n", ""), None, ("plugin",)),
    "other-plugin": (swap("plugin: ver", "plugin: vor"), 1, ("vor", "ver")),
    "bad-plugin": (swap("plugin: ver", "plugin: Ver!"), 1, ("Ver!",)),
    "no-version": (swap("version: 1.0.0\n", ""), None, ("version",)),
    "bad-version": (swap("version: 1.0.0", "version: 'a b'"), 2, ("a b",)),
    "other-version": (swap("version: 1.0.0", "version: 2.0.0"), 2, ("2.0.0", "1.0.0")),
    "bad-abi": (swap("abi: 1", "abi: x"), 3, ("x",)),
    "newer-abi": (swap("abi: 1", "abi: 2"), 3, ("ABI 2", "this host offers 1.")),
    "newer-minor": (swap("abi: 1", "abi: '>=1.99'"), 3, ("1.99", "this host offers 1.")),
    "no-module": (swap("module: ver.so\n", ""), None, ("module",)),
    "module-path": (swap("module: ver.so", "module: ../ver.so"), 4, ("../ver.so",)),
    "module-absolute": (swap("module: ver.so", "module: /tmp/ver.so"), 4, ("/tmp/ver.so",)),
    "module-absent": (swap("module: ver.so", "module: vor.so"), 4, ("vor.so",)),
    "bad-sha": (more("sha256: abc\n"), 10, ("64",)),
    "bad-isolation": (more("isolation: jail\n"), 10, ("jail", "none")),
    "kind-exec": (more("kind: exec\n"), 10, ("kind", "not available")),
    "dynamic": (more("dynamic: {prefix: x}\n"), 10, ("dynamic", "kinds")),
    "rehearse-word": (more("rehearse: loud\n"), 10, ("rehearse",)),
    "anchor": (swap("description: One.", "description: &a One."), 5, ("anchor",)),
    "alias": (swap("description: One.", "description: *a"), 5, ("alias",)),
    "tag": (swap("abi: 1", "abi: !!int 1"), 3, ("tag",)),
    "two-documents": (more("---\nplugin: ver\n"), 10, ("document",)),
    "tools-map": (swap("  - name: ver_mark\n    description: Tells its version.\n" + TOOL_END,
                       "  a: b\n"), 7, ("tools", "list")),
    "nothing": (MANIFEST[:MANIFEST.index("tools:")], None, ("ver_mark",)),
    "tool-without-name": (swap("name: ver_mark", "title: x"), 7, ("name",)),
    "tool-name": (swap("name: ver_mark", "name: 'ver mark'"), 7, ("ver mark",)),
    "tool-name-long": (swap("name: ver_mark", "name: " + "x" * 129), 7, ("tools[0].name",)),
    "tool-twice": (more("  - name: ver_mark\n    description: Again.\n"), 10, ("ver_mark",)),
    "tool-not-in-module": (swap("name: ver_mark", "name: ver_mork"), 7,
                           ("ver_mork", "ver_mark")),
    "tool-of-another": (more("  - name: hello\n    description: Taken.\n"), 10, ("hello",)),
    "schema-not-object": (swap(TOOL_END, "    inputSchema: {type: array}\n"), 9,
                          ("tools[0].inputSchema", "object")),
    "schema-list": (swap(TOOL_END, "    inputSchema: [1]\n"), 9, ("inputSchema",)),
    "schema-type": (swap(TOOL_END, SCHEMA % "{type: objct}"), 9, ("objct", "object")),
    "schema-required": (swap(TOOL_END, "    inputSchema: {type: object, required: a}\n"), 9,
                        ("required",)),
    "schema-pattern": (swap(TOOL_END, SCHEMA % "{type: string, pattern: '('}"), 9, ("pattern",)),
    "schema-ref": (swap(TOOL_END, SCHEMA % "{$ref: '#/$defs/none'}"), 9, ("#/$defs/none",)),
    "schema-network": (swap(TOOL_END, SCHEMA % "{$ref: 'http://127.0.0.1:1/x'}"), 9,
                       ("http://127.0.0.1:1/x",)),  # SCH-04, SCH-05
    "schema-dialect": (swap(TOOL_END, "    inputSchema: {$schema: 'http://json-schema.org/"
                            "draft-03/schema#', type: object}\n"), 9, ("draft-03",)),  # SCH-02
    "header-empty": (swap(TOOL_END, SCHEMA % "{type: string, x-mcp-header: ''}"), 9,
                     ("x-mcp-header",)),  # XHD-02
    "header-space": (swap(TOOL_END, SCHEMA % "{type: string, x-mcp-header: 'a b'}"), 9, ("a b",)),
    "header-colon": (swap(TOOL_END, SCHEMA % "{type: string, x-mcp-header: 'a:b'}"), 9, ("a:b",)),
    "header-accent": (swap(TOOL_END, SCHEMA % "{type: string, x-mcp-header: 'é'}"), 9, ()),
    "header-number": (swap(TOOL_END, SCHEMA % "{type: number, x-mcp-header: A}"), 9,
                      ("number",)),  # XHD-03
    "header-object": (swap(TOOL_END, SCHEMA % "{type: object, x-mcp-header: A}"), 9, ("object",)),
    "header-twice": (swap(TOOL_END, "    inputSchema: {type: object, properties: {"
                          "a: {type: string, x-mcp-header: Region},"
                          " b: {type: string, x-mcp-header: REGION}}}\n"), 9, ("REGION",)),
    "header-items": (swap(TOOL_END, SCHEMA % "{type: array, items: {type: string, "
                          "x-mcp-header: A}}"), 9, ("x-mcp-header",)),  # XHD-04
    "header-any-of": (swap(TOOL_END, SCHEMA % "{anyOf: [{type: string, x-mcp-header: A}]}"), 9,
                      ("x-mcp-header",)),
    "icon-scheme": (more("    icons: [{src: 'javascript:alert(1)'}]\n"), 10,
                    ("icons",)),  # META-13
    "icon-no-src": (more("    icons: [{mimeType: image/png}]\n"), 10, ("src",)),  # META-12
    "icon-size": (more("    icons: [{src: 'https://a/b', sizes: [big]}]\n"), 10, ("big",)),
    "icon-theme": (more("    icons: [{src: 'https://a/b', theme: red}]\n"), 10, ("red", "dark")),
    "meta-reserved": (more("    _meta: {io.modelcontextprotocol/x: 1}\n"), 10,
                      ("io.modelcontextprotocol/x", "reserved")),  # META-02
    "meta-grammar": (more("    _meta: {1a/x: 1}\n"), 10, ("1a/x",)),  # META-01
    "meta-name": (more("    _meta: {a/_x: 1}\n"), 10, ("a/_x",)),
    "meta-dev": (more("    _meta: {dev.mcp/x: 1}\n"), 10, ("dev.mcp/x",)),
    "annotation-type": (more("    annotations: {readOnlyHint: 5}\n"), 10,
                        ("readOnlyHint",)),  # TOOL-20
    "annotation-unknown": (more("    annotations: {readonly: true}\n"), 10, ("readonly",)),
    "limit": (more("limits: {timeout: soon}\n"), 10, ("timeout", "soon")),
    "limit-wider": (swap("description: One.", "limits: {timeout: 1s}").replace(
        TOOL_END, TOOL_END + "    limits: {timeout: 2s}\n"), 10, ("timeout",)),
    "control": (swap("Tells its version.", '"a\\u0007b"'), 8, ()),
    "bidi": (swap("Tells its version.", '"a\\u202Eb"'), 8, ("U+202E",)),  # T-17
    "zero-width": (swap("Tells its version.", '"a\\u200Bb"'), 8, ("U+200B",)),
    "resource-uri": (more("resources:\n  - {uri: 'no uri', name: x}\n"), 11, ("no uri",)),
    "resource-template": (more("resources:\n  - {uriTemplate: 'x://{a', name: x}\n"), 11, ("uriTemplate",)),
    "resource-both": (more("resources:\n  - {uri: 'x://a', uriTemplate: 'x://{a}', name: x}\n"), 11,
                      ("uriTemplate",)),
    "resource-neither": (more("resources:\n  - {name: x}\n"), 11, ("uri",)),
    "resource-mime": (more("resources:\n  - {uri: 'x://a', name: x, mimeType: text}\n"), 11, ("text",)),
    "resource-priority": (more("resources:\n  - {uri: 'x://a', name: x, annotations: "
                               "{priority: 2}}\n"), 11, ("priority",)),  # RSRC-17
    "resource-audience": (more("resources:\n  - {uri: 'x://a', name: x, annotations: "
                               "{audience: [dog]}}\n"), 11, ("dog",)),
    "prompt-argument": (more("prompts:\n  - {name: p, arguments: [{description: x}]}\n"), 11, ("name",)),
    "prompt-argument-twice": (more("prompts:\n  - {name: p, arguments: [{name: a}, {name: a}]}\n"), 11,
                              ("a",)),
    "homepage": (more("homepage: 'javascript:x'\n"), 10, ("homepage",)),
    "deep": (swap("{type: object}", "{type: object, a: " + "[" * 80 + "]" * 80 + "}"), 9, ()),
}
NO_HINT = {"not-yaml", "empty", "list", "deep", "header-twice", "control", "header-accent",
           "schema-type", "schema-required", "schema-pattern", "schema-ref", "limit",
           "annotation-type", "icon-theme", "bad-isolation", "resource-priority",
           "resource-audience", "tool-twice", "prompt-argument-twice", "schema-list", "tools-map",
           "resource-template", "tool-name-long", "schema-network", "schema-dialect"}


@pytest.mark.parametrize("name", BAD)
def test_a_manifest_with_a_mistake_is_refused(folder, name):
    """issue: a manifest with each kind of error; experience.md 3.4"""
    text, line, words = BAD[name]
    mark = folder.server.mark()
    w.write_file(folder.manifest, text)
    folder.refused(mark, *words, line=line, hint=name not in NO_HINT)


@pytest.mark.parametrize("kind", ["writable", "link", "huge", "nul", "latin"])
def test_a_manifest_that_is_no_file_of_ours(folder, kind, tmp_path):
    """security.md 4"""
    mark = folder.server.mark()
    # In one step each: the manifest is never seen to be gone.
    new = os.path.join(os.path.dirname(folder.manifest), ".new")
    if kind == "writable":
        w.write_file(new, MANIFEST + "# changed\n")
        os.chmod(new, 0o666)
        os.rename(new, folder.manifest)
    elif kind == "link":
        (tmp_path / "real.yaml").write_text(MANIFEST)
        os.symlink(tmp_path / "real.yaml", new)
        os.rename(new, folder.manifest)
    elif kind == "huge":
        w.write_file(folder.manifest, MANIFEST + "# x\n" * 80000)
    elif kind == "nul":
        w.write_file(folder.manifest, MANIFEST + "license: \"a\0b\"\n")
    else:
        w.write_file(folder.manifest, MANIFEST.encode() + b"license: \"\xe9\"\n")
    folder.refused(mark, where=folder.manifest, hint=False)


def test_all_mistakes_are_counted(folder):
    """experience.md 3.4: all errors of a file"""
    mark = folder.server.mark()
    w.write_file(folder.manifest, swap("abi: 1", "abi: x").replace("name: ver_mark", "name: 'a b'"))
    folder.refused(mark)
    said = folder.server.wait_log("plugin refused", mark, plugin="ver")
    assert int(said["errors"]) >= 2


def test_a_mistake_put_right_is_served(folder, tmp_path):
    """And the other way round: the refused one leaves no trace"""
    mark = folder.server.mark()
    w.write_file(folder.manifest, swap("abi: 1", "abi: 2"))
    folder.refused(mark)
    mark = folder.server.mark()
    w.write_file(folder.module, build(tmp_path, source(answer="better")))
    w.write_file(folder.manifest, MANIFEST)
    folder.server.wait_log("plugin warm", mark, plugin="ver")
    folder.serves("better")
    mark = folder.server.mark()
    w.write_file(folder.module, folder.good)
    folder.server.wait_log("plugin warm", mark, plugin="ver")
    folder.serves()


def test_nothing_is_left_of_refused_modules(folder):
    """Private copies are removed; the rehearsals are reaped"""
    pid = folder.server.pid
    for child in w.children(pid):  # runners of those that are served
        assert w.proc_read("%d/comm" % child) in ("toolpost-runner\n", "")
    with open("/proc/%d/maps" % pid) as f:
        copies = {line.split()[-1] for line in f if "/gen/ver." in line and "(deleted)" not in line}
    for path in copies:
        assert not os.path.exists(path) or stat.S_IMODE(os.stat(path).st_mode) & 0o077 == 0
