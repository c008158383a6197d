/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a runner: its start, its control channel, its end. */
#define _GNU_SOURCE
#include "plugin/runner_main.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/leave.h"
#include "base/log.h"
#include "base/panic.h"
#include "plugin/box.h"
#include "plugin/network.h"
#include "plugin/runner_priv.h"
#include "plugin/watchers.h"

#define RUNNER_MEMORY_MAX ((size_t)64 * 1024 * 1024)
#define RUNNER_REASON_MAX 512
#define RUNNER_VALUE_MAX 4096 /* of a field in the log */

_Noreturn void
runner_give_up(const char *why)
{
	(void)fprintf(stderr, "toolpost-runner: %s\n", why); /* last words */
	leave(EXIT_FAILURE);
}

/* What the host waits for. */
static bool
is_awaited(const struct buf *b)
{
	struct wire_head head;

	memcpy(&head, b->ptr, sizeof head);
	return head.kind == WIRE_READY || head.kind == WIRE_FAILED
	    || head.kind == WIRE_SAVED;
}

/* [any] A datagram is whole: no lock is needed between threads.  A full one
 * drops the rest. */
static void
control_send(const struct runner_process *p, struct buf *b)
{
	struct pollfd full = { p->control, POLLOUT, 0 };
	size_t at = 0;

	while (!b->failed && wire_send(p->control, b, &at) == ERR_AGAIN
	    && is_awaited(b))
		(void)poll(&full, 1, -1); /* the next try tells */
	buf_finish(b);
}

static void
control_send_str(const struct runner_process *p, enum wire_kind kind,
    uint32_t number, struct str text)
{
	struct buf b;
	size_t at;

	buf_init(&b);
	at = wire_begin(&b, kind, 0);
	wire_put_u32(&b, number);
	wire_put_str(&b, text);
	wire_end(&b, at);
	control_send(p, &b);
}

static void
control_send_kind(const struct runner_process *p, enum wire_kind kind)
{
	struct buf b;

	buf_init(&b);
	wire_end(&b, wire_begin(&b, kind, 0));
	control_send(p, &b);
}

/* What the plugin tells its hub goes to the host's. */

/* [any] A line of the log is written by the host, as if it were its own. */
static void
line_logged(void *arg, enum log_level level, const char *event,
    const struct log_field *fields, size_t n)
{
	struct buf b;
	size_t at;

	buf_init(&b);
	at = wire_begin(&b, WIRE_LOG, 0);
	wire_put_u32(&b, level);
	wire_put_str(&b, str_of(event));
	wire_put_u32(&b, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		bool is_int = fields[i].type == LOG_FIELD_INT;

		wire_put_str(&b, str_of(fields[i].key));
		wire_put_u32(&b, is_int);
		if (is_int)
			wire_put_u64(&b, (uint64_t)fields[i].num);
		else
			wire_put_str(
			    &b, str_sub(fields[i].str, 0, RUNNER_VALUE_MAX));
	}
	wire_end(&b, at);
	control_send(arg, &b);
}

static void
lists_touched(void *owner, unsigned kinds)
{
	control_send_str(owner, WIRE_CHANGED, kinds, STR_NONE);
}

static void
resource_touched(void *owner, struct str uri)
{
	control_send_str(owner, WIRE_CHANGED, 0, uri);
}

/* unload() has returned. */
static void
generation_gone(void *owner, struct plugin_generation *g)
{
	struct runner_process *p = owner;

	(void)g;
	p->generation = NULL;
	loop_stop(p->loop);
}

static _Noreturn void
start_fail(const struct runner_process *p, int status, const char *text)
{
	control_send_str(p, WIRE_FAILED, (uint32_t)status,
	    str_sub(str_of(text), 0, RUNNER_REASON_MAX));
	leave(EXIT_FAILURE);
}

/* What the host read in the manifest, as far as code needs it. */
static struct plugin_manifest *
outline_read(
    struct wire_in *in, struct str name, struct str version, struct str module)
{
	struct plugin_manifest *m = calloc(1, sizeof *m);
	size_t n;

