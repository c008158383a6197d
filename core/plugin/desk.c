/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of a plugin in a runner, carried out. */
#include "plugin/desk.h"

#include <sys/socket.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

struct open_batch {
	uint64_t id;
	struct tp_batch *batch; /* owned; NULL: free */
};

struct runner_desk {
	struct runner_life *life; /* outlives it, as the next does */
	struct plugin_generation *generation;
	int fd; /* owned */
	pthread_t thread;
	char *space; /* owned */
	struct open_batch open[PLUGIN_BATCHES_MAX];
};

/* What the thread gives back was never committed: the runner does the rest. */
static _Thread_local bool at_desk;

static struct tp_str
str_to(struct str s)
{
	return (struct tp_str){ s.ptr, s.len };
}

/* [control], or at the desk. */
static void
remote_gone(void *arg)
{
	struct plugin_remote *r = arg;

	if (!at_desk)
		runner_life_gone(r->life, r->number);
	runner_life_unref(r->life);
	free(r);
}

/* Never called: targets of a runner send. */
static int
remote_call(struct tp_call *call, void *arg)
{
	(void)call;
	(void)arg;
	return TP_EFAIL;
}

static struct open_batch *
batch_find(struct runner_desk *d, uint64_t id)
{
	for (size_t i = 0; i < PLUGIN_BATCHES_MAX; i++)
		if (d->open[i].batch != NULL && d->open[i].id == id)
			return &d->open[i];
	return NULL;
}

static int
take_begin(struct runner_desk *d, uint64_t id)
{
	struct tp_batch *b = plugin_dynamic_table.begin(&d->generation->handle);

	for (size_t i = 0; i < PLUGIN_BATCHES_MAX && b != NULL; i++)
		if (d->open[i].batch == NULL) {
			d->open[i] = (struct open_batch){ id, b };
			return TP_OK;
		}
	if (b != NULL) /* those of the life before have not ended yet */
		plugin_dynamic_table.abandon(b);
	return TP_EBUSY;
}

/* In *result_max what the host allows. */
static int
take_put(struct runner_desk *d, struct tp_batch *b, struct wire_in *in,
    uint64_t *result_max)
{
	struct tp_dynamic_entry e = { .size = sizeof e, .gone = remote_gone };
	struct plugin_remote read = { .life = d->life }, *r;
	bool has_size, has_call;
	int rc;

	has_size = wire_get_u32(in) != 0;
	e.kind = wire_get_u32(in);
	has_call = wire_get_u32(in) != 0;
	read.flags = wire_get_u32(in);
	read.completes = wire_get_u32(in) != 0;
	read.number = wire_get_u32(in);
	e.name = str_to(wire_get_str(in));
	e.about = str_to(wire_get_str(in));
	if (!wire_get_end(in))
		return TP_EPARAMS;
	if (!has_size)
		return plugin_dynamic_put(b, NULL, result_max);
	r = malloc(sizeof *r);
	if (r == NULL)
		return TP_ENOMEM;
	*r = read;
	ref_take(&d->life->ref);
	e.call = has_call ? remote_call : NULL;
	e.arg = r;
	rc = plugin_dynamic_put(b, &e, result_max);
	if (rc == TP_OK)
		return rc;
	runner_life_unref(r->life);
	free(r);
	return rc;
}

