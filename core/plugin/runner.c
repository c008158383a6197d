/* SPDX-License-Identifier: Apache-2.0 */
/* One life: a process, its control channel, its end.  Everything here runs on
 * the control thread, save where it is marked. */
#include "plugin/runner.h"

#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "plugin/desk.h"
#include "plugin/box.h"
#include "plugin/generation.h"

/* Of a line that a runner has for the log. */
#define LINE_FIELDS_MAX 12
#define LINE_EVENT_MAX 64
#define LINE_KEY_MAX 24

static void life_timer(void *arg);
static void life_ready(void *arg, unsigned events);
static void life_over(void *arg, const struct loop_child_end *end);
static void life_said(void *arg, struct str bytes);
static void life_gone_send(void *arg);

static void
fd_drop(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* nothing is written through it */
	*fd = -1;
}

void
runner_life_unref(struct runner_life *l)
{
	struct plugin_runner *r = l->runner;

	if (!ref_drop(&l->ref))
		return;
	for (unsigned i = 0; i < r->place->reactors; i++)
		fd_drop(&l->fds[i]);
	plugin_begun_close(l->begun, r->place->reactors);
	free(l->fds);
	buf_finish(&l->gone);
	free(l->space);
	free(l);
	plugin_runner_unref(r);
}

static struct runner_life *
life_alloc(struct plugin_runner *r)
{
	struct runner_life *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	ref_init(&l->ref);
	l->runner = r;
	ref_take(&r->ref);
	list_init(&l->node);
	l->number = ++r->lives_made;
	l->lane = RUNNER_NO_LANE;
	l->control = -1;
	l->exit_status = -1;
	loop_io_init(&l->io);
	loop_timer_init(&l->timer, life_timer, l);
	buf_init(&l->gone);
	loop_deferred_init(&l->gone_send, life_gone_send, l);
	l->space = malloc(WIRE_SPACES);
	l->fds = malloc(sizeof *l->fds * (r->place->reactors + 1));
	for (unsigned i = 0; l->fds != NULL && i < r->place->reactors; i++)
		l->fds[i] = -1;
	return l;
}

/* One pair for the control thread and one for each reactor, and one for
 * batches where it may add entries; theirs gets the other ends. */
static int
pairs_make(struct runner_life *l, int *theirs, size_t n)
{
	unsigned reactors = l->runner->place->reactors;

	for (unsigned i = 0; i < n; i++) {
		int pair[2];

		if (wire_pair(pair) < 0)
			return ERR_IO;
		theirs[i] = pair[1];
		if (i == 0) {
			l->control = pair[0];
		} else if (i <= reactors) {
			l->fds[i - 1] = pair[0];
		} else {
			l->desk =
			    runner_desk_open(l, l->runner->generation, pair[0]);
			if (l->desk == NULL) {
				(void)close(pair[0]); /* nothing was sent */
				return ERR_NOMEM;
			}
		}
	}
	return 0;
}

static int
process_start(struct runner_life *l, struct err *err)
{
	static const char *const envp[] = { "LANG=C.UTF-8", NULL };
	const struct plugin_runner_place *place = l->runner->place;
	char channels[24];
	const char *argv[] = { place->exe, channels, l->runner->name, NULL };
	struct loop_child_extra extra = { .said = life_said };
	/* Channels, and the calls that have begun. */
	size_t n = place->reactors + 2
	    + (l->runner->generation->manifest->dynamic.max > 0 ? 1 : 0);
	size_t net = 0;
	int *theirs = malloc((n + NETWORK_FDS) * sizeof *theirs);
	int rc = ERR_NOMEM;

	if (theirs == NULL || l->fds == NULL || l->space == NULL) {
		free(theirs);
		return err_set(err, ERR_NOMEM, "out of memory for a runner");
	}
	for (size_t i = 0; i < n; i++)
		theirs[i] = -1;
	(void)snprintf(channels, sizeof channels, "%zu", n - 1); /* it fits */
	if (l->runner->generation->grants.network.len == 0)
		net = plugin_network_fds(place->network, theirs + n);
	extra.fds = theirs;
	extra.fds_len = n + net;
	rc = pairs_make(l, theirs, n - 1);
	if (rc == 0)
		rc = plugin_begun_create(
		    place->reactors, &l->begun, &theirs[n - 1]);
	if (rc < 0)
		(void)err_set(err, rc,
		    "no sockets for a runner (hint: the "
		    "descriptor limit, ulimit -n)");
	else
		l->child = loop_child_start_with(l->runner->control, &extra,
		    argv, envp, 0, life_over, l, err);
	for (size_t i = 0; i < n; i++)
		fd_drop(&theirs[i]);
	free(theirs);
	if (rc == 0 && l->child == NULL)
		rc = ERR_IO;
	return rc;
}

