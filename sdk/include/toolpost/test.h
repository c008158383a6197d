/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host for the tests of plugin authors: no server, no library, this header
 * alone.  It runs one entry the way toolpost does and keeps all that came
 * out.  It is long because it is a whole host.
 *
 *	struct tp_test_host host;
 *	struct tp_test_result *c;
 *
 *	tp_test_open(&host, "./hello.so");
 *	tp_test_load(&host, NULL, NULL);
 *	c = tp_test_call(&host, "hello", "{\"name\": \"Ada\"}");
 *	TP_TEST_IS(tp_test_text(c), "Hello, Ada!");
 *	tp_test_free(c);
 *	tp_test_close(&host);
 *	return tp_test_end();
 *
 * Between tp_test_new() and tp_test_run() a call can be given answers, a
 * deadline, an allocation that fails.  What the contract forbids (an answer
 * after done(), text that is not UTF-8, ..) is counted in host.misuse, told
 * on stderr, and fails tp_test_end().
 *
 * Link with -pthread, and with -ldl where dlopen() needs it.
 */
#ifndef TOOLPOST_TEST_H
#define TOOLPOST_TEST_H

/* Strict C hides the clocks of POSIX. */
#if defined(__STRICT_ANSI__) && !defined(_POSIX_C_SOURCE) \
    && !defined(_GNU_SOURCE) && !defined(_DEFAULT_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <toolpost/plugin.h>
#include <toolpost/test_json.h>

#ifndef CLOCK_MONOTONIC
#error include <toolpost/test.h> first, or define _POSIX_C_SOURCE as 200809L
#endif

#define TP_TEST_WAIT_MS 30000
#define TP_TEST_TIMEOUT (-100) /* tp_test_wait(): no answer yet */

enum tp_test_capability {
	TP_TEST_SAMPLING = 1 << 0,
	TP_TEST_ELICITATION = 1 << 1,
	TP_TEST_ROOTS = 1 << 2,
	TP_TEST_EVERYTHING = 7
};

/* Something that was said: which of the members are used depends on the
 * list it stands in.  Texts are NUL-terminated copies. */
struct tp_test_note {
	struct tp_test_note *next;
	int number; /* log: level; changed: kind; content: type */
	uint32_t role; /* content */
	uint32_t flags;
	double done; /* progress */
	double total;
	char *text; /* log, progress, content: data; require: params */
	size_t len; /* of text */
	char *key; /* require: key; content: uri; changed: uri */
	char *name; /* require: method; content: name */
	char *mime; /* content */
};

struct tp_test_notes {
	struct tp_test_note *first;
	struct tp_test_note *last;
	size_t len;
};

struct tp_test_host {
	struct tp_plugin plugin; /* first: a tp_plugin is this */
	const struct tp_plugin_desc *desc;
	void *state;
	unsigned capabilities; /* of the client; everything at first */
	const struct tp_offer *extensions; /* what extension() finds */
	size_t extensions_len;
	struct tp_test_json config;
	void *so;
	int loaded;

	pthread_mutex_t lock; /* guards the rest */
	struct tp_test_notes logs;
	struct tp_test_notes changes;
	int misuse;
};

struct tp_test_memory {
	struct tp_test_memory *next;
	double align_ptr; /* what follows is aligned for anything usual */
	int64_t align_int;
};

struct tp_test_result {
	struct tp_call base; /* first: a tp_call is this */
	struct tp_test_host *host;
	const struct tp_entry *entry;
	struct tp_test_json args;
	struct tp_test_json answers;

	/* To be set before tp_test_run(). */
	char *name; /* what name() says: the entry, or the URI asked for */
	int64_t deadline_ns;
	unsigned fail_alloc; /* the Nth alloc() gives NULL; 0: none */

	/* What came out. */
	int status;
	struct tp_test_notes content;
	struct tp_test_notes progress;
	struct tp_test_notes requests;
	struct tp_test_json structured;
	char *message; /* of a failure, else NULL */
	unsigned allocs;

	pthread_mutex_t lock; /* guards the rest, progress and status */
	pthread_cond_t changed;
	int cancelled;
	int returned; /* the handler has come back */
	int ended; /* the answer is complete */
	tp_cancel_fn *hook;
	void *hook_arg;
	int hook_runs;
	pthread_t hook_thread;
	struct tp_test_memory *memory;
};

/* Counting what a test found. */

static inline int *
tp_test_counter(int which)
{
	static int counters[2]; /* checks, failures */

	return &counters[which];
}

static inline int
tp_test_check(int ok, const char *file, int line, const char *what)
{
	++*tp_test_counter(0);
	if (!ok) {
		++*tp_test_counter(1);
		(void)fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
	}
	return ok;
}

static inline int
tp_test_check_str(const char *got, const char *want, const char *file, int line,
    const char *what)
{
	int ok = got != NULL && strcmp(got, want) == 0;

	if (!tp_test_check(ok, file, line, what))
		(void)fprintf(stderr, "\twant: %s\n\tgot:  %s\n", want,
		    got != NULL ? got : "(nothing)");
	return ok;
}

#define TP_TEST(cond_) tp_test_check((cond_) != 0, __FILE__, __LINE__, #cond_)
#define TP_TEST_IS(got_, want_) \
	tp_test_check_str(got_, want_, __FILE__, __LINE__, #got_)

/* The exit status of a test program. */
static inline int
tp_test_end(void)
{
	(void)printf(
	    "%d checks, %d failed\n", *tp_test_counter(0), *tp_test_counter(1));
	return *tp_test_counter(1) != 0;
}

/* Lists and memory. */

static inline void *
tp_test_must(void *p)
{
	if (p == NULL) {
		(void)fprintf(stderr, "the test itself is out of memory\n");
		abort();
	}
	return p;
}

static inline char *
tp_test_copy(struct tp_str s)
{
	char *copy;

	if (s.ptr == NULL)
		return NULL;
	copy = (char *)tp_test_must(malloc(s.len + 1));
	if (s.len > 0)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}

static inline struct tp_test_note *
tp_test_note_add(struct tp_test_notes *list, struct tp_str text)
{
	struct tp_test_note *n;

	n = (struct tp_test_note *)tp_test_must(calloc(1, sizeof *n));
	n->text = tp_test_copy(text);
	n->len = text.len;
	if (list->last != NULL)
		list->last->next = n;
	else
		list->first = n;
	list->last = n;
	list->len++;
	return n;
}

static inline void
tp_test_notes_drop(struct tp_test_notes *list)
{
	struct tp_test_note *n = list->first;

	while (n != NULL) {
		struct tp_test_note *next = n->next;

		free(n->text);
		free(n->key);
		free(n->name);
		free(n->mime);
		free(n);
		n = next;
	}
	memset(list, 0, sizeof *list);
}

static inline const struct tp_test_note *
tp_test_nth(const struct tp_test_notes *list, size_t index)
{
	const struct tp_test_note *n = list->first;

	for (; n != NULL && index > 0; index--)
		n = n->next;
	return n;
}

static inline void
tp_test_misuse(struct tp_test_host *h, const char *who, const char *what)
{
	(void)pthread_mutex_lock(&h->lock);
	h->misuse++;
	(void)pthread_mutex_unlock(&h->lock);
	(void)fprintf(stderr, "misuse: %s: %s\n", who, what);
}

/* The table. */

static inline struct tp_test_result *
tp_test_of(const struct tp_call *call)
{
	return (struct tp_test_result *)(uintptr_t)call;
}

static inline void
tp_test_host_log(struct tp_plugin *p, int level, struct tp_str text)
{
	struct tp_test_host *h = (struct tp_test_host *)p;

	(void)pthread_mutex_lock(&h->lock);
	tp_test_note_add(&h->logs, text)->number = level;
	(void)pthread_mutex_unlock(&h->lock);
}

static inline const void *
tp_test_host_extension(struct tp_plugin *p, const char *id)
{
	const struct tp_test_host *h = (const struct tp_test_host *)p;
	size_t i;

	for (i = 0; i < h->extensions_len; i++)
		if (strcmp(h->extensions[i].id, id) == 0)
			return h->extensions[i].table;
	return NULL;
}

static inline void
tp_test_host_changed(struct tp_plugin *p, int kind, struct tp_str uri)
{
	struct tp_test_host *h = (struct tp_test_host *)p;
	struct tp_test_note *n;

	(void)pthread_mutex_lock(&h->lock);
	n = tp_test_note_add(&h->changes, uri);
	n->number = kind;
	n->key = tp_test_copy(uri);
	(void)pthread_mutex_unlock(&h->lock);
}

static inline struct tp_str
tp_test_host_name(const struct tp_call *call)
{
	return tp_cstr(tp_test_of(call)->name);
}

static inline const struct tp_json *
tp_test_host_args(const struct tp_call *call)
{
	return tp_test_of(call)->args.root;
}

static inline int64_t
tp_test_host_deadline(const struct tp_call *call)
{
	return tp_test_of(call)->deadline_ns;
}

static inline int64_t
tp_test_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int
tp_test_host_cancelled(const struct tp_call *call)
{
	struct tp_test_result *c = tp_test_of(call);
	int cancelled;

	(void)pthread_mutex_lock(&c->lock);
	cancelled = c->cancelled || tp_test_now() >= c->deadline_ns;
	(void)pthread_mutex_unlock(&c->lock);
	return cancelled;
}

static inline int
tp_test_host_on_cancel(struct tp_call *call, tp_cancel_fn *hook, void *arg)
{
	struct tp_test_result *c = tp_test_of(call);
	int rc = TP_OK;

	(void)pthread_mutex_lock(&c->lock);
	if (c->cancelled) {
		rc = TP_ECANCELLED;
	} else {
		c->hook = hook;
		c->hook_arg = arg;
	}
	(void)pthread_mutex_unlock(&c->lock);
	return rc;
}

static inline int
tp_test_host_progress(
    struct tp_call *call, double done, double total, struct tp_str text)
{
	struct tp_test_result *c = tp_test_of(call);
	struct tp_test_note *n;
	int rc = TP_OK;

	(void)pthread_mutex_lock(&c->lock);
	if (c->cancelled) {
		rc = TP_ECANCELLED;
	} else if (c->progress.last == NULL || done > c->progress.last->done) {
		n = tp_test_note_add(&c->progress, text);
		n->done = done;
		n->total = total;
	}
	(void)pthread_mutex_unlock(&c->lock);
	return rc;
}

static inline void *
tp_test_host_alloc(struct tp_call *call, size_t len)
{
	struct tp_test_result *c = tp_test_of(call);
	struct tp_test_memory *m;

	if (++c->allocs == c->fail_alloc || len > ((size_t)-1) / 2 - sizeof *m)
		return NULL;
	m = (struct tp_test_memory *)tp_test_must(malloc(sizeof *m + len));
	m->next = c->memory;
	c->memory = m;
	/* Nothing may depend on what was there. */
	memset(m + 1, 0xa5, len);
	return m + 1;
}

static inline int
tp_test_closed(struct tp_test_result *c, const char *what)
{
	int ended;

	(void)pthread_mutex_lock(&c->lock);
	ended = c->ended;
	(void)pthread_mutex_unlock(&c->lock);
	if (ended)
		tp_test_misuse(c->host, c->entry->name, what);
	return ended;
}

static inline int
tp_test_host_content(struct tp_call *call, const struct tp_content *b)
{
	struct tp_test_result *c = tp_test_of(call);
	struct tp_test_note *n;
	int bytes = b->type == TP_IMAGE || b->type == TP_AUDIO
	    || (b->flags & TP_BINARY) != 0;

	if (tp_test_closed(c, "content() after the answer"))
		return TP_EFAIL;
	if (b->size < sizeof *b || b->type < TP_TEXT || b->type > TP_EMBED) {
		tp_test_misuse(c->host, c->entry->name, "unknown content");
		return TP_EPARAMS;
	}
	if (!bytes && !tp_test_utf8(b->data)) {
		tp_test_misuse(c->host, c->entry->name, "text is not UTF-8");
		return TP_EPARAMS;
	}
	n = tp_test_note_add(&c->content, b->data);
	n->number = (int)b->type;
	n->role = b->role;
	n->flags = b->flags;
	n->key = tp_test_copy(b->uri);
	n->name = tp_test_copy(b->name);
	n->mime = tp_test_copy(b->mime);
	return TP_OK;
}

static inline int
tp_test_host_structured(struct tp_call *call, struct tp_str json)
{
	struct tp_test_result *c = tp_test_of(call);

	if (tp_test_closed(c, "structured() after the answer"))
		return TP_EFAIL;
	tp_test_json_free(&c->structured);
	c->structured = tp_test_json_parse(json);
	if (c->structured.root != NULL)
		return TP_OK;
	tp_test_misuse(c->host, c->entry->name, c->structured.error);
	return TP_EPARAMS;
}

static inline int
tp_test_host_fail(struct tp_call *call, int status, struct tp_str message)
{
	struct tp_test_result *c = tp_test_of(call);

	if (tp_test_closed(c, "fail() after the answer"))
		return TP_EFAIL;
	free(c->message);
	c->message = tp_test_copy(message);
	return status;
}

static inline const struct tp_json *
tp_test_host_input(struct tp_call *call, const char *key)
{
	return tp_test_json_get(tp_test_of(call)->answers.root, key);
}

static inline int
tp_test_str_is(struct tp_str s, const char *word)
{
	return s.len == strlen(word) && memcmp(s.ptr, word, s.len) == 0;
}

static inline int
tp_test_host_require(struct tp_call *call, const char *key,
    struct tp_str method, struct tp_str params)
{
	struct tp_test_result *c = tp_test_of(call);
	struct tp_test_json doc = tp_test_json_parse(params);
	struct tp_test_note *n;
	unsigned needs = 0;
	int ok = params.len == 0 || doc.root != NULL;

	if (!ok)
		tp_test_misuse(c->host, "require() params", doc.error);
	tp_test_json_free(&doc);
	if (tp_test_str_is(method, "sampling/createMessage"))
		needs = TP_TEST_SAMPLING;
	else if (tp_test_str_is(method, "elicitation/create"))
		needs = TP_TEST_ELICITATION;
	else if (tp_test_str_is(method, "roots/list"))
		needs = TP_TEST_ROOTS;
	if (!ok || needs == 0)
		return TP_EPARAMS;
	if ((c->host->capabilities & needs) == 0)
		return TP_ENOTSUP;
	n = tp_test_note_add(&c->requests, params);
	n->key = tp_test_copy(tp_cstr(key));
	n->name = tp_test_copy(method);
	return TP_OK;
}

static inline void
tp_test_host_done(struct tp_call *call, int status)
{
	struct tp_test_result *c = tp_test_of(call);

	if (tp_test_closed(c, "done() twice"))
		return;
	(void)pthread_mutex_lock(&c->lock);
	/* From here no hook starts; one that runs elsewhere is waited for, so
	 * that its argument may be freed behind done(). */
	c->hook = NULL;
	while (c->hook_runs && !pthread_equal(c->hook_thread, pthread_self()))
		(void)pthread_cond_wait(&c->changed, &c->lock);
	c->status = status;
	c->ended = 1;
	(void)pthread_cond_broadcast(&c->changed);
	(void)pthread_mutex_unlock(&c->lock);
}

static inline const struct tp_host *
tp_test_table(void)
{
	static const struct tp_host table = { (uint32_t)sizeof(struct tp_host),
		TP_ABI_MAJOR, TP_ABI_MINOR, "test", tp_test_host_log,
		tp_test_host_extension, tp_test_host_changed, tp_test_host_name,
		tp_test_host_args, tp_test_host_deadline,
		tp_test_host_cancelled, tp_test_host_on_cancel,
		tp_test_host_progress, tp_test_host_alloc, tp_test_host_content,
		tp_test_host_structured, tp_test_host_fail, tp_test_host_input,
		tp_test_host_require, tp_test_host_done, tp_test_json_type,
		tp_test_json_get, tp_test_json_at, tp_test_json_len,
		tp_test_json_str, tp_test_json_num, tp_test_json_int,
		tp_test_json_raw };

	return &table;
}

/* Plugins. */

/* NULL, or why this host would refuse the descriptor. */
static inline const char *
tp_test_refusal(const struct tp_plugin_desc *d)
{
	const char *at;
	size_t i;

	if (d == NULL)
		return "no symbol " TP_PLUGIN_SYMBOL;
	if (d->abi.magic != TP_ABI_MAGIC)
		return "not a toolpost plugin";
	if (d->abi.major != TP_ABI_MAJOR)
		return "made for another major of the ABI";
	if (d->abi.pointer_bits != 8 * sizeof(void *))
		return "made for another word size";
	if (d->abi.entry_size < sizeof(struct tp_entry)
	    || d->abi.desc_size < sizeof(struct tp_plugin_desc))
		return "shorter than version 1.0";
	at = (const char *)d->entries;
	for (i = 0; i < d->entries_len; i++, at += d->abi.entry_size) {
		const struct tp_entry *e;

		e = (const struct tp_entry *)(const void *)at;
		if (e->name == NULL || e->call == NULL || e->kind < TP_KIND_TOOL
		    || e->kind > TP_KIND_PROMPT)
			return "an entry is not complete";
	}
	return NULL;
}

/* For a plugin that is linked to the test (or #included by it):
 * tp_test_host_init(&host, &toolpost_plugin_v1).  0, or -1 and a line. */
static inline int
tp_test_host_init(struct tp_test_host *h, const struct tp_plugin_desc *d)
{
	const char *why = tp_test_refusal(d);

	memset(h, 0, sizeof *h);
	h->plugin.host = tp_test_table();
	h->desc = d;
	h->capabilities = TP_TEST_EVERYTHING;
	(void)pthread_mutex_init(&h->lock, NULL);
	if (why == NULL)
		return 0;
	(void)fprintf(stderr, "plugin refused: %s\n", why);
	return -1;
}

/* Opens the file as toolpost does.  0, or -1 and a line. */
static inline int
tp_test_open(struct tp_test_host *h, const char *path)
{
	void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (so == NULL)
		(void)fprintf(stderr, "%s\n", dlerror());
	if (tp_test_host_init(h,
		so != NULL
		    ? (const struct tp_plugin_desc *)dlsym(so, TP_PLUGIN_SYMBOL)
		    : NULL)
	    < 0)
		return -1;
	h->so = so;
	return 0;
}

/* Runs load(); config is JSON text, or NULL for none.  A plugin without
 * load() is loaded at once. */
static inline int
tp_test_load(struct tp_test_host *h, const char *config,
    const struct tp_snapshot *previous)
{
	int rc = TP_OK;

	tp_test_json_free(&h->config);
	if (config != NULL) {
		h->config = tp_test_json_parse(tp_cstr(config));
		if (h->config.root == NULL) {
			(void)fprintf(stderr, "config: %s\n", h->config.error);
			return TP_EPARAMS;
		}
	}
	if (h->desc->load != NULL)
		rc = h->desc->load(
		    &h->plugin, h->config.root, previous, &h->state);
	h->loaded = rc == TP_OK;
	return rc;
}

static inline void
tp_test_unload(struct tp_test_host *h)
{
	if (h->loaded && h->desc->unload != NULL)
		h->desc->unload(&h->plugin, h->state);
	h->loaded = 0;
	h->state = NULL;
}

/* Unloads, closes, and fails the test where the contract was broken. */
static inline void
tp_test_close(struct tp_test_host *h)
{
	tp_test_unload(h);
	(void)tp_test_check(
	    h->misuse == 0, h->desc->name, 0, "the plugin keeps the contract");
	tp_test_json_free(&h->config);
	tp_test_notes_drop(&h->logs);
	tp_test_notes_drop(&h->changes);
	(void)pthread_mutex_destroy(&h->lock);
	if (h->so != NULL)
		(void)dlclose(h->so);
	h->so = NULL;
}

static inline const struct tp_entry *
tp_test_entry(const struct tp_plugin_desc *d, const char *name)
{
	const char *at = (const char *)d->entries;
	size_t i;

	for (i = 0; i < d->entries_len; i++, at += d->abi.entry_size) {
		const struct tp_entry *e;

		e = (const struct tp_entry *)(const void *)at;
		if (strcmp(e->name, name) == 0)
			return e;
	}
	return NULL;
}

/* Calls. */

/* A call that has not started.  args is JSON text, NULL for {}.  NULL and a
 * line when there is no such entry or args is not JSON. */
static inline struct tp_test_result *
tp_test_new(struct tp_test_host *h, const char *entry, const char *args)
{
	struct tp_test_result *c;

	c = (struct tp_test_result *)tp_test_must(calloc(1, sizeof *c));
	c->base.host = h->plugin.host;
	c->host = h;
	c->entry = tp_test_entry(h->desc, entry);
	c->args = tp_test_json_parse(tp_cstr(args != NULL ? args : "{}"));
	if (c->entry == NULL || c->args.root == NULL) {
		(void)tp_test_check(0, entry, 0,
		    c->entry == NULL ? "there is no such entry"
				     : c->args.error);
		tp_test_json_free(&c->args);
		free(c);
		return NULL;
	}
	c->name = tp_test_copy(tp_cstr(entry));
	c->deadline_ns = INT64_MAX;
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_cond_init(&c->changed, NULL);
	return c;
}

/* The client's answers, {"key": answer, ..} as JSON text, for the next run. */
static inline void
tp_test_answers(struct tp_test_result *c, const char *answers)
{
	tp_test_json_free(&c->answers);
	c->answers = tp_test_json_parse(tp_cstr(answers));
	(void)tp_test_check(
	    c->answers.root != NULL, c->entry->name, 0, "the answers are JSON");
}

static inline void
tp_test_reset(struct tp_test_result *c)
{
	tp_test_notes_drop(&c->content);
	tp_test_notes_drop(&c->progress);
	tp_test_notes_drop(&c->requests);
	tp_test_json_free(&c->structured);
	free(c->message);
	c->message = NULL;
	c->allocs = 0;
	c->returned = c->ended = 0;
	while (c->memory != NULL) {
		struct tp_test_memory *next = c->memory->next;

		free(c->memory);
		c->memory = next;
	}
}

/* Runs the handler on this thread; what it returned.  After TP_PENDING the
 * answer is waited for with tp_test_wait(). */
static inline int
tp_test_start(struct tp_test_result *c)
{
	int rc;

	tp_test_reset(c);
	rc = c->entry->call(&c->base, c->host->state);
	(void)pthread_mutex_lock(&c->lock);
	c->returned = 1;
	if (rc != TP_PENDING) {
		c->hook = NULL;
		/* A hook that is under way ends before its argument does. */
		while (c->hook_runs)
			(void)pthread_cond_wait(&c->changed, &c->lock);
		if (c->ended) {
			(void)pthread_mutex_unlock(&c->lock);
			tp_test_misuse(c->host, c->entry->name,
			    "done(), and then an answer");
			return rc;
		}
		c->status = rc;
		c->ended = 1;
	}
	(void)pthread_mutex_unlock(&c->lock);
	if (rc == TP_INPUT && c->requests.len == 0)
		tp_test_misuse(
		    c->host, c->entry->name, "TP_INPUT without require()");
	return rc;
}

/* Waits until the answer is complete: its status, or TP_TEST_TIMEOUT. */
static inline int
tp_test_wait(struct tp_test_result *c, int timeout_ms)
{
	struct timespec until;
	int rc = 0, status;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)pthread_mutex_lock(&c->lock);
	while (!c->ended && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&c->changed, &c->lock, &until);
	status = c->ended ? c->status : TP_TEST_TIMEOUT;
	(void)pthread_mutex_unlock(&c->lock);
	return status;
}

/* Start and wait. */
static inline int
tp_test_run(struct tp_test_result *c)
{
	(void)tp_test_start(c);
	return tp_test_wait(c, TP_TEST_WAIT_MS);
}

/* [any] What happens when the client goes away.  May come before the start. */
static inline void
tp_test_cancel(struct tp_test_result *c)
{
	tp_cancel_fn *hook;

	(void)pthread_mutex_lock(&c->lock);
	hook = c->hook;
	c->cancelled = 1;
	c->hook = NULL;
	if (hook != NULL) {
		c->hook_runs = 1;
		c->hook_thread = pthread_self();
		(void)pthread_mutex_unlock(&c->lock);
		hook(c->hook_arg);
		(void)pthread_mutex_lock(&c->lock);
		c->hook_runs = 0;
		(void)pthread_cond_broadcast(&c->changed);
	}
	(void)pthread_mutex_unlock(&c->lock);
}

/* New and run.  Never NULL: an entry that does not exist ends the test. */
static inline struct tp_test_result *
tp_test_call(struct tp_test_host *h, const char *entry, const char *args)
{
	struct tp_test_result *c = tp_test_new(h, entry, args);

	if (c == NULL)
		exit(1);
	(void)tp_test_run(c);
	return c;
}

/* The same for a resource; entry is its URI or URI template, uri what was
 * asked for, vars the template's variables (NULL for {}). */
static inline struct tp_test_result *
tp_test_read(struct tp_test_host *h, const char *entry, const char *uri,
    const char *vars)
{
	struct tp_test_result *c = tp_test_new(h, entry, vars);

	if (c == NULL)
		exit(1);
	free(c->name);
	c->name = tp_test_copy(tp_cstr(uri));
	(void)tp_test_run(c);
	return c;
}

/* Must not be pending. */
static inline void
tp_test_free(struct tp_test_result *c)
{
	if (c == NULL)
		return;
	tp_test_reset(c);
	tp_test_json_free(&c->args);
	tp_test_json_free(&c->answers);
	free(c->name);
	(void)pthread_cond_destroy(&c->changed);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

/* Reading the answer. */

static inline const char *
tp_test_text_at(const struct tp_test_result *c, size_t index)
{
	const struct tp_test_note *n = tp_test_nth(&c->content, index);

	return n != NULL ? n->text : NULL;
}

/* The text of the first block. */
static inline const char *
tp_test_text(const struct tp_test_result *c)
{
	return tp_test_text_at(c, 0);
}

/* A value by JSON Pointer ("/days/0/high"); NULL when there is none. */
static inline const struct tp_json *
tp_test_find(const struct tp_json *v, const char *pointer)
{
	char step[128];
	size_t len;

	while (v != NULL && *pointer == '/') {
		pointer++;
		len = strcspn(pointer, "/");
		if (len >= sizeof step)
			return NULL;
		memcpy(step, pointer, len);
		step[len] = '\0';
		pointer += len;
		v = v->type == TP_ARRAY
		    ? tp_test_json_at(v, (size_t)strtoul(step, NULL, 10))
		    : tp_test_json_get(v, step);
	}
	return v;
}

/* A string of the structured result. */
static inline const char *
tp_test_found(const struct tp_test_result *c, const char *pointer)
{
	return tp_test_json_str(tp_test_find(c->structured.root, pointer)).ptr;
}

/* A number of the structured result; 0 when there is none. */
static inline double
tp_test_found_num(const struct tp_test_result *c, const char *pointer)
{
	return tp_test_json_num(tp_test_find(c->structured.root, pointer));
}

#endif
