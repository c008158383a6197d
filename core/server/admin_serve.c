/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked on the operator's socket, and what waits for others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <toolpost/abi.h>

#include "base/log.h"
#include "plugin/facts.h"
#include "observe/metrics.h"
#include "server/admin_priv.h"

#define TYPE_JSON "application/json"
#define TYPE_TEXT "text/plain"

const char *
admin_phase_name(const struct server *s)
{
	switch (s->phase) {
	case SERVER_STARTING:
		return "starting";
	case SERVER_SERVING:
		return s->opened ? "serving" : "starting";
	case SERVER_DRAINING:
	case SERVER_CLOSING:
	case SERVER_STOPPED:
		break;
	}
	return "draining";
}

bool
admin_is_ready(const struct server *s)
{
	return s->phase == SERVER_SERVING && s->opened;
}

static void
census_free(struct admin_census *c)
{
	for (unsigned i = 0; i < c->len; i++)
		plugin_census_finish(&c->shares[i].census);
	free(c);
}

/* [reactor] */
static void
census_each(struct loop_reactor *r, void *arg)
{
	struct admin_census *c = arg;
	struct admin_share *share = &c->shares[r->index];
	struct server *s = c->server;

	plugin_census_take(&share->census, &s->held[r->index].calls);
	share->calls = s->held[r->index].calls.running_len;
	atomic_store_explicit(&share->answered, true,
	    memory_order_release /* pairs with view_take() */);
}

static void
census_done(void *arg)
{
	struct admin_census *c = arg;

	if (c->admin != NULL) {
		admin_waiting_look(c->admin, true);
		c->admin->census = NULL;
	}
	census_free(c);
}

void
admin_census_begin(struct server_admin *a)
{
	struct server *s = a->server;
	struct admin_census *c;

	if (a->census != NULL)
		return;
	c = calloc(1, sizeof *c + s->reactors.len * sizeof c->shares[0]);
	if (c == NULL)
		return; /* its timer answers who waits */
	c->admin = a;
	c->server = s;
	c->len = s->reactors.len;
	for (unsigned i = 0; i < c->len; i++) {
		plugin_census_init(&c->shares[i].census);
		atomic_init(&c->shares[i].answered, false);
	}
	a->census = c;
	if (loop_reactors_barrier(
		&s->reactors, s->control, census_each, census_done, c)
	    == 0)
		return;
	a->census = NULL;
	census_free(c);
}

/* What the reactors that have answered said. */
static void
view_take(const struct server_admin *a, struct admin_view *v)
{
	const struct admin_census *c = a->census;

	memset(v, 0, sizeof *v);
	plugin_census_init(&v->census);
	for (unsigned i = 0; c != NULL && i < c->len; i++) {
		const struct admin_share *share = &c->shares[i];

		if (!atomic_load_explicit(&share->answered,
			memory_order_acquire /* pairs with census_each() */)) {
			v->stuck = i;
			continue;
		}
		v->turning++;
		v->calls += share->calls;
		plugin_census_add(&v->census, &share->census);
	}
}

static void
fail(struct admin_conn *c, int status, const char *code, const char *text)
{
	struct buf b;

	buf_init(&b);
	buf_printf(&b, "{\"error\":{\"code\":\"%s\",\"message\":", code);
	buf_json(&b, str_of(text));
	BUF_LIT(&b, "}}\n");
	admin_conn_answer(c, status, TYPE_JSON, buf_view(&b));
	buf_finish(&b);
}

static void
live_answer(struct admin_conn *c, const struct admin_view *v)
{
	unsigned all = c->admin->server->reactors.len;
	char text[96];

	if (v->turning >= all) {
		admin_conn_answer(c, 200, TYPE_TEXT, S("ok\n"));
		return;
	}
	(void)snprintf(text, sizeof text,
	    "%u of %u reactors turn; %u does not (a handler blocks it)\n",
	    v->turning, all, v->stuck);
	admin_conn_answer(c, 503, TYPE_TEXT, str_of(text));
}

