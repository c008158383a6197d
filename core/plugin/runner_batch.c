/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a runner: tp.dynamic/1.  The host keeps the batches and checks what
 * is put; here are the functions and their arguments, by number.
 *
 * Whoever asks waits for the answer on his own thread: the host answers from a
 * thread that waits for nobody, so a plugin may hold locks of its own. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/complete.h"
#include "plugin/dynamic.h"
#include "plugin/runner_priv.h"

/* One entry: owned by its batch, then by the host's word. */
struct put {
	struct list node;
	struct plugin_dynamic *dynamic;
	uint32_t number;
};

/* What the plugin has as its struct tp_batch. */
struct asked_batch {
	uint32_t magic;
	struct runner_process *process;
	uint64_t id;
	struct list puts;
};

#define ASKED_MAGIC 0x41424154u

static struct asked_batch *
batch_of(struct tp_batch *batch)
{
	return OBJ_CAST((void *)batch, struct asked_batch, ASKED_MAGIC);
}

static struct str
str_from(struct tp_str s)
{
	return (struct str){ s.ptr, s.ptr != NULL ? s.len : 0 };
}

/* Sends one frame and waits for its answer; false: the host does not serve
 * batches any more. */
static bool
exchange(struct runner_batches *b, uint64_t id, const struct buf *frame,
    int *status, uint64_t *result_max)
{
	struct pollfd p = { b->fd, POLLOUT, 0 };
	struct wire_frame f = { 0 };
	struct wire_in in;
	size_t at = 0;
	int n;

	while ((n = wire_send(b->fd, frame, &at)) == ERR_AGAIN)
		(void)poll(&p, 1, -1); /* the next try tells */
	p.events = POLLIN;
	while (n == 0) {
		(void)poll(&p, 1, -1); /* as above */
		n = wire_receive_one(b->fd, b->space, &f);
	}
	if (n < 0)
		return false;
	in = wire_in_of(f.body);
	*status = (int)wire_get_u32(&in);
	*result_max = wire_get_u64(&in);
	if (f.kind != WIRE_BATCH_ANSWER || f.id != id || !wire_get_end(&in))
		runner_give_up("an answer that cannot be read");
	wire_frame_finish(&f);
	return true;
}

/* Ends the frame that begins at 0 of b. */
static int
ask(struct runner_batches *batches, uint64_t id, struct buf *b,
    uint64_t *result_max)
{
	int status = TP_ECANCELLED;
	uint64_t unused;

	wire_end(b, 0);
	if (b->failed) {
		buf_finish(b);
		return TP_ENOMEM;
	}
	CHECK(pthread_mutex_lock(&batches->talk) == 0);
	if (batches->fd < 0
	    || !exchange(batches, id, b, &status,
		result_max != NULL ? result_max : &unused))
		status = TP_ECANCELLED;
	CHECK(pthread_mutex_unlock(&batches->talk) == 0);
	buf_finish(b);
	return status;
}

static void
frame_begin(struct buf *b, uint64_t id, enum wire_batch op)
{
	buf_init(b);
	(void)wire_begin(b, WIRE_BATCH, id);
	wire_put_u32(b, op);
}

/* A number that nobody has; false: no memory. */
static bool
number_take(
    struct runner_batches *b, struct plugin_dynamic *d, uint32_t *number)
{
	bool ok = true;

	CHECK(pthread_mutex_lock(&b->lock) == 0);
	if (b->unused_len > 0) {
		*number = b->unused[--b->unused_len];
	} else {
		size_t cap = b->cap > 0 ? 2 * b->cap : 64;

		if (b->len == b->cap) {
			struct plugin_dynamic **entries =
			    realloc(b->entries, cap * sizeof *entries);
			uint32_t *unused =
			    realloc(b->unused, cap * sizeof *unused);

			if (entries != NULL)
				b->entries = entries;
			if (unused != NULL)
				b->unused = unused;
			ok = entries != NULL && unused != NULL
			    && cap <= WIRE_ENTRY_NUMBER;
			b->cap = ok ? cap : b->cap;
		}
		if (ok)
			*number = (uint32_t)b->len++;
	}
	if (ok)
		b->entries[*number] = d;
	CHECK(pthread_mutex_unlock(&b->lock) == 0);
	return ok;
}