struct runner_life *
runner_life_create(struct plugin_runner *r, struct err *err)
{
	struct runner_life *l = life_alloc(r);

	if (l == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory for a runner");
		return NULL;
	}
	if (process_start(l, err) < 0) {
		runner_life_desk_close(l, false);
		fd_drop(&l->control);
		runner_life_unref(l);
		return NULL;
	}
	l->pid = loop_child_pid(l->child);
	ref_take(&l->ref); /* of the child: life_done() drops it */
	list_push(&r->lives, &l->node);
	if (loop_io_start(
		&l->io, r->control, l->control, LOOP_READ, life_ready, l)
	    < 0)
		runner_life_kill(l, "its channel cannot be watched");
	loop_timer_set(r->control, &l->timer, clock_now_ns() + RUNNER_START_NS);
	runner_life_send(l, &r->start);
	return l;
}

void
runner_life_kill(struct runner_life *l, const char *why)
{
	if (l->child == NULL)
		return;
	if (why != NULL && l->reason[0] == '\0')
		(void)snprintf(l->reason, sizeof l->reason, "%s", why);
	loop_child_kill(l->child);
}

static void
frames_write(struct runner_life *l, const struct buf *frames)
{
	size_t at = 0;
	int rc;

	if (l->control < 0)
		return;
	rc = frames->failed ? ERR_NOMEM : wire_send(l->control, frames, &at);
	/* Of one that is dead already its end says more. */
	if (rc < 0)
		runner_life_kill(l,
		    rc == ERR_CLOSED ? NULL
				     : "it does not read its control channel");
}

/* Many in one frame: a batch may drop thousands. */
static void
life_gone_send(void *arg)
{
	struct runner_life *l = arg;
	struct buf b;
	size_t at;

	loop_deferred_clear(&l->gone_send);
	buf_init(&b);
	at = wire_begin(&b, WIRE_GONE, 0);
	buf_str(&b, buf_view(&l->gone));
	b.failed = b.failed || l->gone.failed;
	wire_end(&b, at);
	buf_clear(&l->gone);
	frames_write(l, &b);
	buf_finish(&b);
}

void
runner_life_send(struct runner_life *l, const struct buf *frames)
{
	if (l->gone.len > 0)
		life_gone_send(l); /* before it is told to stop */
	frames_write(l, frames);
}

void
runner_life_desk_close(struct runner_life *l, bool orderly)
{
	struct runner_desk *desk = l->desk;

	l->desk = NULL;
	runner_desk_close(desk, orderly);
}

void
runner_life_gone(struct runner_life *l, uint32_t number)
{
	if (l->control < 0)
		return;
	wire_put_u32(&l->gone, number);
	loop_defer(l->runner->control, &l->gone_send);
}

static void
frame_send(struct runner_life *l, enum wire_kind kind)
{
	struct buf b;

	buf_init(&b);
	wire_end(&b, wire_begin(&b, kind, 0));
	runner_life_send(l, &b);
	buf_finish(&b);
}

/* It may have been in time where this loop was not. */
static void
life_late(struct runner_life *l)
{
	life_ready(l, LOOP_READ);
	if (l->ready || l->failed)
		return;
	l->late = true;
	runner_life_kill(l, "it was not ready in time");
	runner_tell(l->runner);
}

/* A beat that was not answered, a start or a stop that takes too long. */
static void
life_timer(void *arg)
{
	struct runner_life *l = arg;
	int64_t now = clock_now_ns();

	if (l->stopping) {
		runner_life_kill(l, NULL);
	} else if (!l->ready) {
		life_late(l);
	} else if (l->retired) {
		if (runner_life_live(l) == 0)
			runner_life_kill(l, NULL);
		loop_timer_set(
		    l->runner->control, &l->timer, now + RUNNER_GRACE_NS);
	} else if (l->missed >= RUNNER_BEATS_MISSED) {
		runner_life_kill(l, "it does not answer");
	} else {
		l->missed++;
		frame_send(l, WIRE_PING);
		loop_timer_set(
		    l->runner->control, &l->timer, now + RUNNER_BEAT_NS);
	}
}

