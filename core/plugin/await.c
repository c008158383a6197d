/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a runner and waited for: its start, its state, that it is
 * quiet, and what clients watch.  Everything here runs on the control thread.
 */
#include <poll.h>
#include <unistd.h>

#include "plugin/box.h"
#include "plugin/copy.h"
#include "plugin/generation.h"
#include "plugin/runner.h"

/* As many calls as may run at once. */
static uint32_t
workers_count(const struct plugin_runner *r)
{
	const struct plugin_manifest *m = r->generation->manifest;
	uint64_t most = r->place->workers, wanted = 0;
	bool bounded = m->dynamic.max == 0;

	for (size_t i = 0; i < m->entries_len; i++) {
		bounded = bounded && m->entries[i].limits.concurrency > 0
		    && !m->entries[i].completes;
		wanted += (uint64_t)m->entries[i].limits.concurrency;
	}
	if (bounded && wanted < most)
		most = wanted;
	if (most > RUNNER_WORKERS_MAX)
		most = RUNNER_WORKERS_MAX;
	return most > 0 ? (uint32_t)most : 1;
}

/* ERR_LIMIT: grants that no box holds. */
static int
start_frame(struct plugin_runner *r, const struct tp_snapshot *previous)
{
	const struct plugin_generation *g = r->generation;
	const struct plugin_manifest *m = g->manifest;
	static struct box box; /* [control] */
	size_t at;

	if (plugin_grants_box(&g->grants, g->config, &box) < 0)
		return ERR_LIMIT;
	if (g->identity.changes) {
		box.flags |= BOX_USER;
		box.uid = g->identity.uid;
		box.gid = g->identity.gid;
		plugin_copy_share(r->copy);
	}
	box.parent = (uint32_t)getpid();
	box.memory += workers_count(r) * RUNNER_WORKER_STACK;
	if (r->place->best_effort)
		box.flags |= BOX_BEST_EFFORT;

	buf_clear(&r->start);
	at = wire_begin(&r->start, WIRE_START, 0);
	wire_put_u32(&r->start, g->number);
	wire_put_str(&r->start, m->name);
	wire_put_str(&r->start, m->version);
	wire_put_str(&r->start, m->module);
	wire_put_str(&r->start, str_of(r->copy));
	wire_put_str(&r->start, g->config_text);
	wire_put_u32(&r->start, previous != NULL);
	wire_put_u32(&r->start, previous != NULL ? previous->format : 0);
	wire_put_str(&r->start,
	    previous != NULL
		? (struct str){ previous->bytes.ptr, previous->bytes.len }
		: STR_NONE);
	wire_put_u32(&r->start, (uint32_t)log_level_get());
	wire_put_u32(&r->start, workers_count(r));
	wire_put_u32(&r->start, r->place->pool_queue);
	wire_put_u32(&r->start, r->lanes_len);
	box_put(&box, &r->start);
	wire_put_u32(&r->start, m->release);
	wire_put_u32(&r->start, m->dynamic.max > 0);
	wire_put_u32(&r->start, (uint32_t)m->entries_len);
	for (size_t i = 0; i < m->entries_len; i++) {
		wire_put_u32(&r->start, m->entries[i].entry.kind);
		wire_put_str(&r->start, m->entries[i].entry.key);
		wire_put_u32(&r->start, m->entries[i].completes);
		wire_put_u64(
		    &r->start, (uint64_t)m->entries[i].limits.result_max);
	}
	wire_end(&r->start, at);
	return 0;
}

/* Waits for frames of the first life, here.  ERR_TIMEOUT. */
static int
pump(struct runner_life *l, int64_t deadline_ns, bool (*done)(void *arg),
    void *arg)
{
	while (!done(arg)) {
		int64_t left = deadline_ns - clock_now_ns();
		struct pollfd p = { l->control, POLLIN, 0 };

		if (left <= 0)
			return ERR_TIMEOUT;
		if (l->control < 0)
			return ERR_CLOSED;
		if (poll(&p, 1, (int)(left / NS_PER_MS) + 1) > 0)
			(void)runner_life_receive(l); /* done() sees it */
	}
	return 0;
}

