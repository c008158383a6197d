/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a runner: calls that come in, and what they answer.  A call here is
 * the same object as in the host, so a plugin cannot tell the difference. */
#include <unistd.h>

#include "base/clock.h"
#include "plugin/runner_priv.h"
#include "plugin/wire_call.h"

/* One call of a line; lives in its arena. */
struct served {
	struct list node;
	struct runner_line *line;
	struct call *call;
	uint64_t id;
};

static void line_events(void *arg, unsigned events);

static void
line_watch(struct runner_line *l, unsigned events)
{
	if (l->events == events)
		return;
	l->events = events;
	if (loop_io_start(
		&l->io, l->process->loop, l->fd, events, line_events, l)
	    < 0)
		runner_give_up("a channel cannot be watched");
}

static void
line_flush(void *arg)
{
	struct runner_line *l = arg;
	int rc;

	if (l->fd < 0) {
		wire_drop(&l->out, l->out_at);
		l->out_at = 0;
		return;
	}
	if (l->out.failed)
		runner_give_up("out of memory for an answer");
	rc = wire_send(l->fd, &l->out, &l->out_at);
	if (rc == ERR_NOMEM)
		runner_give_up("out of memory for an answer");
	if (rc == ERR_AGAIN) {
		line_watch(l, LOOP_READ | LOOP_WRITE);
		return;
	}
	buf_shrink(&l->out, WIRE_SPACE);
	l->out_at = 0;
	if (rc == 0)
		line_watch(l, LOOP_READ);
}

static void
line_write_later(struct runner_line *l)
{
	if ((l->events & LOOP_WRITE) == 0)
		loop_defer(l->process->loop, &l->flush);
}

static void
call_progressed(struct call *c, double done, double total, struct str text)
{
	struct served *s = c->sink_arg;

	wire_progress_write(&s->line->out, s->id, done, total, text);
	line_write_later(s->line);
}

static void
call_messaged(struct call *c, const struct call_log *log)
{
	struct served *s = c->sink_arg;

	wire_message_write(&s->line->out, s->id, log);
	line_write_later(s->line);
}

static void
call_finished(struct call *c, enum call_status status)
{
	struct served *s = c->sink_arg;

	list_drop(&s->node);
	wire_result_write(&s->line->out, s->id, c, status);
	line_write_later(s->line);
}

void
runner_call_begins(struct call *c)
{
	const struct served *s = c->sink_arg;

	plugin_begun_set(s->line->begun, s->id);
}

static void
call_tasked(struct call *c, struct str status)
{
	struct served *s = c->sink_arg;

	wire_task_write(&s->line->out, s->id, c, status);
	line_write_later(s->line);
}

static void
call_released(struct call *c, int64_t retry_ms)
{
	struct served *s = c->sink_arg;

	wire_release_write(&s->line->out, s->id, retry_ms);
	line_write_later(s->line);
}

static const struct call_sink sink = {
	.progress = call_progressed,
	.finished = call_finished,
	.message = call_messaged,
	.released = call_released,
	.task = call_tasked,
};

/* What cannot even begin. */
static void
refuse(struct runner_line *l, uint64_t id, int status)
{
	static const struct call none;

	wire_result_write(&l->out, id, &none, status);
	line_write_later(l);
}

/* Until the next call is taken: it is copied where it has to last. */
static const struct json_node *
json_take(struct json_doc *doc, struct str text)
{
	return text.len > 0 && json_parse(doc, text, JSON_GRAMMAR) == 0
	    ? doc->nodes
	    : NULL;
}

static void
call_take(struct runner_line *l, uint64_t id, struct str body)
{
	struct plugin_generation *g = l->process->generation;
	struct call_target *target = NULL;
	struct wire_call w;
	struct served *s;
	struct call *c;

	if (wire_call_read(body, &w) < 0 || g == NULL)
		runner_give_up("a call that cannot be read");
	if ((w.entry & WIRE_ENTRY_ADDED) != 0)
		target = runner_batches_target(&l->process->batches, w.entry);
	else if (w.entry < g->targets_len)
		target = &g->targets[w.entry].target;
	if (target == NULL)
		runner_give_up("a call of what is not there");
	c = call_create(
	    &l->process->calls, w.kind, target, w.name, NULL, &sink, NULL);
	if (c == NULL) {
		refuse(l, id, CALL_ENOMEM);
		return;
	}
	s = arena_zalloc(&c->arena, sizeof *s);
	if (s == NULL) {
		runner_give_up("out of memory for a call");
		return;
	}
	s->line = l;
	s->call = c;
	s->id = id;
	list_push(&l->served, &s->node);
	c->sink_arg = s;
	c->args = json_take(&l->process->args, w.args);
	c->answers = json_take(&l->process->answers, w.answers);
	c->state = w.state;
	c->client = w.client;
	c->can_task = w.can_task;
	c->task_wanted = w.task_wanted;
	c->releasable = w.releasable;
	c->log_level = (int)w.log_level;
	c->untimed = true; /* the host says when it is over */
	c->deadline_ns = w.deadline_ns;
	call_start(c);
}

static void
call_stop(struct runner_line *l, uint64_t id)
{
	LIST_EACH_SAFE (node, &l->served) {
		struct served *s = LIST_OBJ(node, struct served, node);

		if (s->id == id) {
			call_interrupt(s->call);
			return;
		}
	}
}

static void
line_take(struct runner_line *l, const struct wire_frame *f)
{
	if (f->kind == WIRE_CALL)
		call_take(l, f->id, f->body);
	else if (f->kind == WIRE_CANCEL)
		call_stop(l, f->id);
	else
		runner_give_up("a frame of an unknown kind");
}

/* The answers of a batch go together, unless it takes long. */
static void
line_read(struct runner_line *l)
{
	int64_t due = clock_now_ns() + RUNNER_TOGETHER_NS;
	struct wire_arrivals batch;
	struct wire_frame frame;
	int n = wire_receive(l->fd, l->process->space, &batch), rc;

	if (n == ERR_CLOSED) {
		runner_line_close(l);
		return;
	}
	while ((rc = wire_next(&batch, &frame)) > 0) {
		line_take(l, &frame);
		wire_frame_finish(&frame);
		if (l->out.len > 0 && clock_now_ns() >= due) {
			line_flush(l);
			due = clock_now_ns() + RUNNER_TOGETHER_NS;
		}
	}
	if (rc < 0)
		runner_give_up("a channel of the host is broken");
	wire_arrivals_finish(&batch);
}

static void
line_events(void *arg, unsigned events)
{
	struct runner_line *l = arg;

	if ((events & LOOP_WRITE) != 0)
		line_flush(l);
	if ((events & (LOOP_READ | LOOP_CLOSED)) != 0 && l->fd >= 0)
		line_read(l);
}

void
runner_line_open(struct runner_line *l, struct runner_process *p, int fd)
{
	l->process = p;
	l->begun = &p->begun[l - p->lines];
	l->fd = fd;
	buf_init(&l->out);
	list_init(&l->served);
	loop_io_init(&l->io);
	loop_deferred_init(&l->flush, line_flush, l);
	line_watch(l, LOOP_READ);
}

void
runner_line_close(struct runner_line *l)
{
	loop_io_stop(&l->io);
	l->events = 0;
	if (l->fd >= 0)
		(void)close(l->fd); /* nobody reads there */
	l->fd = -1;
	/* Its calls go on to their end and are told to nobody. */
	LIST_EACH_SAFE (node, &l->served)
		call_interrupt(LIST_OBJ(node, struct served, node)->call);
}