static int
take_failed(struct runner_life *l, struct str body)
{
	struct wire_in in = wire_in_of(body);
	uint32_t status = wire_get_u32(&in);
	struct str text = wire_get_str(&in);

	if (!wire_get_end(&in) || !str_is_utf8(text))
		return ERR_SYNTAX;
	l->failed = true;
	l->status = (int)status;
	(void)snprintf(l->reason, sizeof l->reason, "%.*s",
	    (int)(text.len < sizeof l->reason ? text.len
					      : sizeof l->reason - 1),
	    text.ptr); /* may be cut */
	runner_tell(l->runner);
	return 0;
}

/* One that was given up, or of an earlier life, is of no use. */
static int
take_saved(struct runner_life *l, struct str body)
{
	struct plugin_runner *r = l->runner;
	struct wire_in in = wire_in_of(body);
	uint32_t status = wire_get_u32(&in), format = wire_get_u32(&in);
	struct str bytes = wire_get_str(&in);

	if (!wire_get_end(&in) || l->saves == 0 || status == 1)
		return ERR_SYNTAX;
	l->saves--;
	if (l->saves > 0 || l != plugin_runner_first(r) || r->saved_status != 1)
		return 0;
	buf_clear(&r->saved);
	buf_str(&r->saved, bytes);
	r->saved_format = format;
	r->saved_status = r->saved.failed ? TP_ENOMEM : (int)status;
	runner_tell(r);
	return 0;
}

/* A word of the log: a runner cannot make up others. */
static bool
is_word(struct str s, size_t max)
{
	if (s.len == 0 || s.len >= max)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if ((s.ptr[i] < 'a' || s.ptr[i] > 'z') && s.ptr[i] != '_'
		    && s.ptr[i] != ' ' && s.ptr[i] != ',')
			return false;
	return true;
}

/* One field after those that we know ourselves. */
static int
take_field(struct wire_in *in, char *key, struct log_field *f)
{
	struct str name = wire_get_str(in);

	if (!is_word(name, LINE_KEY_MAX))
		return ERR_SYNTAX;
	memcpy(key, name.ptr, name.len);
	key[name.len] = '\0';
	if (wire_get_u32(in) != 0)
		*f = F_INT(key, (int64_t)wire_get_u64(in));
	else
		*f = F_STR(key, wire_get_str(in));
	return in->bad ? ERR_SYNTAX : 0;
}

/* A line as in process: about this plugin, whatever it says. */
static int
take_log(const struct plugin_runner *r, struct str body)
{
	struct wire_in in = wire_in_of(body);
	struct log_field fields[LINE_FIELDS_MAX + 2] = {
		F_CSTR("plugin", r->name),
		F_INT("generation",
		    r->generation != NULL ? r->generation->number : 0),
	};
	char event[LINE_EVENT_MAX], keys[LINE_FIELDS_MAX][LINE_KEY_MAX];
	uint32_t level = wire_get_u32(&in), n;
	struct str name = wire_get_str(&in);
	size_t len = 2;

	n = wire_get_u32(&in);
	if (level > LOG_LEVEL_ERROR || n > LINE_FIELDS_MAX
	    || !is_word(name, LINE_EVENT_MAX))
		return ERR_SYNTAX;
	memcpy(event, name.ptr, name.len);
	event[name.len] = '\0';
	for (uint32_t i = 0; i < n; i++) {
		if (take_field(&in, keys[i], &fields[len]) < 0)
			return ERR_SYNTAX;
		if (strcmp(keys[i], "plugin") != 0
		    && strcmp(keys[i], "generation") != 0)
			len++;
	}
	if (!wire_get_end(&in))
		return ERR_SYNTAX;
	if (level >= (uint32_t)log_level_get())
		log_write((enum log_level)level, event, fields, len);
	return 0;
}

static int
take_changed(struct plugin_runner *r, struct str body)
{
	struct wire_in in = wire_in_of(body);
	uint32_t kinds = wire_get_u32(&in);
	struct str uri = wire_get_str(&in);

	if (!wire_get_end(&in) || !str_is_utf8(uri))
		return ERR_SYNTAX;
	if (r->generation == NULL)
		return 0;
	for (unsigned kind = TP_KIND_TOOL; kind <= TP_KIND_PROMPT; kind++)
		if ((kinds & 1u << kind) != 0)
			plugin_hub_touch(r->generation->hub, kind);
	if (uri.len > 0 && plugin_hub_resource(r->generation->hub, uri) < 0)
		LOG_WARN("plugin change dropped", F_CSTR("plugin", r->name),
		    F_STR("uri", uri));
	return 0;
}

