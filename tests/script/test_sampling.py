# SPDX-License-Identifier: Apache-2.0
"""A loop of a client's model and the tools of a handler."""

import pytest

import mcp_wire as w
from mcp_rounds import WAYS, Stateful, Stateless, asking, is_asking

ROUNDS_MAX = 16
USE = {"role": "assistant", "model": "m", "stopReason": "toolUse", "content": [
    {"type": "tool_use", "id": "u", "name": "look", "input": {"at": 1}}]}


def turn(number):
    """Asks the model again, with the result of the tool that it has asked for."""
    messages = [{"role": "user", "content": {"type": "text", "text": "Find it"}}]
    if number > 0:
        messages += [
            {"role": "assistant", "content": USE["content"]},
            {"role": "user", "content": [{
                "type": "tool_result", "toolUseId": "u",
                "content": [{"type": "text", "text": "nothing there"}]}]}]
    return {"key": "turn%d" % number, "method": "sampling/createMessage", "params": {
        "messages": messages, "maxTokens": 5,
        "tools": [{"name": "look", "inputSchema": {"type": "object"}}]}}


# More than are ever asked: for the host it is one without end.
FOR_EVER = asking(*[[turn(i)] for i in range(2 * ROUNDS_MAX)])


@pytest.mark.parametrize("way", WAYS)
def test_a_session_is_not_asked_for_ever(server, start, fixture_plugins, way):
    """SAMP-07"""
    s = Stateful(server, start, fixture_plugins, way, w.R4)
    s.begin(FOR_EVER)
    for i in range(ROUNDS_MAX):
        [m] = s.asked()
        assert m["method"] == "sampling/createMessage"
        assert m["params"] == turn(i)["params"]
        s.answer(m, USE)
    result = s.result()
    assert result["isError"] is True
    assert result["content"][0]["text"] == "The client was asked too often"
    s.begin(asking([turn(0)]), id=8)  # the next request begins anew
    [m] = s.asked(id=8)
    s.answer(m, USE)
    assert "isError" not in s.result(8)
    s.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_stateless_client_is_not_asked_for_ever(server, start, fixture_plugins, way):
    """SAMP-07: what comes back without a state is no round yet"""
    c = Stateless(server, start, fixture_plugins, way)
    params = {}
    for i in range(ROUNDS_MAX + 1):
        key = "turn%d" % i
        result = c.tool(FOR_EVER, **params)
        state = is_asking(result, key)
        assert (state is None) == (i == 0)
        assert result["inputRequests"][key]["params"] == turn(i)["params"]
        params = {"inputResponses": {key: USE}}
        if state is not None:
            params["requestState"] = state
    assert "%d times" % ROUNDS_MAX in c.refusal(FOR_EVER, **params)
    c.close()


BROKEN = [
    [{"type": "tool_use", "id": "u", "name": "look"}],
    [{"type": "tool_use", "id": "u", "input": {}}],
    [{"type": "tool_use", "name": "look", "input": {}}],
    [{"type": "tool_use", "id": 1, "name": "look", "input": {}}],
    [{"type": "tool_use", "id": "u", "name": "look", "input": "at"}],
    [{"type": "tool_result", "toolUseId": "u", "content": []}],
    [{"type": "text"}], [{"type": "unknown"}], ["text"], "text", None,
    [USE["content"][0], {"type": "image", "data": "AA=="}],
]


@pytest.mark.parametrize("content", BROKEN)
def test_what_a_model_sends_is_checked(server, start, fixture_plugins, content):
    """SAMP-07, SAMP-06: a handler's tools never see it"""
    answer = dict(USE, content=content)
    s = Stateful(server, start, fixture_plugins, "http", w.R4)
    s.begin(FOR_EVER)
    [m] = s.asked()
    s.answer(m, answer)
    result = s.result()
    assert result["isError"] is True
    assert "malformed" in result["content"][0]["text"]
    s.close()
    c = Stateless(server, start, fixture_plugins, "http")
    is_asking(c.tool(FOR_EVER), "turn0")
    is_asking(c.tool(FOR_EVER, inputResponses={"turn0": answer}), "turn0")
    c.close()
