# SPDX-License-Identifier: Apache-2.0
"""completion/complete, in every revision."""

import json
import subprocess

import pytest

import mcp_wire as w

PROMPT = {"type": "ref/prompt", "name": "fx_said"}
TEMPLATE = {"type": "ref/resource", "uri": "fx://item/{id}"}
NOTHING = {"values": [], "total": 0, "hasMore": False}


def params(ref=PROMPT, name="word", value="", **more):
    return dict({"ref": ref, "argument": {"name": name, "value": value}}, **more)


def complete(client, *args, **more):
    result = client.call("completion/complete", params(*args, **more))
    assert set(result) <= {"completion", "resultType", "_meta"}
    return result["completion"]


def asked(completion):
    """(name, args) as the hook saw them."""
    name, _, args = completion["values"][0].partition(" ")
    return name, json.loads(args)


def test_the_capability_is_declared_where_it_exists(client):
    """COMP-01"""
    if client.era == "stateless":
        capabilities = client.call("server/discover")["capabilities"]
    else:
        capabilities = client.handshake["capabilities"]
    assert capabilities.get("completions") == ({} if client.revision >= w.R2 else None)


def test_an_argument_of_a_prompt_is_completed(client):
    """COMP-02, COMP-03, COMP-06"""
    got = complete(client, value="a \"ü\"")
    assert asked(got) == ("fx_said", {"argument": {"name": "word", "value": "a \"ü\""}})
    assert got["total"] == 1 and got["hasMore"] is False


@pytest.mark.parametrize("uri", ["fx://item/{id}", "fx://item/7"])
def test_a_variable_of_a_template_is_completed(client, uri):
    """COMP-02: by the template, or by a URI of it"""
    got = complete(client, {"type": "ref/resource", "uri": uri}, "id", "7")
    assert asked(got)[0] == "fx://item/{id}" and len(got["values"]) == 7


def test_the_context_reaches_the_hook_from_the_revision_that_knows_it(client):
    """COMP-02"""
    _, args = asked(complete(client, context={"arguments": {"tone": "low"}, "x": 1}))
    if client.revision >= w.R3:
        assert args["context"] == {"arguments": {"tone": "low"}}
    else:
        assert "context" not in args


def test_the_first_hundred_values_are_sent(client):
    """COMP-03"""
    got = complete(client, value="1000")
    assert len(got["values"]) == 100 and got["values"][99] == "value 99"
    assert got["total"] == 1000 and got["hasMore"] is True
    got = complete(client, value="100")
    assert len(got["values"]) == 100
    assert got["total"] == 100 and got["hasMore"] is False


@pytest.mark.parametrize("ref, name", [
    (PROMPT, "tone"), (PROMPT, "nowhere"), (PROMPT, ""), (TEMPLATE, "word"),
    ({"type": "ref/resource", "uri": "fx://text"}, "id"),
    ({"type": "ref/prompt", "name": "fx_said_blocks"}, "word")])
def test_what_has_no_values_is_answered_without_the_plugin(client, ref, name):
    """COMP-04"""
    assert complete(client, ref, name, "5") == NOTHING


@pytest.mark.parametrize("value", ["none", "binary"])
def test_a_hook_may_have_none(client, value):
    """COMP-03"""
    assert complete(client, value=value) == NOTHING


@pytest.mark.parametrize("ref", [
    {"type": "ref/prompt", "name": "nope"}, {"type": "ref/resource", "uri": "fx://nope"},
    {"type": "ref/resource", "uri": "fx://item/{ID}"}, {"type": "ref/tool", "name": "x"},
    {"type": "ref/prompt"}, {"type": "ref/prompt", "name": 1}, {"name": "fx_said"},
    {"type": "ref/resource", "name": "fx_said"}, "fx_said", None, []])
def test_an_unknown_ref_is_refused(client, ref):
    """COMP-04"""
    assert client.error("completion/complete", params(ref))["code"] == -32602


@pytest.mark.parametrize("argument", [
    None, {}, "word", {"name": "word"}, {"value": ""}, {"name": 1, "value": ""},
    {"name": "word", "value": 1}, {"name": "word", "value": None}])