static void
changed_answer(
    struct admin_conn *c, const struct admin_view *v, struct buf *out)
{
	struct server_admin *a = c->admin;

	BUF_LIT(out, "{");
	buf_str(out, buf_view(&c->result));
	BUF_LIT(out, ",\"draining\":[");
	(void)plugin_facts_draining(
	    a->server->plugins, STR_NONE, &v->census, out);
	buf_printf(out, "],\"ms\":%lld}\n",
	    (long long)((clock_now_ns() - c->begun_ns) / NS_PER_MS));
	admin_conn_answer(c, c->status, TYPE_JSON, buf_view(out));
}

static void
op_answer(struct admin_conn *c, const struct admin_view *v, struct buf *out)
{
	struct server_admin *a = c->admin;
	struct plugin_manager *m = a->server->plugins;

	switch (c->op) {
	case ADMIN_LIVE:
		live_answer(c, v);
		return;
	case ADMIN_STATUS:
		admin_status_write(a, v, out);
		break;
	case ADMIN_PLUGINS:
		BUF_LIT(out, "{\"plugins\":[");
		plugin_facts_list(m, &v->census, out);
		BUF_LIT(out, "]}\n");
		break;
	case ADMIN_PLUGIN:
		if (plugin_facts_one(m, str_of(c->name), &v->census, out) < 0) {
			fail(c, 404, "not_found", "there is no such plugin");
			return;
		}
		buf_char(out, '\n');
		break;
	case ADMIN_METRICS:
		admin_metrics_write(a, v, out);
		break;
	case ADMIN_CHANGED:
		changed_answer(c, v, out);
		return;
	case ADMIN_NOTHING:
		return;
	}
	if (out->failed)
		fail(c, 503, "no_memory", "out of memory");
	else
		admin_conn_answer(c, 200,
		    c->op == ADMIN_METRICS ? METRICS_TYPE : TYPE_JSON,
		    buf_view(out));
}

static void
view_answer(struct admin_conn *c)
{
	struct admin_view v;
	struct buf out;

	buf_init(&out);
	view_take(c->admin, &v);
	op_answer(c, &v, &out);
	plugin_census_finish(&v.census);
	buf_finish(&out);
}

/* What this reload replaced is still there. */
static bool
still_drains(const struct admin_conn *c)
{
	return c->drains
	    && plugin_facts_draining_since(
		   c->admin->server->plugins, c->begun_ns)
	    > 0;
}

void
admin_waiting_look(struct server_admin *a, bool census_done)
{
	LIST_EACH_SAFE (node, &a->waiting) {
		struct admin_conn *c = LIST_OBJ(node, struct admin_conn, node);

		if (c->batch != 0 || still_drains(c))
			continue;
		if (census_done)
			view_answer(c);
		else if (c->drains) /* the last one has gone */
			admin_conn_late(c);
	}
}

void
admin_conn_late(struct admin_conn *c)
{
	struct server_admin *a = c->admin;

	if (c->batch != 0) {
		c->batch = 0;
		fail(c, 503, "busy", "a plugin is still being started");
		return;
	}
	if (!c->drains) {
		view_answer(c);
		return;
	}
	/* Gone, or not gone in time: the answer says who keeps what is left. */
	c->drains = false;
	net_conn_timer(&c->net, loop_now(a->server->control) + ADMIN_CENSUS_NS);
	admin_census_begin(a);
}

static void
wait_for_reactors(struct admin_conn *c, enum admin_op op)
{
	struct server_admin *a = c->admin;

	admin_conn_wait(c, op, loop_now(a->server->control) + ADMIN_CENSUS_NS);
	admin_census_begin(a);
}

/* "wait=SECONDS" of the query; 0: not there. */
static int64_t
wait_of(struct str query)
{
	uint64_t seconds;

	while (query.len > 0) {
		struct str one = str_split(query, '&', &query);

		if (!str_starts(one, S("wait="))
		    || str_to_u64(str_sub(one, 5, one.len), &seconds) < 0)
			continue;
		return seconds < (uint64_t)(ADMIN_WAIT_MAX_NS / NS_PER_S)
		    ? (int64_t)seconds * NS_PER_S
		    : ADMIN_WAIT_MAX_NS;
	}
	return 0;
}

