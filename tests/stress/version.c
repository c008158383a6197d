/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin that is replaced under load: each tool answers with the variant
 * of the code, the stamp of the file and the caller's nonce.
 *
 * What would show a call on a generation that has ended: its state is wiped at
 * unload, and unload aborts when a handler is still inside. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <toolpost/plugin.h>

#ifndef VARIANT
#define VARIANT 1
#endif
#ifndef FLAGS
#define FLAGS TP_CLOSABLE
#endif
#ifndef NAME
#define NAME "version"
#endif

#ifndef VERSION
#define VERSION "1.0.0"
#endif

#define MAGIC 0x56455253u
#define LATER_MAX 256
#define TAIL_LEN 200

/* The test writes the digits into each file that it installs. */
static const volatile char stamp[] = "STAMP:00000000";

struct state {
	unsigned magic;
	atomic_uint inside;
	unsigned serial; /* unguarded: one call at a time */
	char tail[TAIL_LEN + 1];
	pthread_t thread;
	pthread_mutex_t lock; /* leaf; guards the queue */
	pthread_cond_t more;
	struct tp_call *later[LATER_MAX];
	unsigned head, count;
	int ending;
};

#if VARIANT == 2
/* Moves everything behind it: an address of the other variant is wrong. */
__attribute__((used, noinline)) static int
filler(int n)
{
	volatile char room[512] = { 0 };

	for (int i = 0; i < n; i++)
		room[i % 512] ^= (char)i;
	return room[n % 512];
}
#endif

/* With CROSS the plugin itself mixes up who asked, to show that the callers
 * would see it: 1 in answers, 2 in progress, 4 in log messages. */
#ifndef CROSS
#define CROSS 0
#endif
#define CROSS_EVERY 64

static const char *
mixed_up(const char *nonce, int what)
{
#if CROSS != 0
	static _Thread_local char last[64];
	static _Thread_local unsigned count;
	static _Thread_local char other[64];

	if ((CROSS & what) == 0 || ++count % CROSS_EVERY != 0) {
		if ((CROSS & what) != 0)
			memcpy(last, nonce, sizeof last);
		return nonce;
	}
	memcpy(other, last, sizeof other);
	return other;
#else
	(void)what;
	return nonce;
#endif
}

/* As many of both as the caller wants, each with the caller's nonce. */
static void
notes(struct tp_call *call, const char *nonce)
{
	int64_t i, len = tp_arg_int(call, "notes", 0);

	for (i = 0; i < len; i++) {
		(void)tp_progress(
		    call, (double)i + 1, (double)len, mixed_up(nonce, 2));
		(void)tp_tell(call, TP_MESSAGE_INFO, "version",
		    tp_cstr(mixed_up(nonce, 4)));
	}
}

static int
answer(struct tp_call *call, struct state *s)
{
	struct tp_str given = tp_arg_str(call, "nonce", "");
	char digits[9], nonce[64] = "";

	if (s->magic != MAGIC)
		return tp_fail(call, TP_EFAIL, "a call on an ended generation");
	if (given.len < sizeof nonce)
		memcpy(nonce, given.ptr, given.len);
	notes(call, nonce);
	for (unsigned i = 0; i < 8; i++)
		digits[i] = stamp[6 + i];
	digits[8] = '\0';
	return tp_textf(
	    call, "v%d %s %s %s", VARIANT, digits, mixed_up(nonce, 1), s->tail);
}

static int
direct(struct tp_call *call, void *state)
{
	struct state *s = state;
	int rc;

	atomic_fetch_add(&s->inside, 1);
	rc = answer(call, s);
	atomic_fetch_sub(&s->inside, 1);
	return rc;
}

static int
serial(struct tp_call *call, void *state)
{
	struct state *s = state;
	unsigned before = s->serial++;
	int rc = direct(call, state);

	if (s->serial != before + 1)
		return tp_fail(call, TP_EFAIL, "two calls at once");
	return rc;
}

/* Answered by a thread of our own, which returns through our code after
 * done(). */
static int
later(struct tp_call *call, void *state)
{
	struct state *s = state;
	int rc = TP_PENDING;

	(void)pthread_mutex_lock(&s->lock);
	if (s->count < LATER_MAX)
		s->later[(s->head + s->count++) % LATER_MAX] = call;
	else
		rc = TP_EBUSY;
	(void)pthread_cond_signal(&s->more);
	(void)pthread_mutex_unlock(&s->lock);
	return rc;
}

static void *
later_main(void *arg)
{
	struct state *s = arg;

	(void)pthread_mutex_lock(&s->lock);
	for (;;) {
		struct tp_call *call;

		while (s->count == 0 && !s->ending)
			(void)pthread_cond_wait(&s->more, &s->lock);
		if (s->count == 0)
			break;
		call = s->later[s->head];
		s->head = (s->head + 1) % LATER_MAX;
		s->count--;
		(void)pthread_mutex_unlock(&s->lock);
		call->host->done(call, answer(call, s));
		(void)pthread_mutex_lock(&s->lock);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return NULL;
}

#ifdef BARE
__attribute__((unused))
#endif
static int
load(struct tp_plugin *p, const struct tp_json *config,
    const struct tp_snapshot *previous, void **state)
{
	struct state *s = calloc(1, sizeof *s);

	(void)p;
	(void)config;
	(void)previous;
#ifdef LOAD_FAILS
	free(s);
	return TP_EFAIL;
#endif
	if (s == NULL)
		return TP_ENOMEM;
	s->magic = MAGIC;
	memset(s->tail, '0' + VARIANT, TAIL_LEN);
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_cond_init(&s->more, NULL);
	if (pthread_create(&s->thread, NULL, later_main, s) != 0) {
		free(s);
		return TP_ENOMEM;
	}
	*state = s;
	return TP_OK;
}

#ifdef BARE
__attribute__((unused))
#endif
static void
unload(struct tp_plugin *p, void *state)
{
	struct state *s = state;

	(void)p;
	if (s->magic != MAGIC || atomic_load(&s->inside) != 0)
		abort();
	(void)pthread_mutex_lock(&s->lock);
	if (s->count != 0)
		abort(); /* pending calls pin their generation */
	s->ending = 1;
	(void)pthread_cond_signal(&s->more);
	(void)pthread_mutex_unlock(&s->lock);
	(void)pthread_join(s->thread, NULL);
	(void)pthread_cond_destroy(&s->more);
	(void)pthread_mutex_destroy(&s->lock);
	memset(s->tail, '!', TAIL_LEN);
	s->magic = 0;
	free(s);
}

static const struct tp_entry entries[] = {
	TP_TOOL_FLAGS(NAME "_inline", direct, TP_NONBLOCKING),
	TP_TOOL(NAME "_pool", direct),
	TP_TOOL_FLAGS(NAME "_later", later, TP_NONBLOCKING),
	TP_TOOL_FLAGS(NAME "_serial", serial, TP_SERIAL),
};

#ifdef BARE
/* Nothing of it runs unless it is called. */
TP_PLUGIN(NAME, VERSION, entries);
#else
TP_PLUGIN_STATE(NAME, VERSION, entries, FLAGS, load, NULL, unload);
#endif
