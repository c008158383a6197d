# SPDX-License-Identifier: Apache-2.0
"""reload: exclusive and rehearse: load (plugin-abi.md 5): no call is lost, no word of what a
call has changed, however often the plugin is replaced under load."""

import os
import threading

import pytest

import mcp_wire as w

SOURCE = r"""
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <toolpost/plugin.h>

static atomic_long count;
static char saved[32];

static int
told(struct tp_call *call)
{
	return tp_textf(call, "%s %ld", VERSION, (long)atomic_fetch_add(&count, 1) + 1);
}

static int
add(struct tp_call *call, void *state)
{
	(void)state;
	return told(call);
}

/* Says that it is here, and goes on when it is told to. */
static int
hold(struct tp_call *call, void *state)
{
	struct tp_str gate = tp_arg_str(call, "gate", "");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char c;

	(void)state;
	memcpy(a.sun_path, gate.ptr, gate.len);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0
	    || write(fd, "started\n", 8) != 8 || read(fd, &c, 1) != 1
	    || write(fd, "done\n", 5) != 5)
		return tp_fail(call, TP_EFAIL, "no gate");
	close(fd);
	return told(call);
}

static int
load(struct tp_plugin *p, const struct tp_json *config, const struct tp_snapshot *old,
    void **state)
{
	(void)p;
	(void)config;
	(void)state;
#ifdef REFUSE
	return TP_EFAIL;
#endif
	if (old != NULL)
		atomic_store(&count, strtol(old->bytes.ptr, NULL, 10));
	return TP_OK;
}

static int
save(struct tp_plugin *p, void *state, struct tp_snapshot *out)
{
	(void)p;
	(void)state;
	out->format = 1;
	out->bytes.ptr = saved;
	out->bytes.len = (size_t)snprintf(saved, sizeof saved, "%ld", (long)atomic_load(&count)) + 1;
	return TP_OK;
}

static const struct tp_entry entries[] = {
	TP_TOOL("cnt_add", add),
	TP_TOOL_FLAGS("cnt_quick", add, TP_NONBLOCKING),
	TP_TOOL("cnt_hold", hold),
};
TP_PLUGIN_STATE("cnt", VERSION, entries, 0, load, save, NULL);
"""

MANIFEST = """plugin: cnt
version: %s
abi: 1
module: %s
reload: exclusive
state: required
grants: {network: [unix]}
limits: {timeout: %s}
tools:
  - {name: cnt_add, description: Counts., inputSchema: {type: object%s}}
  - {name: cnt_quick, description: Counts., inputSchema: {type: object}}
  - {name: cnt_hold, description: Waits., inputSchema: {type: object}}
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cnt")
    made = {}
    for version, more in (("v1", ()), ("v2", ()), ("v3", ("-DREFUSE",))):
        path = w.compile_plugin(SOURCE, folder / (version + ".so"),
                                '-DVERSION="%s"' % version, *more)
        with open(path, "rb") as f:
            made[version] = f.read()
    return made


class Plugin:
    def __init__(self, folder, modules):
        self.folder, self.modules, self.number = folder, modules, 0
        os.makedirs(folder)

    def put(self, version, timeout="20s", schema=""):
        """A module of another name each time: one change, seen as one."""
        self.number += 1
        name = "cnt%d.so" % self.number
        w.write_file(os.path.join(self.folder, name), self.modules[version])
        w.write_file(os.path.join(self.folder, "cnt.yaml"),
                     MANIFEST % (version, name, timeout, schema))


@pytest.fixture
def plugin(tmp_path, modules):
    return Plugin(tmp_path / "plugins" / "cnt", modules)


@pytest.fixture(params=["none", "process"])
def isolation(request):
    return request.param


@pytest.fixture
def serve(start, plugin, tmp_path, isolation):
    def begin(**more):
        plugin.put("v1", **more)
        return start.serve("plugins: {isolation: %s%s}\n" % (isolation, w.BEST_EFFORT),
                           plugins=(str(tmp_path / "plugins"),))
    return begin


def send(conn, tool, id=1, **args):
    m = w.modern("tools/call", {"name": "cnt_" + tool, "arguments": args}, id)
    conn.send(w.http_request("POST", "/mcp", w.modern_fields(m), w.dumps(m)))


def text(r):
    assert r.status == 200, r
    return r.json["result"]["content"][0]["text"]


def test_new_calls_wait_and_find_what_old_ones_did(serve, plugin, gate):
    server = serve()
    with w.Http(server.http) as a, w.Http(server.http) as b, w.Http(server.http) as c:
        send(a, "hold", gate=gate.path)
        held = gate.entered()
        plugin.put("v2")
        server.wait_log("plugin holds its calls", plugin="cnt")
        send(b, "add")
        send(c, "quick")
        held.go()
        assert text(a.response()) == "v1 1"
        assert sorted([text(b.response()), text(c.response())]) == ["v2 2", "v2 3"]
        server.wait_log("plugin warm", plugin="cnt", version="v2")


def test_a_module_that_refuses_leaves_the_old_one_with_its_calls(serve, plugin, gate):
    server = serve()
    with w.Http(server.http) as a, w.Http(server.http) as b:
        send(a, "hold", gate=gate.path)
        held = gate.entered()
        plugin.put("v3")
        server.wait_log("plugin holds its calls", plugin="cnt")
        send(b, "add")
        held.go()
        assert text(a.response()) == "v1 1"
        assert text(b.response()) == "v1 2"
        server.wait_log("plugin refused", plugin="cnt")
        send(a, "add")
        assert text(a.response()) == "v1 3"


@pytest.mark.parametrize("isolation", ["none"], indirect=True)
def test_calls_that_do_not_end_keep_the_old_one(serve, plugin, gate):
    """In a runner they end: it is retired for them."""
    server = serve(timeout="100ms")
    with w.Http(server.http) as a, w.Http(server.http) as b:
        send(a, "hold", gate=gate.path)
        held = gate.entered()
        mark = server.mark()
        plugin.put("v2", timeout="100ms")
        server.wait_log("plugin holds its calls", plugin="cnt")
        assert "deadline" in a.response().json["error"]["message"]
        reason = server.wait_log("plugin refused", since=mark, plugin="cnt")["reason"]
        assert "calls that do not end" in reason
        held.go()
        send(b, "add")
        assert text(b.response()).startswith("v1 ")


def test_a_call_whose_entry_has_changed_is_to_come_again(serve, plugin, gate):
    server = serve()
    with w.Http(server.http) as a, w.Http(server.http) as b:
        send(a, "hold", gate=gate.path)
        held = gate.entered()
        plugin.put("v2", schema=", required: [x]")
        server.wait_log("plugin holds its calls", plugin="cnt")
        send(b, "add")
        held.go()
        assert text(a.response()) == "v1 1"
        r = b.response()
        # Where it came when all was over, its arguments are judged anew.
        if r.status == 200:
            assert r.json["result"]["isError"]
        else:
            assert r.status == 503 and r.json["error"]["data"]["retryAfterMs"] > 0
        send(b, "quick")
        assert text(b.response()) == "v2 2"


def test_a_plugin_that_is_removed_lets_its_calls_go(serve, plugin, gate):
    server = serve()
    with w.Http(server.http) as a, w.Http(server.http) as b:
        send(a, "hold", gate=gate.path)
        held = gate.entered()
        plugin.put("v2")
        server.wait_log("plugin holds its calls", plugin="cnt")
        send(b, "add")
        os.unlink(os.path.join(plugin.folder, "cnt.yaml"))
        r = b.response()
        late = "error" in r.json  # it came when the plugin had gone
        assert r.json["error"]["code"] == -32602 if late else text(r) == "v1 1"
        held.go()
        assert text(a.response()) == "v1 %d" % (1 if late else 2)


def test_nothing_is_lost_under_load(serve, plugin):
    """Each call that is answered has counted, once; none fails."""
    server = serve()
    over = threading.Event()
    good, bad = [0] * 4, []

    def load(i):
        with w.Http(server.http) as conn:
            while not over.is_set():
                send(conn, "quick" if i % 2 else "add")
                r = conn.response()
                if r.status == 200 and "result" in r.json:
                    good[i] += 1
                else:
                    bad.append(r)
    threads = [threading.Thread(target=load, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    try:
        for i in range(12):
            mark = server.mark()
            plugin.put("v2" if i % 2 == 0 else "v1")
            server.wait_log("plugin warm", since=mark, plugin="cnt")
    finally:
        over.set()
        for t in threads:
            t.join()
    assert not bad
    with w.Http(server.http) as conn:
        send(conn, "add")
        assert text(conn.response()) == "v1 %d" % (sum(good) + 1)


REHEARSED = r"""
#include <stdio.h>
#include <stdlib.h>
#include <toolpost/plugin.h>