/* What waits for its turn waits there, as many as may wait here; but for one
 * that may run in fewer processes than there are. */
static void
serial_set(struct call_target *t, unsigned processes)
{
	if (t->concurrency > 0 && t->concurrency < processes)
		return;
	t->concurrency = processes + t->queue_max;
	t->queue_max = 0;
}

/* Which of its entries are TP_SERIAL. */
static int
take_ready(struct runner_life *l, struct str body)
{
	struct plugin_runner *r = l->runner;
	struct plugin_generation *g = r->serial_known ? NULL : r->generation;
	struct wire_in in = wire_in_of(body);
	uint32_t n;

	l->walled = wire_get_u32(&in) != 0;
	n = wire_get_u32(&in);
	for (uint32_t i = 0; i < n && !in.bad; i++) {
		bool serial = wire_get_u32(&in) != 0;

		/* Before anybody calls them. */
		if (serial && g != NULL && i < g->targets_len
		    && g->at < PLUGIN_OPENED)
			serial_set(&g->targets[i].target, r->lanes_len);
	}
	r->serial_known = true;
	return wire_get_end(&in) ? 0 : ERR_SYNTAX;
}

/* What asks about calls that its box refuses: once, before it is ready. */
static int
take_listener(struct runner_life *l, struct wire_frame *f)
{
	const struct plugin_generation *g = l->runner->generation;
	struct refusals_of of = { .plugin = l->runner->name, .pid = l->pid };
	struct err err;

	if (l->ready || l->refusals != NULL)
		return ERR_SYNTAX;
	if (g == NULL || g->ledger == NULL
	    || l->runner->place->refusals == NULL)
		return 0; /* it is closed: the kernel refuses */
	of.generation = g->number;
	of.paths = !box_opens(g->grants.exec ? BOX_EXEC : 0u,
	    g->grants.read.len + g->grants.write.len);
	of.ledger = g->ledger;
	l->refusals =
	    refusals_watch_create(l->runner->place->refusals, &of, f->fd, &err);
	f->fd = -1;
	if (l->refusals == NULL)
		LOG_WARN("refused calls are not told",
		    F_CSTR("plugin", l->runner->name), F_INT("pid", l->pid),
		    F_CSTR("reason", err.text));
	return 0;
}

static int
frame_take(struct runner_life *l, struct wire_frame *f)
{
	switch (f->kind) {
	case WIRE_READY:
		if (l->ready || take_ready(l, f->body) < 0)
			return ERR_SYNTAX;
		l->ready = true;
		loop_timer_set(l->runner->control, &l->timer,
		    clock_now_ns() + RUNNER_BEAT_NS);
		runner_is_ready(l->runner, l);
		return 0;
	case WIRE_FAILED:
		return l->ready ? ERR_SYNTAX : take_failed(l, f->body);
	case WIRE_SAVED:
		return take_saved(l, f->body);
	case WIRE_PONG:
		l->missed = 0;
		runner_tell(l->runner);
		return 0;
	case WIRE_LOG:
		return take_log(l->runner, f->body);
	case WIRE_CHANGED:
		return take_changed(l->runner, f->body);
	case WIRE_LISTENER:
		return take_listener(l, f);
	default:
		return ERR_SYNTAX;
	}
}

bool
runner_life_receive(struct runner_life *l)
{
	struct wire_arrivals batch;
	struct wire_frame frame;
	int n, rc;

	if (l->control < 0)
		return false;
	n = wire_receive(l->control, l->space, &batch);
	while ((rc = wire_next(&batch, &frame)) > 0) {
		rc = frame_take(l, &frame);
		wire_frame_finish(&frame);
		if (rc < 0)
			break;
	}
	wire_arrivals_finish(&batch);
	if (n >= 0 && rc == 0)
		return n == WIRE_DATAGRAMS;
	loop_io_stop(&l->io);
	fd_drop(&l->control);
	/* At an end of file the process is gone, or closed it: then it goes. */
	runner_life_kill(
	    l, n == ERR_CLOSED ? NULL : "it broke the rules of the channel");
	return false;
}