static bool
has_started(void *arg)
{
	const struct runner_life *l = arg;

	return l->ready || l->failed;
}

int
plugin_runner_begin(struct plugin_runner *r, const struct tp_snapshot *previous,
    struct err *err)
{
	CHECK(!r->begun);
	if (start_frame(r, previous) < 0)
		return err_set(
		    err, ERR_LIMIT, "its grants have too many paths or ports");
	if (r->start.failed)
		return err_set(err, ERR_LIMIT, "its state is too large");
	r->begun = true;
	for (unsigned i = 0; i < r->lanes_len; i++) {
		r->first[i] = runner_life_create(r, err);
		if (r->first[i] == NULL)
			return ERR_IO;
	}
	return 0;
}

bool
plugin_runner_is_begun(const struct plugin_runner *r)
{
	return r->begun;
}

void
plugin_runner_listen(struct plugin_runner *r, void (*fn)(void *arg), void *arg)
{
	r->told = fn;
	r->told_arg = arg;
}

void
runner_tell(struct plugin_runner *r)
{
	if (r->told != NULL)
		r->told(r->told_arg);
}

/* One of the first lives that will not serve, or NULL. */
static struct runner_life *
first_bad(const struct plugin_runner *r)
{
	for (unsigned i = 0; i < r->lanes_len; i++)
		if (r->first[i]->failed || r->first[i]->late
		    || r->first[i]->child == NULL)
			return r->first[i];
	return NULL;
}

bool
plugin_runner_has_started(const struct plugin_runner *r)
{
	bool ready = true;

	for (unsigned i = 0; i < r->lanes_len; i++)
		ready = ready && r->first[i]->ready;
	return ready || first_bad(r) != NULL;
}

static int
life_await(struct runner_life *l, int64_t deadline_ns, struct err *err)
{
	int rc;

	if (l->late)
		rc = ERR_TIMEOUT;
	else if (l->child == NULL && !l->failed)
		rc = ERR_CLOSED;
	else
		rc = pump(l, deadline_ns, has_started, l);
	if (rc == 0 && l->failed) {
		rc = l->status == TP_ESTATE ? ERR_STATE : ERR_CONFIG;
		return err_set(err, rc, "%s", l->reason);
	}
	if (rc < 0)
		(void)err_set(err, rc,
		    rc == ERR_TIMEOUT
			? "its runner was not ready in %d s (hint: load() "
			  "must return)"
			: "its runner ended while it was started",
		    (int)(RUNNER_START_NS / NS_PER_S));
	return rc;
}

void
runner_first_drop(struct plugin_runner *r)
{
	r->begun = false;
	for (unsigned i = 0; i < r->lanes_len; i++) {
		if (r->first[i] != NULL)
			runner_life_unref(r->first[i]);
		r->first[i] = NULL;
	}
}

/* Expected: none takes their place. */
static void
lives_give_up(struct plugin_runner *r)
{
	LIST_EACH_SAFE (node, &r->lives) {
		struct runner_life *l =
		    LIST_OBJ(node, struct runner_life, node);

		l->stopping = true;
		runner_life_kill(l, NULL);
	}
	loop_timer_clear(&r->timer);
	runner_lanes_clear(r, RUNNER_STARTING);
}

int
plugin_runner_await(struct plugin_runner *r, struct err *err)
{
	int64_t deadline = clock_now_ns() + RUNNER_START_NS;
	struct runner_life *bad = first_bad(r);
	int rc = bad != NULL ? life_await(bad, deadline, err) : 0;

	for (unsigned i = 0; i < r->lanes_len && rc == 0; i++)
		rc = life_await(r->first[i], deadline, err);
	runner_first_drop(r);
	if (rc < 0)
		lives_give_up(r);
	else if (r->spare > 0)
		runner_start_in(r, 0);
	return rc;
}

