/* SPDX-License-Identifier: Apache-2.0 */
/* One batch of changes: its attempts in their turns, and one new snapshot for
 * all of it.  On the loop a batch that has to wait for a process goes on when
 * that has answered; meanwhile everything else does, other batches too. */
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "plugin/change.h"
#include "plugin/manager_priv.h"
#include "plugin/watchers.h"

static struct plugin_slot *
slot_of(struct list *node)
{
	return LIST_OBJ(node, struct plugin_slot, node);
}

static struct slot_attempt *
attempt_of(struct list *node)
{
	return LIST_OBJ(node, struct slot_attempt, node);
}

/* One object for who asked, while both generations are there. */
static void
change_tell(struct plugin_manager *m, const struct plugin_slot *s)
{
	const struct plugin_generation *now = s->current, *was = s->before;
	const char *change = now == NULL && was != NULL            ? "removed"
	    : s->outcome == SLOT_LATER || s->outcome == SLOT_WAITS ? "later"
	    : s->outcome == SLOT_REFUSED                           ? "refused"
	    : was != NULL                                          ? "replaced"
								   : "added";
	struct buf b;

	buf_init(&b);
	BUF_LIT(&b, "{\"plugin\":");
	buf_json(&b, str_of(s->name));
	buf_printf(&b, ",\"change\":\"%s\"", change);
	if (was != NULL)
		buf_printf(&b, ",\"old\":%u", was->number);
	if (now != NULL) {
		buf_printf(&b, ",\"generation\":%u,\"version\":", now->number);
		buf_json(&b, now->manifest->version);
	}
	if (s->reported)
		buf_printf(
		    &b, ",\"ms\":%lld", (long long)(s->took_ns / NS_PER_MS));
	if (s->last_error != NULL) {
		BUF_LIT(&b, ",\"error\":");
		buf_json(&b, str_of(s->last_error));
	}
	/* What was refused has changed nothing. */
	if (was != NULL || (now != NULL && s->outcome == SLOT_ADDED))
		plugin_change_members(was, now, &b);
	buf_char(&b, '}');
	if (!b.failed)
		m->on_change(m->on_change_arg, buf_view(&b));
	buf_finish(&b);
}

static void
changes_tell(struct plugin_manager *m)
{
	LIST_EACH (node, &m->slots) {
		struct plugin_slot *s = slot_of(node);

		if (m->on_change != NULL && (s->reported || s->before != NULL))
			change_tell(m, s);
		s->reported = false;
	}
}

/* What was put is visible now: old ones drain. */
static void
announce(struct plugin_manager *m)
{
	LIST_EACH_SAFE (node, &m->slots) {
		struct plugin_slot *s = slot_of(node);

		if (s->current != NULL && s->current->at == PLUGIN_OPENED)
			plugin_generation_enter(s->current, PLUGIN_WARM);
		if (s->before != NULL)
			plugin_generation_enter(s->before, PLUGIN_DRAINING);
		s->before = NULL;
		if (!s->present && s->current == NULL && s->attempt == NULL)
			plugin_slot_destroy(s);
	}
	plugin_manager_drains_arm(m);
}

void
plugin_manager_watch_seen(struct plugin_manager *m)
{
	if (m->watch == NULL)
		return;
	LIST_EACH (node, &m->slots) {
		const struct plugin_seen *seen = &slot_of(node)->seen;

		for (size_t i = 0; i < seen->len; i++)
			plugin_watch_file(m->watch, seen->files[i].path);
	}
}

/* Also what was put and is not shown: what served before drains only when
 * something else is seen in its place. */
int
plugin_manager_show(struct plugin_manager *m, struct err *err)
{
	int rc = registry_publish(m->registry, err);

	loop_timer_clear(&m->held);
	if (!m->unshown)
		return rc;
	m->unshown = false;
	changes_tell(m);
	announce(m);
	return rc;
}