	if (m == NULL)
		return NULL;
	arena_init(&m->arena, RUNNER_MEMORY_MAX);
	m->path = strdup("runner");
	m->name = arena_dup(&m->arena, name);
	m->version = arena_dup(&m->arena, version);
	m->module = arena_dup(&m->arena, module);
	m->release = wire_get_u32(in) != 0;
	m->dynamic.max = wire_get_u32(in);
	n = wire_get_u32(in);
	if (n <= PLUGIN_ENTRIES_MAX)
		m->entries =
		    arena_zalloc(&m->arena, (n + 1) * sizeof *m->entries);
	for (; m->entries != NULL && m->entries_len < n && !in->bad;
	     m->entries_len++) {
		struct plugin_manifest_entry *e = &m->entries[m->entries_len];

		e->entry.kind = (enum registry_kind)wire_get_u32(in);
		e->entry.key = arena_dup(&m->arena, wire_get_str(in));
		e->completes = wire_get_u32(in) != 0;
		e->limits.result_max = (int64_t)wire_get_u64(in);
		e->limits.queue = RUNNER_TARGET_QUEUE;
		e->list = "entries";
		e->key = "name";
		in->bad = in->bad || e->entry.kind >= REGISTRY_KINDS;
	}
	m->limits.queue = RUNNER_TARGET_QUEUE;
	if (m->path != NULL && m->entries != NULL && !m->arena.failed)
		return m;
	plugin_manifest_destroy(m);
	return NULL;
}

/* Calls would find one state or another. */
static void
alone_check(struct runner_process *p)
{
	char text[128];

	if (p->many <= 1 || p->generation->module.desc.save == NULL)
		return;
	(void)snprintf(text, sizeof text,
	    "its save() keeps one state, and each of %u runners would have its "
	    "own (hint: write runners: 1)",
	    p->many); /* it fits */
	start_fail(p, TP_EFAIL, text);
}

static void
plugin_load(struct runner_process *p, struct plugin_manifest *m,
    unsigned number, const char *copy, struct str config,
    const struct tp_snapshot *state)
{
	struct diags diags;
	struct err err;
	int rc;

	diags_init(&diags);
	p->generation = plugin_generation_open(
	    p->hub, m, copy, number, config, NULL, &diags);
	if (chdir("/") < 0) /* it was where the copy is, at most */
		start_fail(p, TP_EFAIL, "its folder cannot be left");
	if (p->generation == NULL)
		start_fail(p, TP_EFAIL,
		    diags.len > 0 ? diags.items[0].message : "out of memory");
	alone_check(p);
	rc = plugin_generation_load(p->generation, state, &err);
	if (rc != TP_OK) {
		runner_batches_end(&p->batches);
		start_fail(p, rc, err.text);
	}
	diags_finish(&diags);
}

/* Who asks about refused calls is the host's alone: nobody here could answer.
 */
static void
listener_send(const struct runner_process *p, int listener)
{
	struct pollfd full = { p->control, POLLOUT, 0 };

	if (listener < 0)
		return;
	while (wire_send_listener(p->control, listener) == ERR_AGAIN)
		(void)poll(&full, 1, -1); /* the next try tells */
	(void)close(listener); /* the datagram holds it */
}

static void
worker_init(void)
{
	panic_thread_init();
	box_thread_init();
}

/* Threads take over what is closed when they are made: Landlock before the
 * workers.  The loader needs the calls that are closed at the end. */
static void
load_in_box(struct runner_process *p, struct box *b, struct plugin_manifest *m,
    unsigned number, struct str copy, struct str config,
    const struct tp_snapshot *state)
{
	char path[4096];
	struct err err;
	int listener;

	(void)snprintf(path, sizeof path, "%.*s", STR_FMT(copy));
	if (box_enter(b, path, p->channels, &err) < 0)
		start_fail(p, TP_EFAIL, err.text);
	p->pool = loop_pool_create(
	    p->workers, p->pool_queue, worker_init, panic_thread_finish, &err);
	if (p->pool == NULL)
		start_fail(p, TP_ENOMEM, err.text);
	call_reactor_init(&p->calls, p->loop, p->pool);
	box_settle(b);
	plugin_load(p, m, number, path, config, state);
	if (box_close(b, &listener, &err) < 0)
		start_fail(p, TP_EFAIL, err.text);
	listener_send(p, listener);
	if (b->lacks == NULL)
		return;
	LOG_WARN("plugin sandbox is open", F_CSTR("kernel_lacks", b->lacks),
	    F_CSTR("plugin", p->generation->manifest->name.ptr));
}