static int
ok(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, tp_cstr("fine"));
}

/* Writes a mark each time, and does what it is configured to. */
static int
load(struct tp_plugin *p, const struct tp_json *config, const struct tp_snapshot *old,
    void **state)
{
	struct tp_str mark = p->host->json_str(p->host->json_get(config, "mark"));
	char path[512];
	FILE *f;

	(void)old;
	(void)state;
	snprintf(path, sizeof path, "%.*s", (int)mark.len, mark.ptr);
	f = fopen(path, "a");
	if (f == NULL)
		return TP_EFAIL;
	fputs("x", f);
	fclose(f);
	if (tp_json_true(p->host, p->host->json_get(config, "crash"), 0))
		abort();
	return TP_OK;
}

static const struct tp_entry entries[] = { TP_TOOL("reh_ok", ok) };
TP_PLUGIN_STATE("reh", "1.0.0", entries, 0, load, NULL, NULL);
"""


@pytest.fixture
def rehearsed(start, tmp_path):
    folder = tmp_path / "plugins" / "reh"
    os.makedirs(folder)
    w.compile_plugin(REHEARSED, folder / "reh.so")
    (folder / "reh.yaml").write_text(
        "plugin: reh\nversion: 1.0.0\nabi: 1\nmodule: reh.so\nrehearse: load\ntools:\n"
        "  - {name: reh_ok, description: A tool.}\n")

    def begin(**config):
        text = ", ".join("%s: %s" % kv for kv in config.items())
        return start.serve("plugins: {isolation: none, reh: {config: {%s}}}\n" % text,
                           plugins=(str(tmp_path / "plugins"), w.PLUGINS))
    return begin


def test_a_rehearsal_may_load_with_the_configuration(rehearsed, tmp_path):
    mark = tmp_path / "mark"
    server = rehearsed(mark=mark)
    m = w.Modern(server)
    assert m.tool("reh_ok")["content"][0]["text"] == "fine"
    m.close()
    assert mark.read_text() == "xx", "once in the child, once here"


def test_a_load_that_crashes_does_so_in_its_rehearsal(rehearsed, tmp_path):
    mark = tmp_path / "mark"
    server = rehearsed(mark=mark, crash="true")
    assert "signal 6" in server.wait_log("plugin refused", plugin="reh")["reason"]
    assert mark.read_text() == "x"
    m = w.Modern(server)
    assert m.tool("hello")["content"]
    m.close()


def test_a_load_that_fails_is_refused_before_it_is_here(rehearsed, tmp_path):
    server = rehearsed(mark=tmp_path / "nowhere" / "mark")
    assert "load() failed" in server.wait_log("plugin refused", plugin="reh")["reason"]