static struct plugin_dynamic *
number_drop(struct runner_batches *b, uint32_t number)
{
	struct plugin_dynamic *d = NULL;

	CHECK(pthread_mutex_lock(&b->lock) == 0);
	if (number < b->len)
		d = b->entries[number];
	if (d != NULL) {
		b->entries[number] = NULL;
		b->unused[b->unused_len++] = number;
	}
	CHECK(pthread_mutex_unlock(&b->lock) == 0);
	return d;
}

struct call_target *
runner_batches_target(struct runner_batches *b, uint32_t entry)
{
	uint32_t number = entry & WIRE_ENTRY_NUMBER;
	struct plugin_dynamic *d = NULL;

	CHECK(pthread_mutex_lock(&b->lock) == 0);
	if (number < b->len)
		d = b->entries[number];
	CHECK(pthread_mutex_unlock(&b->lock) == 0);
	if (d == NULL)
		return NULL;
	if ((entry & WIRE_ENTRY_COMPLETE) == 0)
		return &d->target.target;
	return d->completer.generation != NULL ? &d->completer.target : NULL;
}

static struct tp_batch *
batch_begin(struct tp_plugin *plugin)
{
	struct runner_process *p = plugin_generation_of(plugin)->hub->owner;
	struct asked_batch *b = calloc(1, sizeof *b);
	struct buf frame;

	if (b == NULL)
		return NULL;
	OBJ_INIT(b, ASKED_MAGIC);
	b->process = p;
	b->id = atomic_fetch_add(&p->batches.ids, 1) + 1;
	list_init(&b->puts);
	frame_begin(&frame, b->id, WIRE_BATCH_BEGIN);
	if (ask(&p->batches, b->id, &frame, NULL) == TP_OK)
		return (struct tp_batch *)(void *)b;
	free(b);
	return NULL;
}

static void
put_free(struct put *put)
{
	plugin_dynamic_free(put->dynamic);
	free(put);
}

static struct put *
put_make(struct plugin_generation *g, const struct tp_dynamic_entry *e)
{
	struct put *put = calloc(1, sizeof *put);

	if (put == NULL)
		return NULL;
	list_init(&put->node);
	put->dynamic = calloc(1, sizeof *put->dynamic);
	if (put->dynamic == NULL) {
		free(put);
		return NULL;
	}
	ref_init(&put->dynamic->ref);
	put->dynamic->generation = g;
	put->dynamic->arg = e->arg;
	put->dynamic->gone = e->gone;
	return put;
}

/* The host has agreed. */
static void
targets_make(struct plugin_dynamic *d, const struct tp_dynamic_entry *e,
    uint64_t result_max)
{
	struct plugin_generation *g = d->generation;
	const struct tp_complete *hook = plugin_complete_find(&g->module);
	struct plugin_limits limits = g->manifest->limits;
	struct tp_entry entry = { .flags = e->flags, .call = e->call };

	entry.name = "entry that was added"; /* for a report of its end */
	limits.result_max = (int64_t)result_max;
	plugin_target_init(&d->target, g, d, &limits, &entry);
	if (hook == NULL)
		return;
	entry = (struct tp_entry){ .name = TP_EXT_COMPLETE };
	entry.flags = hook->flags;
	entry.call = hook->complete;
	plugin_target_init(&d->completer, g, d, &g->manifest->limits, &entry);
}

static int
put_ask(struct asked_batch *b, const struct tp_dynamic_entry *e, bool has_size,
    uint32_t number, uint64_t *result_max)
{
	const struct plugin_generation *g = b->process->generation;
	struct buf frame;

	frame_begin(&frame, b->id, WIRE_BATCH_PUT);
	wire_put_u32(&frame, has_size);
	wire_put_u32(&frame, e->kind);
	wire_put_u32(&frame, e->call != NULL);
	wire_put_u32(&frame, e->flags);
	wire_put_u32(&frame, plugin_complete_find(&g->module) != NULL);
	wire_put_u32(&frame, number);
	wire_put_str(&frame, str_from(e->name));
	wire_put_str(&frame, str_from(e->about));
	return ask(&b->process->batches, b->id, &frame, result_max);
}