def test_an_argument_of_another_shape_is_refused(client, argument):
    """COMP-04, COMP-05"""
    e = client.error("completion/complete", {"ref": PROMPT, "argument": argument})
    assert e["code"] == -32602


@pytest.mark.parametrize("context", [1, "x", [], {"arguments": []},
                                     {"arguments": {"tone": 1}}, {"arguments": 1}])
def test_a_context_of_another_shape_is_refused(session, modern, context):
    """COMP-02, COMP-05"""
    for c in (session, modern):
        e = c.error("completion/complete", params(context=context))
        assert e["code"] == -32602


@pytest.mark.parametrize("value, code", [("fail", -32603), ("bad", -32602),
                                         ("input", -32603)])
def test_a_hook_that_fails_is_an_error(client, value, code):
    """COMP-05"""
    e = client.error("completion/complete", params(value=value))
    assert e["code"] == code and e["message"]


def test_the_suite_s_prompt_is_completed(client):
    """COMP-03"""
    ref = {"type": "ref/prompt", "name": "test_prompt_with_arguments"}
    assert complete(client, ref, "arg1", "test")["values"] == [
        "test", "testing", "tested"]
    assert complete(client, ref, "arg2", "par")["values"] == ["paris", "park", "party"]
    assert complete(client, ref, "arg2", "x") == NOTHING


def test_lines_complete_in_both_eras(start, fixture_plugins):
    """COMP-02, COMP-03"""
    line = w.Line(start.stdio(plugins=(w.PLUGINS, fixture_plugins)))
    line.handshake()
    for ask in (line.legacy, line.modern):
        got = ask("completion/complete", params(value="3"))["result"]["completion"]
        assert len(got["values"]) == 3 and got["total"] == 3


def test_the_lists_do_not_show_what_is_completed(client):
    """COMP-05"""
    for p in client.call("prompts/list")["prompts"]:
        assert all("complete" not in a for a in p.get("arguments", []))
    for t in client.call("resources/templates/list")["resourceTemplates"]:
        assert "complete" not in t


MANIFEST = """plugin: nc
version: 1.0.0
module: nc.so
prompts:
  - name: said
    arguments: [{name: a, complete: true}]
"""

NO_OFFER = """
#include <toolpost/plugin.h>
%s
static int said(struct tp_call *call, void *state)
{ (void)state; return tp_text(call, tp_cstr("")); }
static const struct tp_entry entries[] = { TP_PROMPT("said", said) };
%s
"""

HOOKLESS = """
#include <toolpost/ext/complete.h>
static const struct tp_complete hook = { sizeof hook, 0, NULL };
static const struct tp_offer offers[] = { { TP_EXT_COMPLETE, &hook } };
"""


def test_a_manifest_needs_a_module_that_completes(tmp_path):
    """COMP-01: nothing is declared that nobody answers"""
    w.compile_plugin(
        NO_OFFER % ("", 'TP_PLUGIN("nc", "1.0.0", entries);'), tmp_path / "nc.so")
    w.write_file(str(tmp_path / "nc.yaml"), MANIFEST)
    done = subprocess.run([w.BIN, "check", str(tmp_path / "nc.yaml")],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert ("nc.yaml:6:16: error: prompts[0]: complete needs tp.complete/1, which "
            "nc.so does not offer") in done.stdout and done.returncode == 6, done.stdout


def test_an_offer_without_a_function_is_not_loaded(start, tmp_path):
    """COMP-01"""
    folder = tmp_path / "nc"
    folder.mkdir()
    w.compile_plugin(NO_OFFER % (
        HOOKLESS, 'TP_PLUGIN_OFFERS("nc", "1.0.0", entries, offers, 0, NULL, NULL, NULL);'),
        folder / "nc.so")
    w.write_file(str(folder / "nc.yaml"), MANIFEST)
    server = start.serve(plugins=(w.PLUGINS, str(folder)))
    assert "its tp.complete/1 has no function" in server.log_text()
    start.running[:] = [(s, True) for s, _ in start.running]