/* ERR_SYNTAX: no runner of ours asks that. */
static int
take(struct runner_desk *d, const struct wire_frame *f, struct buf *answer)
{
	struct wire_in in = wire_in_of(f->body);
	enum wire_batch op = (enum wire_batch)wire_get_u32(&in);
	struct open_batch *o = batch_find(d, f->id);
	uint64_t result_max = 0;
	int status;
	size_t at;

	if (f->kind != WIRE_BATCH || (o == NULL) != (op == WIRE_BATCH_BEGIN))
		return ERR_SYNTAX;
	switch (op) {
	case WIRE_BATCH_BEGIN:
		status = take_begin(d, f->id);
		break;
	case WIRE_BATCH_PUT:
		status = take_put(d, o->batch, &in, &result_max);
		break;
	case WIRE_BATCH_DROP: {
		uint32_t kind = wire_get_u32(&in);

		status = plugin_dynamic_table.drop(
		    o->batch, kind, str_to(wire_get_str(&in)));
		break;
	}
	case WIRE_BATCH_COMMIT:
		status = plugin_dynamic_table.commit(o->batch);
		o->batch = NULL;
		break;
	case WIRE_BATCH_ABANDON:
		plugin_dynamic_table.abandon(o->batch);
		o->batch = NULL;
		status = TP_OK;
		break;
	default:
		return ERR_SYNTAX;
	}
	at = wire_begin(answer, WIRE_BATCH_ANSWER, f->id);
	wire_put_u32(answer, (uint32_t)status);
	wire_put_u64(answer, result_max);
	wire_end(answer, at);
	return wire_get_end(&in) ? 0 : ERR_SYNTAX;
}

/* Waits until it is gone. */
static int
answer_send(const struct runner_desk *d, const struct buf *answer)
{
	size_t at = 0;
	int rc = answer->failed ? ERR_NOMEM : ERR_AGAIN;

	while (rc == ERR_AGAIN) {
		struct pollfd p = { d->fd, POLLOUT, 0 };

		rc = wire_send(d->fd, answer, &at);
		if (rc == ERR_AGAIN)
			(void)poll(&p, 1, -1); /* the next try tells */
	}
	return rc;
}

/* One frame and its answer. */
static int
serve(struct runner_desk *d)
{
	struct pollfd p = { d->fd, POLLIN, 0 };
	struct wire_frame f;
	struct buf answer;
	int n, rc;

	(void)poll(&p, 1, -1); /* the next read tells */
	n = wire_receive_one(d->fd, d->space, &f);
	if (n <= 0)
		return n;
	buf_init(&answer);
	rc = take(d, &f, &answer);
	wire_frame_finish(&f);
	if (rc == 0)
		rc = answer_send(d, &answer);
	buf_finish(&answer);
	return rc;
}

static void *
desk_run(void *arg)
{
	struct runner_desk *d = arg;
	int rc = 0;

	panic_thread_init();
	at_desk = true;
	while (rc == 0)
		rc = serve(d);
	if (rc != ERR_CLOSED)
		runner_life_condemn(
		    d->life, "it broke the rules of its batches");
	(void)shutdown(d->fd, SHUT_RDWR); /* who still asks hears of it */
	panic_thread_finish();
	return NULL;
}

struct runner_desk *
runner_desk_open(struct runner_life *l, struct plugin_generation *g, int fd)
{
	struct runner_desk *d = calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	d->space = malloc(WIRE_SPACE);
	d->life = l;
	d->generation = g;
	d->fd = fd;
	if (d->space != NULL
	    && pthread_create(&d->thread, NULL, desk_run, d) == 0)
		return d;
	free(d->space);
	free(d);
	return NULL;
}

void
runner_desk_close(struct runner_desk *d, bool orderly)
{
	size_t left = 0;

	if (d == NULL)
		return;
	(void)shutdown(d->fd, SHUT_RDWR); /* the thread sees the end */
	CHECK(pthread_join(d->thread, NULL) == 0);
	(void)close(d->fd); /* the runner reads what was sent */
	at_desk = true; /* in its place */
	for (size_t i = 0; i < PLUGIN_BATCHES_MAX; i++)
		if (d->open[i].batch != NULL) {
			plugin_dynamic_table.abandon(d->open[i].batch);
			left++;
		}
	at_desk = false;
	if (orderly && left > 0)
		LOG_WARN("plugin left a batch open",
		    F_STR("plugin", d->generation->manifest->name),
		    F_INT("generation", d->generation->number),
		    F_INT("open", left));
	free(d->space);
	free(d);
}