static int
batch_put(struct tp_batch *batch, const struct tp_dynamic_entry *given)
{
	struct asked_batch *b = batch_of(batch);
	struct runner_batches *all = &b->process->batches;
	struct tp_dynamic_entry e = { 0 };
	uint64_t result_max = 0;
	struct put *put;
	int rc;

	if (given == NULL || given->size < sizeof e)
		return put_ask(b, &e, false, 0, &result_max);
	memcpy(&e, given, sizeof e);
	put = put_make(b->process->generation, &e);
	if (put == NULL)
		return TP_ENOMEM;
	if (!number_take(all, put->dynamic, &put->number)) {
		put_free(put);
		return TP_ENOMEM;
	}
	rc = put_ask(b, &e, true, put->number, &result_max);
	if (rc == TP_OK) {
		targets_make(put->dynamic, &e, result_max);
		list_push(&b->puts, &put->node);
		return rc;
	}
	(void)number_drop(all, put->number); /* it is put's */
	free(put->dynamic); /* without targets yet */
	free(put);
	return rc;
}

static int
batch_drop(struct tp_batch *batch, uint32_t kind, struct tp_str name)
{
	struct asked_batch *b = batch_of(batch);
	struct buf frame;

	frame_begin(&frame, b->id, WIRE_BATCH_DROP);
	wire_put_u32(&frame, kind);
	wire_put_str(&frame, str_from(name));
	return ask(&b->process->batches, b->id, &frame, NULL);
}

/* The host has none of them: their arguments go back on this thread. */
static void
puts_give_back(struct asked_batch *b)
{
	LIST_EACH_SAFE (node, &b->puts) {
		struct put *put = LIST_OBJ(node, struct put, node);
		struct plugin_dynamic *d = put->dynamic;

		(void)number_drop(&b->process->batches, put->number);
		if (d->gone != NULL)
			d->gone(d->arg);
		list_drop(&put->node);
		put_free(put);
	}
}

static int
batch_commit(struct tp_batch *batch)
{
	struct asked_batch *b = batch_of(batch);
	struct plugin_generation *g = b->process->generation;
	struct buf frame;
	int rc;

	/* Calls may come, and gone() be due, before the answer is read. */
	LIST_EACH (node, &b->puts) {
		registry_set_ref(&g->set); /* until it is gone */
	}
	frame_begin(&frame, b->id, WIRE_BATCH_COMMIT);
	rc = ask(&b->process->batches, b->id, &frame, NULL);
	LIST_EACH (node, &b->puts) {
		if (rc != TP_OK)
			registry_set_unref(&g->set);
	}
	if (rc != TP_OK)
		puts_give_back(b);
	LIST_EACH_SAFE (node, &b->puts) {
		list_drop(node);
		free(LIST_OBJ(node, struct put, node));
	}
	OBJ_WIPE(b);
	free(b);
	return rc;
}

static void
batch_abandon(struct tp_batch *batch)
{
	struct asked_batch *b = batch_of(batch);
	struct buf frame;

	frame_begin(&frame, b->id, WIRE_BATCH_ABANDON);
	(void)ask(
	    &b->process->batches, b->id, &frame, NULL); /* or it is over */
	puts_give_back(b);
	OBJ_WIPE(b);
	free(b);
}

const struct tp_dynamic runner_batches_table = {
	.size = sizeof(struct tp_dynamic),
	.begin = batch_begin,
	.put = batch_put,
	.drop = batch_drop,
	.commit = batch_commit,
	.abandon = batch_abandon,
};

void
runner_batches_gone(struct runner_batches *b, struct str numbers)
{
	struct wire_in in = wire_in_of(numbers);

	while (!wire_get_end(&in)) {
		uint32_t number = wire_get_u32(&in);
		struct plugin_dynamic *d =
		    in.bad ? NULL : number_drop(b, number);

		if (d == NULL)
			runner_give_up("an end of an entry that is not there");
		plugin_dynamic_unref(d);
	}
}

void
runner_batches_end(struct runner_batches *b)
{
	for (size_t i = 0; i < b->len; i++) {
		struct plugin_dynamic *d = b->entries[i];

		if (d != NULL && d->gone != NULL)
			d->gone(d->arg);
	}
}

void
runner_batches_init(struct runner_batches *b, int fd)
{
	b->fd = fd;
	CHECK(pthread_mutex_init(&b->talk, NULL) == 0);
	CHECK(pthread_mutex_init(&b->lock, NULL) == 0);
	if (fd >= 0)
		b->space = malloc(WIRE_SPACE);
	if (fd >= 0 && b->space == NULL)
		runner_give_up("out of memory");
}

void
runner_batches_finish(struct runner_batches *b)
{
	if (b->fd >= 0)
		(void)close(b->fd); /* nobody asks any more */
	free(b->entries);
	free(b->unused);
	free(b->space);
}