static void
show(struct plugin_manager *m)
{
	struct err err;

	if (plugin_manager_show(m, &err) < 0)
		LOG_ERROR("registry not published", F_CSTR("reason", err.text));
}

/* A plugin keeps others of its batch waiting: those that are done serve. */
void
plugin_manager_held(void *manager)
{
	struct plugin_manager *m =
	    OBJ_CAST(manager, struct plugin_manager, MANAGER_MAGIC);

	show(m);
	plugin_watchers_settle(m);
}

static void
count(struct plugin_changes *c, enum slot_outcome outcome)
{
	switch (outcome) {
	case SLOT_PENDING:
		break;
	case SLOT_ADDED:
		c->added++;
		break;
	case SLOT_REPLACED:
		c->replaced++;
		break;
	case SLOT_REFUSED:
	case SLOT_LATER:
		c->refused++;
		break;
	case SLOT_UNCHANGED:
	case SLOT_WAITS:
		c->unchanged++;
		break;
	}
}

/* While the first in line is waited for, so many are begun. */
static unsigned
ahead_most(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (cores < 1)
		return 2;
	return cores < MANAGER_AHEAD_MAX / 2 ? 2 * (unsigned)cores
					     : MANAGER_AHEAD_MAX;
}

int
plugin_batch_add(struct plugin_batch *b, struct plugin_slot *s)
{
	struct slot_attempt *a = calloc(1, sizeof *a);

	if (a == NULL)
		return ERR_NOMEM;
	a->batch = b;
	a->m = b->m;
	a->slot = s;
	s->attempt = a;
	list_push(&b->attempts, &a->node);
	return 0;
}

static void
attempt_free(struct slot_attempt *a)
{
	a->slot->attempt = NULL;
	list_drop(&a->node);
	free(a);
}

void
plugin_batch_wake(void *attempt)
{
	struct plugin_batch *b = ((struct slot_attempt *)attempt)->batch;

	loop_defer(b->m->loop, &b->go);
}

void
plugin_batch_give_up(struct plugin_slot *s)
{
	struct slot_attempt *a = s->attempt;

	if (a == NULL)
		return;
	plugin_batch_wake(a); /* those behind it wait no longer */
	plugin_slot_cancel(a);
	attempt_free(a);
}

/* What is slow about a plugin are its processes: while the first in line is
 * waited for, those behind it have theirs begun.  They end in their order, so
 * that all is as if each were loaded alone, its log lines too. */
static void
ahead_begin(struct plugin_batch *b)
{
	unsigned n = 0;

	LIST_EACH (node, &b->attempts) {
		if (n++ == b->most)
			return;
		/* What was freed has left the list, which is not seen. */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		if (attempt_of(node)->stage == SLOT_QUEUED)
			plugin_slot_begin(attempt_of(node));
	}
}

static unsigned
done(const struct plugin_batch *b)
{
	return b->changes.added + b->changes.replaced + b->changes.removed;
}

/* A name that another plugin gave up in this batch is free now. */
static void
retry_conflicts(struct plugin_batch *b)
{
	if (done(b) <= b->before)
		return;
	b->before = done(b);
	b->most = 1;
	LIST_EACH (node, &b->m->slots) {
		struct plugin_slot *s = slot_of(node);

		if (!s->conflict || !s->present || s->attempt != NULL
		    || plugin_batch_add(b, s) < 0)
			continue;
		if (b->changes.refused > 0)
			b->changes.refused--;
	}
}

/* False: it waits. */
static bool
attempts_end(struct plugin_batch *b)
{
	for (;;) {
		struct slot_attempt *a;
		enum slot_outcome outcome;

		if (list_is_empty(&b->attempts))
			retry_conflicts(b);
		if (list_is_empty(&b->attempts))
			return true;
		ahead_begin(b);
		/* What was freed has left the list, which is not seen. */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		a = attempt_of(b->attempts.next);
		outcome = plugin_slot_step(a);
		if (outcome == SLOT_PENDING)
			return false;
		count(&b->changes, outcome);
		attempt_free(a);
	}
}

