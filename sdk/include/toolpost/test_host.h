/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of <toolpost/test.h>: what a test host keeps, and the table that
 * plugins see.  Include test.h, which says how to use it. */
#ifndef TOOLPOST_TEST_HOST_H
#define TOOLPOST_TEST_HOST_H

/* Strict C hides the clocks of POSIX. */
#if defined(__STRICT_ANSI__) && !defined(_POSIX_C_SOURCE) \
    && !defined(_GNU_SOURCE) && !defined(_DEFAULT_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <toolpost/ext/complete.h>
#include <toolpost/ext/draft/elicit.h>
#include <toolpost/ext/draft/task.h>
#include <toolpost/ext/stream.h>
#include <toolpost/plugin.h>
#include <toolpost/test_json.h>

#ifndef CLOCK_MONOTONIC
#error include <toolpost/test.h> first, or define _POSIX_C_SOURCE as 200809L
#endif

#define TP_TEST_WAIT_MS 30000
#define TP_TEST_STATE_MAX (16 * 1024)
#define TP_TEST_KEY_MAX 256
#define TP_TEST_TIMEOUT (-100) /* tp_test_wait(): no answer yet */

enum tp_test_capability {
	TP_TEST_SAMPLING = 1 << 0,
	TP_TEST_ELICITATION = 1 << 1,
	TP_TEST_ROOTS = 1 << 2,
	TP_TEST_TASKS = 1 << 3, /* can follow a task */
	TP_TEST_LINKS = 1 << 4, /* knows what tp.elicit/1 says */
	TP_TEST_EVERYTHING = 31
};

/* Something that was said: which of the members are used depends on the
 * list it stands in.  Texts are NUL-terminated copies. */
struct tp_test_note {
	struct tp_test_note *next;
	int number; /* log, message: level; changed: kind; content: type */
	uint32_t role; /* content */
	uint32_t flags; /* content, message */
	double done; /* progress */
	double total;
	char *text; /* log, progress, message, content: data;
		     * require: params */
	size_t len; /* of text */
	char *key; /* require: key; content: uri; changed: uri */
	char *name; /* require: method; content: name; message: logger */
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
	int release; /* the manifest says release: true */
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
	struct tp_entry completer; /* where entry is one */
	struct tp_test_json args;
	struct tp_test_json answers;
	struct tp_test_notes state; /* the last one is what state() says */

	/* To be set before tp_test_run(). */
	char *name; /* what name() says: the entry, or the URI asked for */
	int64_t deadline_ns;
	unsigned fail_alloc; /* the Nth alloc() gives NULL; 0: none */

	/* What came out. */
	int status;
	struct tp_test_notes content;
	struct tp_test_notes progress;
	struct tp_test_notes messages; /* to the client */
	struct tp_test_notes requests;
	int task; /* tp_task_begin() has let the caller go */
	struct tp_test_notes task_status; /* what it was said to do */
	struct tp_test_notes links; /* required(): the last list is first */
	struct tp_test_notes links_done; /* complete(): each id */
	struct tp_test_notes next_state; /* what set_state() was given last */
	struct tp_test_json structured;
	char *message; /* of a failure, else NULL */
	unsigned released; /* how often its stream was let go of */
	uint32_t retry_ms; /* what was said last then */
	unsigned allocs;

	pthread_mutex_t lock; /* guards the rest, progress, messages, status */
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

static inline int
tp_test_host_release(struct tp_call *call, uint32_t retry_ms)
{
	struct tp_test_result *r = (struct tp_test_result *)call;

	if (retry_ms > TP_STREAM_RETRY_MAX_MS)
		return TP_EPARAMS;
	(void)pthread_mutex_lock(&r->lock);
	r->released++;
	r->retry_ms = retry_ms;
	(void)pthread_mutex_unlock(&r->lock);
	return TP_OK;
}

static inline int
tp_test_task_status(struct tp_call *call, struct tp_str status)
{
	struct tp_test_result *c = tp_test_of(call);
	int rc = TP_OK;

	if (!tp_test_utf8(status) || status.len > 1024) {
		tp_test_misuse(c->host, c->entry->name, "status of a task");
		return TP_EPARAMS;
	}
	if ((c->host->capabilities & TP_TEST_TASKS) == 0)
		return TP_ENOTSUP;
	(void)pthread_mutex_lock(&c->lock);
	if (c->cancelled)
		rc = TP_ECANCELLED;
	else if (c->task)
		(void)tp_test_note_add(&c->task_status, status);
	(void)pthread_mutex_unlock(&c->lock);
	return rc;
}

static inline int
tp_test_task_begin(struct tp_call *call, struct tp_str status)
{
	struct tp_test_result *c = tp_test_of(call);

	if ((c->host->capabilities & TP_TEST_TASKS) == 0)
		return TP_ENOTSUP;
	(void)pthread_mutex_lock(&c->lock);
	c->task = 1;
	(void)pthread_mutex_unlock(&c->lock);
	return tp_test_task_status(call, status);
}

static inline const struct tp_task *
tp_test_task_table(void)
{
	static const struct tp_task table = { (uint32_t)sizeof(struct tp_task),
		0, tp_test_task_begin, tp_test_task_status };

	return &table;
}

static inline int
tp_test_str_is(struct tp_str s, const char *word)
{
	return s.len == strlen(word) && memcmp(s.ptr, word, s.len) == 0;
}

static inline int
tp_test_link_done(struct tp_call *call, struct tp_str id)
{
	struct tp_test_result *c = tp_test_of(call);
	int rc = TP_OK;

	if ((c->host->capabilities & TP_TEST_LINKS) == 0)
		return TP_ENOTSUP;
	if (id.len == 0 || id.len > TP_TEST_KEY_MAX || !tp_test_utf8(id)) {
		tp_test_misuse(c->host, c->entry->name, "id of a link");
		return TP_EPARAMS;
	}
	(void)pthread_mutex_lock(&c->lock);
	if (c->cancelled)
		rc = TP_ECANCELLED;
	else
		(void)tp_test_note_add(&c->links_done, id);
	(void)pthread_mutex_unlock(&c->lock);
	return rc;
}

/* The host looks at them more closely. */
static inline int
tp_test_links_are_good(const struct tp_json *list)
{
	static const char *const keys[] = { "message", "url", "elicitationId" };
	size_t i, k;

	for (i = 0; i < tp_test_json_len(list); i++) {
		const struct tp_json *link = tp_test_json_at(list, i);

		if (!tp_test_str_is(
			tp_test_json_str(tp_test_json_get(link, "mode")),
			"url"))
			return 0;
		for (k = 0; k < sizeof keys / sizeof keys[0]; k++)
			if (tp_test_json_type(tp_test_json_get(link, keys[k]))
			    != TP_STRING)
				return 0;
	}
	return tp_test_json_type(list) == TP_ARRAY && i > 0;
}

static inline int
tp_test_links_required(struct tp_call *call, struct tp_str links)
{
	struct tp_test_result *c = tp_test_of(call);
	struct tp_test_json doc;
	int good;

	if ((c->host->capabilities & TP_TEST_LINKS) == 0)
		return TP_ENOTSUP;
	doc = tp_test_json_parse(links);
	good = doc.root != NULL && tp_test_links_are_good(doc.root);
	tp_test_json_free(&doc);
	if (!good) {
		tp_test_misuse(c->host, c->entry->name, "list of links");
		return TP_EPARAMS;
	}
	tp_test_notes_drop(&c->links);
	(void)tp_test_note_add(&c->links, links);
	return TP_EFAIL;
}

static inline const struct tp_elicit *
tp_test_elicit_table(void)
{
	static const struct tp_elicit table = { (uint32_t)sizeof(
						    struct tp_elicit),
		0, tp_test_link_done, tp_test_links_required };

	return &table;
}

static inline const void *
tp_test_host_extension(struct tp_plugin *p, const char *id)
{
	static const struct tp_stream stream = { sizeof stream, 0,
		tp_test_host_release };
	const struct tp_test_host *h = (const struct tp_test_host *)p;
	size_t i;

	if (strcmp(id, TP_EXT_TASK) == 0)
		return tp_test_task_table();
	if (strcmp(id, TP_EXT_ELICIT) == 0)
		return tp_test_elicit_table();
	for (i = 0; i < h->extensions_len; i++)
		if (strcmp(h->extensions[i].id, id) == 0)
			return h->extensions[i].table;
	if (h->release && strcmp(id, TP_EXT_STREAM) == 0)
		return &stream;
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

static inline int
tp_test_host_message(struct tp_call *call, int level, struct tp_str logger,
    struct tp_str data, uint32_t flags)
{
	struct tp_test_result *c = tp_test_of(call);
	struct tp_test_json doc;
	struct tp_test_note *n;
	int rc = TP_OK;

	if ((flags & TP_MESSAGE_JSON) != 0) {
		doc = tp_test_json_parse(data);
		if (doc.root == NULL)
			rc = TP_EPARAMS;
		tp_test_json_free(&doc);
	}
	if (rc != TP_OK || level < TP_MESSAGE_DEBUG
	    || level > TP_MESSAGE_EMERGENCY || !tp_test_utf8(logger)
	    || !tp_test_utf8(data)) {
		tp_test_misuse(c->host, c->entry->name, "message()");
		return TP_EPARAMS;
	}
	(void)pthread_mutex_lock(&c->lock);
	if (c->cancelled) {
		rc = TP_ECANCELLED;
	} else {
		n = tp_test_note_add(&c->messages, data);
		n->number = level;
		n->flags = flags;
		n->name = tp_test_copy(logger);
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

/* Of the runs before this one. */
static inline struct tp_str
tp_test_host_state(const struct tp_call *call)
{
	const struct tp_test_note *n = tp_test_of(call)->state.last;
	struct tp_str bytes = { "", 0 };

	if (n != NULL) {
		bytes.ptr = n->text;
		bytes.len = n->len;
	}
	return bytes;
}

static inline int
tp_test_host_set_state(struct tp_call *call, struct tp_str bytes)
{
	struct tp_test_result *c = tp_test_of(call);

	if (tp_test_closed(c, "set_state() after the answer"))
		return TP_EFAIL;
	if (bytes.len > TP_TEST_STATE_MAX)
		return TP_ENOMEM;
	if (bytes.ptr == NULL)
		bytes = tp_cstr("");
	tp_test_notes_drop(&c->next_state);
	(void)tp_test_note_add(&c->next_state, bytes);
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
		tp_test_json_raw, tp_test_host_message, tp_test_host_state,
		tp_test_host_set_state };

	return &table;
}

#endif