static void
counts_write(const struct plugin_changes *n, struct buf *out)
{
	buf_printf(out,
	    "\"added\":%u,\"replaced\":%u,\"removed\":%u,\"refused\":%u,"
	    "\"unchanged\":%u",
	    n->added, n->replaced, n->removed, n->refused, n->unchanged);
}

/* Members that say what the batch did; when it did nothing, what did before:
 * the folder's watch may have been faster. */
static void
result_write(struct admin_conn *c, bool did)
{
	struct server_admin *a = c->admin;

	if (did) {
		counts_write(&a->last_counts, &c->result);
	} else {
		BUF_LIT(&c->result,
		    "\"added\":0,\"replaced\":0,\"removed\":0,\"refused\":0");
		if (a->batches > 0)
			buf_printf(&c->result, ",\"earlierMs\":%lld",
			    (long long)((c->begun_ns - a->last_ns)
				/ NS_PER_MS));
	}
	buf_printf(&c->result, ",\"%s\":[", did ? "changes" : "earlier");
	buf_str(&c->result, buf_view(&a->last));
	buf_char(&c->result, ']');
	if (!did)
		BUF_LIT(&c->result, ",\"changes\":[]");
}

/* What came of it is known. */
static void
changed_begin(struct admin_conn *c, bool did)
{
	c->status = 200;
	result_write(c, did);
	c->drains = c->wait_ns > 0;
	if (!still_drains(c)) {
		c->drains = false;
		wait_for_reactors(c, ADMIN_CHANGED);
		return;
	}
	admin_conn_wait(c, ADMIN_CHANGED, clock_now_ns() + c->wait_ns);
}

static void
enabled_answer(struct admin_conn *c, int rc, const struct err *err, bool did)
{
	if (rc == ERR_NOTFOUND) {
		fail(c, 404, "not_found", err->text);
	} else if (rc == ERR_EXISTS) {
		c->status = 200;
		BUF_LIT(&c->result, "\"already\":true");
		wait_for_reactors(c, ADMIN_CHANGED);
	} else if (rc < 0) {
		fail(c, 409, "refused", err->text);
	} else {
		changed_begin(c, did);
	}
}

/* Its batch goes on: plugins are being started. */
static void
batch_await(struct admin_conn *c, unsigned batch)
{
	c->batch = batch;
	admin_conn_wait(c, ADMIN_CHANGED, clock_now_ns() + ADMIN_WAIT_MAX_NS);
}

void
admin_batch_ended(struct server_admin *a, unsigned number, bool did)
{
	LIST_EACH_SAFE (node, &a->waiting) {
		struct admin_conn *c = LIST_OBJ(node, struct admin_conn, node);
		struct err err = { 0 };
		int rc = 0;

		if (c->batch != number)
			continue;
		c->batch = 0;
		list_drop(&c->node); /* it waits anew */
		if (c->enables)
			rc = plugin_manager_enabled(a->server->plugins,
			    str_of(c->name), &c->batch, &err);
		/* By newer files, in another batch. */
		if (rc == ERR_AGAIN)
			batch_await(c, c->batch);
		else
			enabled_answer(c, rc, &err, did);
	}
}

static void
reload(struct admin_conn *c, struct str query)
{
	struct server_admin *a = c->admin;
	uint64_t before = a->batches;
	unsigned batch;

	if (!admin_is_ready(a->server)) {
		fail(c, 503, "not_ready", "the server is starting or stopping");
		return;
	}
	c->begun_ns = clock_now_ns();
	c->enables = false;
	c->wait_ns = wait_of(query);
	batch = server_reload(a->server, "admin");
	if (a->server->reread.len > 0) /* members behind a comma */
		buf_printf(&c->result, "\"configuration\":{%.*s},",
		    (int)a->server->reread.len - 1, a->server->reread.ptr + 1);
	if (plugin_manager_goes_on(a->server->plugins, batch))
		batch_await(c, batch);
	else
		changed_begin(c, a->batches > before);
}