void
runner_out_of_patience(void *arg)
{
	struct plugin_runner *r = arg;

	if (r->saved_status == 1)
		r->saved_status = TP_EDEADLINE;
	r->settling = false;
	runner_tell(r);
}

static void
ask(struct runner_life *l, enum wire_kind kind)
{
	struct buf b;

	buf_init(&b);
	wire_end(&b, wire_begin(&b, kind, 0));
	runner_life_send(l, &b);
	buf_finish(&b);
	loop_timer_set(l->runner->control, &l->runner->patience,
	    clock_now_ns() + RUNNER_SAVE_NS);
}

void
plugin_runner_save_begin(struct plugin_runner *r)
{
	struct runner_life *l = plugin_runner_first(r);

	/* Of several it has none, or would have several. */
	r->saved_status = r->lanes_len > 1 ? TP_ENOTSUP
	    : l == NULL                    ? TP_EFAIL
					   : 1;
	if (r->saved_status != 1)
		return;
	l->saves++;
	ask(l, WIRE_SAVE);
}

bool
plugin_runner_has_saved(const struct plugin_runner *r)
{
	const struct runner_life *l = plugin_runner_first(r);

	return r->saved_status != 1 || l == NULL || l->saves == 0;
}

static bool
has_saved(void *arg)
{
	return plugin_runner_has_saved(arg);
}

int
plugin_runner_save(struct plugin_runner *r, struct tp_snapshot *out)
{
	struct runner_life *l = plugin_runner_first(r);
	int rc = ERR_CLOSED;

	if (l != NULL) {
		ref_take(&l->ref);
		rc = pump(l, clock_now_ns() + RUNNER_SAVE_NS, has_saved, r);
		runner_life_unref(l);
	}
	loop_timer_clear(&r->patience);
	if (r->saved_status == 1)
		r->saved_status = rc == ERR_TIMEOUT ? TP_EDEADLINE : TP_EFAIL;
	out->format = r->saved_format;
	out->bytes = (struct tp_str){ r->saved.ptr != NULL ? r->saved.ptr : "",
		r->saved.len };
	return r->saved_status;
}

void
plugin_runner_settle_begin(struct plugin_runner *r)
{
	/* Lanes change on this thread. */
	for (unsigned i = 0; i < r->lanes_len; i++) {
		if (r->lanes[i] == NULL)
			continue;
		r->settling = true;
		r->lanes[i]->missed = 1;
		ask(r->lanes[i], WIRE_PING);
	}
}

static bool
has_answered(void *arg)
{
	return ((const struct runner_life *)arg)->missed == 0;
}

bool
plugin_runner_has_settled(const struct plugin_runner *r)
{
	bool all = true;

	for (unsigned i = 0; i < r->lanes_len; i++)
		all = all && (r->lanes[i] == NULL || r->lanes[i]->missed == 0);
	return all || !r->settling;
}

void
plugin_runner_settle(struct plugin_runner *r)
{
	int64_t deadline = clock_now_ns() + RUNNER_SAVE_NS;

	for (unsigned i = 0; r->settling && i < r->lanes_len; i++) {
		struct runner_life *l = r->lanes[i];

		if (l == NULL)
			continue;
		ref_take(&l->ref);
		(void)pump(l, deadline, has_answered, l);
		runner_life_unref(l);
	}
	loop_timer_clear(&r->patience);
	r->settling = false;
}

void
plugin_runner_watch(struct plugin_runner *r, bool on, struct str uri)
{
	struct buf b;
	size_t at;

	buf_init(&b);
	at = wire_begin(&b, WIRE_WATCH, 0);
	wire_put_u32(&b, on);
	wire_put_str(&b, uri);
	wire_end(&b, at);
	/* One that comes later is told of all, when it serves. */
	for (unsigned i = 0; i < r->lanes_len; i++)
		if (r->lanes[i] != NULL
		    && (r->news == NULL || r->news == r->lanes[i]))
			runner_life_send(r->lanes[i], &b);
	buf_finish(&b);
}
