# SPDX-License-Identifier: Apache-2.0
"""resources/* and prompts/*, in every revision."""

import base64
import json

import pytest

import mcp_wire as w


def read(client, uri):
    return client.call("resources/read", {"uri": uri})["contents"]


# --- resources ---

def test_a_text_resource_is_read(client):
    """RSRC-04"""
    assert read(client, "fx://text") == [
        {"uri": "fx://text", "mimeType": "text/plain", "text": "the text"}]


def test_a_binary_resource_is_read_as_base64(client):
    """RSRC-04, TOOL-18"""
    assert read(client, "fx://binary") == [
        {"uri": "fx://binary", "mimeType": "application/octet-stream",
         "blob": "iVBORw0KGgoA/w=="}]
    one, = read(client, "test://static-binary")
    assert base64.b64decode(one["blob"], validate=True).startswith(b"\x89PNG")


def test_a_resource_may_have_several_contents(client):
    """RSRC-05"""
    assert [(c["uri"], c["text"]) for c in read(client, "fx://several")] == [
        ("fx://several/1", "one"), ("fx://several/2", "two")]


@pytest.mark.parametrize("uri, id", [
    ("fx://item/7", "7"), ("fx://item/a-b_c.d~e", "a-b_c.d~e"),
    ("fx://item/a%20b", "a b"), ("fx://item/%C3%BC", "ü"), ("fx://item/a%2Fb", "a/b")])
def test_a_template_is_read_by_its_variables(client, uri, id):
    """RSRC-12"""
    one, = read(client, uri)
    assert one["uri"] == uri and one["text"] == "item " + id
    assert one["mimeType"] == "text/plain"


def test_a_template_of_the_suite_is_read(client):
    """RSRC-12"""
    one, = read(client, "test://template/123/data")
    assert "123" in one["text"] and json.loads(one["text"])


NOT_FOUND = ["fx://nowhere", "fx://item/", "fx://item/a/b", "fx://item/none",
             "fx://absent", "FX://text", "fx://Text", "fx://text/", "fx://text?x",
             "fx://text#x", "fx://it%20EM", "urn:x", "fx://a%00b"]


@pytest.mark.parametrize("uri", NOT_FOUND)
def test_what_is_not_there_is_an_error_with_its_uri(client, uri):
    """RSRC-06, RSRC-07, ERR-01"""
    e = client.error("resources/read", {"uri": uri})
    assert e["code"] == (-32602 if client.revision == w.R5 else -32002), e
    assert e["data"] == {"uri": uri}


@pytest.mark.parametrize("uri", ["", "fx", "fx://%zz", "fx://a b", "fx://a%0", "://x",
                                 "1x://a", "fx://a\u0000b", "fx://ü", "fx://a\nb",
                                 "fx://<x>"])
def test_what_is_no_uri_is_bad_params(client, uri):
    """RSRC-09"""
    e = client.error("resources/read", {"uri": uri})
    assert e["code"] == -32602, e


@pytest.mark.parametrize("params", [{}, {"uri": 5}, {"uri": None}, {"uri": ["fx://text"]}])
def test_a_uri_of_another_type_is_bad_params(client, params):
    """RSRC-04"""
    fields = {"Mcp_Name": "fx://text"} if client.era == "stateless" else {}
    assert client.error("resources/read", params, **fields)["code"] == -32602


def test_a_resource_that_cannot_be_read_is_an_internal_error(client):
    """RSRC-08, ERR-08"""
    e = client.error("resources/read", {"uri": "fx://broken"})
    assert e["code"] == -32603


def test_an_encoded_uri_is_compared_byte_for_byte(client):
    """RSRC-21"""
    assert read(client, "fx://it%20em")[0]["uri"] == "fx://it%20em"


def test_resources_and_templates_are_listed_apart(client):
    """RSRC-01"""
    uris = [r["uri"] for r in client.call("resources/list")["resources"]]
    assert {"fx://text", "test://static-text"} <= set(uris)
    assert not [u for u in uris if "{" in u]
    templates = [t["uriTemplate"]
                 for t in client.call("resources/templates/list")["resourceTemplates"]]
    assert {"fx://item/{id}", "test://template/{id}/data"} <= set(templates)


# --- prompts ---

def get(client, name, arguments=None):
    params = {"name": name}
    if arguments is not None:
        params["arguments"] = arguments
    return client.call("prompts/get", params)


def test_a_prompt_is_made_of_its_arguments(client):
    """PROM-03"""
    r = get(client, "fx_said", {"word": "ünï\n"})
    assert r["messages"] == [
        {"role": "user", "content": {"type": "text", "text": "ünï\n"}},
        {"role": "assistant", "content": {"type": "text", "text": "I see"}}]
    assert r["description"] == "Repeats a word."


def test_a_prompt_without_arguments_needs_none(client):
    """PROM-03"""
    for arguments in (None, {}):
        assert get(client, "test_simple_prompt", arguments)["messages"]


def test_an_embedded_resource_keeps_its_uri(client):
    """PROM-07"""
    r = get(client, "test_prompt_with_embedded_resource", {"resourceUri": "test://x"})
    found = [m["content"]["resource"] for m in r["messages"]
             if m["content"]["type"] == "resource"]
    assert found[0]["uri"] == "test://x" and found[0]["mimeType"]
    assert ("text" in found[0]) != ("blob" in found[0])


@pytest.mark.parametrize("params", [
    {}, {"name": 5}, {"name": "nope"}, {"name": "fx_said"},
    {"name": "fx_said", "arguments": {}}, {"name": "fx_said", "arguments": {"tone": "x"}},
    {"name": "fx_said", "arguments": []}, {"name": "fx_said", "arguments": "x"},
    {"name": "fx_said", "arguments": {"word": 5}},
    {"name": "fx_said", "arguments": {"word": None}},
    {"name": "fx_said", "arguments": {"word": ["a"]}},
    {"name": "fx_said", "arguments": {"word": "a", "tone": 5}}], ids=repr)
def test_what_a_prompt_cannot_use_is_bad_params(client, params):
    """PROM-03, PROM-04, PROM-05"""
    fields = {}
    if client.era == "stateless" and not isinstance(params.get("name"), str):
        fields["Mcp_Name"] = "x"
    assert client.error("prompts/get", params, **fields)["code"] == -32602


def test_a_prompt_that_fails_is_an_internal_error(client):
    """PROM-04"""
    e = client.error("prompts/get", {"name": "fx_said_broken"})
    assert e["code"] == -32603