/* With what the host must know of the code. */
static void
ready_send(const struct runner_process *p)
{
	const struct plugin_generation *g = p->generation;
	struct buf b;
	size_t at;

	buf_init(&b);
	at = wire_begin(&b, WIRE_READY, 0);
	wire_put_u32(&b, p->walled);
	wire_put_u32(&b, (uint32_t)g->targets_len);
	for (size_t i = 0; i < g->targets_len; i++)
		wire_put_u32(&b, g->targets[i].target.concurrency == 1);
	wire_end(&b, at);
	control_send(p, &b);
}

static void
start_take(struct runner_process *p, struct str body)
{
	struct wire_in in = wire_in_of(body);
	struct tp_snapshot state = { .size = sizeof state };
	struct str name, version, module, copy, config, bytes;
	static struct box box; /* too large for a stack */
	struct plugin_manifest *m;
	unsigned number;
	bool has_state;

	number = wire_get_u32(&in);
	name = wire_get_str(&in);
	version = wire_get_str(&in);
	module = wire_get_str(&in);
	copy = wire_get_str(&in);
	config = wire_get_str(&in);
	has_state = wire_get_u32(&in) != 0;
	state.format = wire_get_u32(&in);
	bytes = wire_get_str(&in);
	state.bytes = (struct tp_str){ bytes.ptr, bytes.len };
	log_open(-1, LOG_FORMAT_TEXT, (enum log_level)wire_get_u32(&in));
	log_divert(line_logged, p);
	p->workers = wire_get_u32(&in);
	p->pool_queue = wire_get_u32(&in);
	p->many = wire_get_u32(&in);
	box_get(&box, &in);
	m = outline_read(&in, name, version, module);
	if (!wire_get_end(&in) || p->generation != NULL)
		runner_give_up("a start that cannot be read");
	if (m == NULL)
		start_fail(p, TP_ENOMEM, "out of memory");
	if (m->dynamic.max > 0 && p->lines_len > 0)
		p->lines_len--; /* the last one is for batches */
	runner_batches_init(&p->batches,
	    m->dynamic.max > 0 ? RUNNER_FIRST_FD + 1 + (int)p->lines_len : -1);
	load_in_box(
	    p, &box, m, number, copy, config, has_state ? &state : NULL);
	for (unsigned i = 0; i < p->lines_len; i++)
		runner_line_open(&p->lines[i], p, RUNNER_FIRST_FD + 1 + (int)i);
	ready_send(p);
}

static void
save_take(struct runner_process *p)
{
	struct tp_snapshot out = { .size = sizeof out };
	int status = TP_ENOTSUP;
	struct buf b;
	size_t at;

	if (p->generation != NULL)
		status = plugin_generation_save(p->generation, &out);
	buf_init(&b);
	at = wire_begin(&b, WIRE_SAVED, 0);
	wire_put_u32(&b, (uint32_t)status);
	wire_put_u32(&b, out.format);
	wire_put_str(&b,
	    status == TP_OK ? (struct str){ out.bytes.ptr, out.bytes.len }
			    : STR_NONE);
	wire_end(&b, at);
	control_send(p, &b);
}

static void
watch_take(struct runner_process *p, struct str body)
{
	struct wire_in in = wire_in_of(body);
	bool on = wire_get_u32(&in) != 0;
	struct str uri = wire_get_str(&in);
	struct plugin_generation *g = p->generation;
	struct tp_str given = { uri.ptr, uri.len };
	int status = TP_OK;

	if (!wire_get_end(&in))
		runner_give_up("a watch that cannot be read");
	if (g == NULL || g->watch == NULL)
		return;
	panic_scope_set(&g->scope);
	if (!on)
		g->watch->unwatch(&g->handle, g->state, given);
	else
		status = g->watch->watch(&g->handle, g->state, given);
	if (status != TP_OK)
		LOG_WARN("plugin does not watch", F_STR("uri", uri),
		    F_INT("status", status));
	panic_scope_set(NULL);
}

/* The host has sent no call that has not ended, or does not care. */
static void
stop_take(struct runner_process *p)
{
	if (p->generation == NULL)
		leave(EXIT_SUCCESS);
	if (!p->stopping)
		registry_set_unref(&p->generation->set);
	p->stopping = true;
}