static void
life_ready(void *arg, unsigned events)
{
	struct runner_life *l = arg;

	(void)events;
	ref_take(&l->ref);
	while (runner_life_receive(l))
		;
	runner_life_unref(l);
}

/* Kept for the last words, and said in the log line by line. */
static void
life_said(void *arg, struct str bytes)
{
	struct runner_life *l = arg;
	struct buf *words = &l->runner->words;
	uint64_t suppressed;

	buf_str(words, bytes);
	if (words->len > RUNNER_WORDS_MAX)
		buf_consume(words, words->len - RUNNER_WORDS_MAX);
	if (log_gate_pass(&l->runner->prints, NS_PER_S / 10, &suppressed))
		LOG_INFO("plugin prints", F_CSTR("plugin", l->runner->name),
		    F_STR("text", str_trim(bytes)),
		    F_INT("suppressed", suppressed));
}

static void
reason_set(struct runner_life *l, int status)
{
	struct buf text;

	if (WIFSIGNALED(status))
		l->signal = WTERMSIG(status);
	else
		l->exit_status = WEXITSTATUS(status);
	if (l->failed)
		return; /* it has said why itself */
	buf_init(&text);
	if (l->reason[0] != '\0')
		buf_printf(&text, "%s: ", l->reason);
	if (WIFSIGNALED(status) && l->signal == SIGSYS) {
		BUF_LIT(&text, "killed: system call not allowed");
		box_refused_name(buf_view(&l->runner->words), &text);
	} else if (WIFSIGNALED(status) && l->signal == SIGXCPU)
		BUF_LIT(&text, "killed: more CPU time than it was granted");
	else if (WIFSIGNALED(status))
		buf_printf(&text, "killed by signal %d (%s)", l->signal,
		    strsignal(l->signal));
	else
		buf_printf(&text, "ended with status %d", l->exit_status);
	(void)snprintf(l->reason, sizeof l->reason, "%.*s",
	    STR_FMT(buf_view(&text))); /* may be cut */
	buf_finish(&text);
}

/* Its process is gone. */
static void
life_done(struct runner_life *l)
{
	l->child = NULL;
	list_drop(&l->node);
	loop_io_stop(&l->io);
	loop_timer_clear(&l->timer);
	loop_deferred_clear(&l->gone_send);
	runner_life_desk_close(l, l->stopping);
	refusals_watch_end(l->refusals);
	l->refusals = NULL;
	fd_drop(&l->control);
	atomic_store_explicit(&l->ended, true,
	    memory_order_release /* pairs with the seats' look */);
}

static void
life_over(void *arg, const struct loop_child_end *end)
{
	struct runner_life *l = arg;
	struct plugin_runner *r = l->runner;

	/* What it said before it died. */
	while (runner_life_receive(l))
		;
	reason_set(l, end->status);
	life_done(l);
	runner_has_died(r, l);
	runner_life_unref(l);
}

void
runner_life_end(struct runner_life *l)
{
	loop_child_cancel(l->child);
	life_done(l);
	runner_life_unref(l);
}

struct condemn_msg {
	struct loop_msg msg;
	struct runner_life *life; /* holds one */
	const char *why; /* constant; NULL: only retire it */
};

static void
condemn_run(struct loop_msg *msg)
{
	struct condemn_msg *m = CONTAINER_OF(msg, struct condemn_msg, msg);
	struct runner_life *l = m->life;

	if (m->why != NULL) {
		runner_life_kill(l, m->why);
	} else if (l->child != NULL && !l->retired && !l->stopping) {
		l->retired = true;
		(void)snprintf(
		    l->reason, sizeof l->reason, "a call in it does not end");
		loop_timer_set(l->runner->control, &l->timer, clock_now_ns());
		runner_has_died(l->runner, l); /* for new calls it has */
	}
	runner_life_unref(l);
	free(m);
}

static void
condemn_post(struct runner_life *l, const char *why)
{
	struct condemn_msg *m = malloc(sizeof *m);

	if (m == NULL)
		return; /* its beats will tell */
	m->msg.run = condemn_run;
	m->life = l;
	m->why = why;
	ref_take(&l->ref);
	loop_post(l->runner->control, &m->msg);
}

void
runner_life_condemn(struct runner_life *l, const char *why)
{
	condemn_post(l, why);
}

void
runner_life_retire(struct runner_life *l)
{
	condemn_post(l, NULL);
}