static void
enable(struct admin_conn *c, struct str query)
{
	struct server_admin *a = c->admin;
	uint64_t before = a->batches;
	struct err err;
	unsigned batch;
	int rc;

	if (!admin_is_ready(a->server)) {
		fail(c, 503, "not_ready", "the server is starting or stopping");
		return;
	}
	c->begun_ns = clock_now_ns();
	c->enables = true;
	c->wait_ns = wait_of(query);
	rc = plugin_manager_enable(
	    a->server->plugins, str_of(c->name), &batch, &err);
	if (rc == ERR_AGAIN)
		batch_await(c, batch);
	else
		enabled_answer(c, rc, &err, a->batches > before);
}

static void
version_answer(struct admin_conn *c)
{
	char text[128];

	(void)snprintf(text, sizeof text,
	    "{\"version\":\"" TOOLPOST_VERSION "\",\"abi\":\"%d.%d\"}\n",
	    TP_ABI_MAJOR, TP_ABI_MINOR);
	admin_conn_answer(c, 200, TYPE_JSON, str_of(text));
}

static void
ready_answer(struct admin_conn *c)
{
	struct server *s = c->admin->server;
	char text[32];

	(void)snprintf(text, sizeof text, "%s\n",
	    admin_is_ready(s) ? "ready" : admin_phase_name(s));
	admin_conn_answer(
	    c, admin_is_ready(s) ? 200 : 503, TYPE_TEXT, str_of(text));
}

struct route {
	const char *path;
	bool changes; /* POST; else GET and HEAD */
	enum admin_op op; /* answered when the reactors have */
	void (*serve)(struct admin_conn *c); /* or at once */
};

static const struct route routes[] = {
	{ "/livez", false, ADMIN_LIVE, NULL },
	{ "/readyz", false, ADMIN_NOTHING, ready_answer },
	{ "/healthz", false, ADMIN_NOTHING, ready_answer },
	{ "/version", false, ADMIN_NOTHING, version_answer },
	{ "/status", false, ADMIN_STATUS, NULL },
	{ "/metrics", false, ADMIN_METRICS, NULL },
	{ "/plugins", false, ADMIN_PLUGINS, NULL },
	{ "/reload", true, ADMIN_CHANGED, NULL },
};

static bool
method_fits(struct admin_conn *c, bool changes)
{
	enum http_method m = c->parser.method;

	if (changes ? m == HTTP_POST : m == HTTP_GET || m == HTTP_HEAD)
		return true;
	fail(c, 405, "method", changes ? "POST it" : "GET it");
	return false;
}

/* "/plugins/NAME" and "/plugins/NAME/enable". */
static bool
plugin_serve(struct admin_conn *c, struct str path, struct str query)
{
	static const struct str prefix = STR("/plugins/");
	struct str verb, name;

	if (!str_starts(path, prefix))
		return false;
	name = str_split(str_sub(path, prefix.len, path.len), '/', &verb);
	if (name.len == 0 || name.len >= sizeof c->name
	    || (verb.len > 0 && !str_equal(verb, S("enable"))))
		return false;
	memcpy(c->name, name.ptr, name.len);
	c->name[name.len] = '\0';
	if (!method_fits(c, verb.len > 0))
		return true;
	if (verb.len > 0)
		enable(c, query);
	else
		wait_for_reactors(c, ADMIN_PLUGIN);
	return true;
}

void
admin_request_serve(struct admin_conn *c, const char *bytes)
{
	struct str path = http_slice(bytes, c->parser.path);
	struct str query = http_slice(bytes, c->parser.query);

	for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
		const struct route *r = &routes[i];

		if (!str_equal(path, str_of(r->path)))
			continue;
		if (!method_fits(c, r->changes))
			return;
		if (r->serve != NULL)
			r->serve(c);
		else if (r->op == ADMIN_CHANGED)
			reload(c, query);
		else
			wait_for_reactors(c, r->op);
		return;
	}
	if (!plugin_serve(c, path, query))
		fail(c, 404, "not_found", "nothing is here");
}