static void
batch_free(struct plugin_batch *b)
{
	loop_deferred_clear(&b->go);
	list_drop(&b->node);
	free(b);
}

static void
batch_log(const struct plugin_changes *c)
{
	LOG_INFO("plugins reloaded", F_INT("added", c->added),
	    F_INT("replaced", c->replaced), F_INT("removed", c->removed),
	    F_INT("refused", c->refused), F_INT("unchanged", c->unchanged));
}

static void
batch_end(struct plugin_batch *b)
{
	struct plugin_manager *m = b->m;
	const struct plugin_changes c = b->changes;
	bool did = c.added + c.replaced + c.removed + c.refused > 0;
	unsigned number = b->number;

	batch_free(b);
	m->last = c;
	plugin_manager_watch_seen(m);
	m->unshown = true; /* who was refused is told of, too */
	show(m);
	plugin_watchers_settle(m);
	plugin_manager_retry_later(m);
	if (did && m->on_batch != NULL)
		m->on_batch(m->on_batch_arg, &c);
	if (did && number > 1) /* of the first the start says more */
		batch_log(&c);
	if (m->on_end != NULL)
		m->on_end(m->on_end_arg, number, did);
}

static void
batch_go(void *arg)
{
	struct plugin_batch *b = arg;
	struct plugin_manager *m = b->m;

	if (attempts_end(b))
		batch_end(b);
	else if (m->unshown && !loop_timer_is_set(&m->held))
		loop_timer_set(
		    m->loop, &m->held, clock_now_ns() + MANAGER_HELD_NS);
}

static struct plugin_batch *
batch_create(struct plugin_manager *m)
{
	struct plugin_batch *b = calloc(1, sizeof *b);

	if (b == NULL)
		return NULL;
	b->m = m;
	b->number = ++m->batches_made;
	b->most = ahead_most();
	b->waits = loop_current() != m->loop;
	list_init(&b->attempts);
	list_init(&b->node);
	loop_deferred_init(&b->go, batch_go, b);
	return b;
}

/* Without a loop nothing goes on by itself. */
static void
batches_finish(struct plugin_manager *m)
{
	while (!list_is_empty(&m->batches)) {
		struct plugin_batch *b =
		    LIST_OBJ(m->batches.next, struct plugin_batch, node);

		/* What was freed has left the list, which is not seen. */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		b->waits = true;
		batch_go(b);
	}
}

unsigned
plugin_manager_batch(struct plugin_manager *m, bool again)
{
	struct plugin_batch *b;
	unsigned number;

	if (loop_current() != m->loop)
		batches_finish(m);
	b = batch_create(m);
	if (b == NULL) {
		loop_timer_set(
		    m->loop, &m->settle, clock_now_ns() + MANAGER_AGAIN_NS);
		return 0;
	}
	number = b->number;
	if (m->unshown)
		show(m);
	if (m->watch != NULL)
		plugin_watch_folders(m->watch, m->dirs, m->dirs_len);
	list_push(&m->batches, &b->node);
	plugin_manager_scan(b, again);
	batch_go(b);
	return number;
}

unsigned
plugin_manager_batch_now(struct plugin_manager *m, bool again)
{
	if (m->stop)
		return 0;
	m->unquiet_ns = 0;
	loop_timer_clear(&m->settle);
	return plugin_manager_batch(m, again);
}

bool
plugin_manager_goes_on(const struct plugin_manager *m, unsigned number)
{
	LIST_EACH (node, &m->batches)
		if (LIST_OBJ(node, struct plugin_batch, node)->number == number)
			return true;
	return false;
}

void
plugin_manager_batches_end(struct plugin_manager *m)
{
	LIST_EACH (node, &m->slots)
		plugin_batch_give_up(slot_of(node));
	while (!list_is_empty(&m->batches))
		/* What was freed has left the list, which is not seen. */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		batch_free(
		    LIST_OBJ(m->batches.next, struct plugin_batch, node));
}