static void
control_take(struct runner_process *p, const struct wire_frame *f)
{
	switch (f->kind) {
	case WIRE_START:
		start_take(p, f->body);
		break;
	case WIRE_SAVE:
		save_take(p);
		break;
	case WIRE_WATCH:
		watch_take(p, f->body);
		break;
	case WIRE_GONE:
		runner_batches_gone(&p->batches, f->body);
		break;
	case WIRE_PING:
		control_send_kind(p, WIRE_PONG);
		break;
	case WIRE_STOP:
		stop_take(p);
		break;
	default:
		runner_give_up("a frame of an unknown kind");
	}
}

static void
control_events(void *arg, unsigned events)
{
	struct runner_process *p = arg;
	struct wire_arrivals batch;
	struct wire_frame frame;
	int n = wire_receive(p->control, p->space, &batch), rc;

	(void)events;
	if (n == ERR_CLOSED)
		leave(EXIT_SUCCESS); /* the host is gone */
	while ((rc = wire_next(&batch, &frame)) > 0) {
		control_take(p, &frame);
		wire_frame_finish(&frame);
	}
	if (rc < 0)
		runner_give_up("the control channel is broken");
	wire_arrivals_finish(&batch);
}

static void
process_open(struct runner_process *p, unsigned channels)
{
	struct err err;

	p->control = RUNNER_FIRST_FD;
	p->channels = channels;
	p->lines_len = channels - 1;
	p->lines = calloc(channels, sizeof *p->lines);
	p->space = malloc(WIRE_SPACES);
	json_doc_init(&p->args);
	json_doc_init(&p->answers);
	p->loop = loop_create(&err);
	if (p->lines == NULL || p->space == NULL || p->loop == NULL)
		runner_give_up("out of memory");
	p->hub = plugin_hub_create(p->loop, p);
	if (p->hub == NULL)
		runner_give_up("out of memory");
	p->hub->gone = generation_gone;
	p->hub->touched = lists_touched;
	p->hub->resource = resource_touched;
	p->hub->batches = &runner_batches_table;
	p->hub->begins = runner_call_begins;
	loop_io_init(&p->io);
	if (loop_io_start(
		&p->io, p->loop, p->control, LOOP_READ, control_events, p)
	    < 0)
		runner_give_up("the control channel cannot be watched");
}

static void
process_close(struct runner_process *p)
{
	loop_pool_stop(p->pool);
	for (unsigned i = 0; i < p->lines_len; i++)
		if (p->lines[i].process != NULL) {
			runner_line_close(&p->lines[i]);
			loop_deferred_clear(&p->lines[i].flush);
			buf_finish(&p->lines[i].out);
		}
	loop_io_stop(&p->io);
	call_reactor_finish(&p->calls);
	loop_pool_destroy(p->pool);
	plugin_hub_leave(p->hub);
	loop_destroy(p->loop);
	runner_batches_finish(&p->batches);
	json_doc_finish(&p->args);
	json_doc_finish(&p->answers);
	free(p->lines);
	free(p->space);
	(void)close(p->control); /* the host reads what was sent */
}

int
plugin_runner_main(int argc, char **argv)
{
	static struct runner_process process;
	uint64_t channels;
	struct err err;

	if (argc != 3 || str_to_u64(str_of(argv[1]), &channels) < 0
	    || channels < 1 || channels > RUNNER_CHANNELS_MAX
	    || fcntl(RUNNER_FIRST_FD + (int)channels, F_GETFD) < 0) {
		(void)fprintf(stderr,
		    "toolpost-runner is started by toolpost, for one plugin\n");
		return 2;
	}
	process.begun = plugin_begun_open(RUNNER_FIRST_FD + (int)channels);
	if (process.begun == NULL)
		runner_give_up("no memory for calls that have begun");
	process.walled =
	    plugin_network_enter(RUNNER_FIRST_FD + (int)channels + 1);
	if (box_begin(RUNNER_FIRST_FD, (unsigned)channels, &err) < 0)
		runner_give_up(err.text);
	panic_install();
	panic_thread_init();
	process_open(&process, (unsigned)channels);
	loop_run(process.loop);
	process_close(&process);
	panic_thread_finish();
	return EXIT_SUCCESS;
}
