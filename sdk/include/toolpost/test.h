/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host for the tests of plugin authors: no server, no library, this header
 * alone.  It runs one entry the way toolpost does and keeps all that came
 * out.
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

#include <toolpost/test_host.h>

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

/* Opens the file as toolpost does.  0, or -1 and a line: then there is nothing
 * to close. */
static inline int
tp_test_open(struct tp_test_host *h, const char *path)
{
	void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	int rc;

	if (so == NULL)
		(void)fprintf(stderr, "%s\n", dlerror());
	rc = tp_test_host_init(h,
	    so != NULL
		? (const struct tp_plugin_desc *)dlsym(so, TP_PLUGIN_SYMBOL)
		: NULL);
	if (rc == 0) {
		h->so = so;
	} else if (so != NULL) {
		h->desc = NULL;
		(void)dlclose(so);
	}
	return rc;
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

/* The plugin's tp.complete/1 for an argument of a prompt or a URI template;
 * the values are the result's text blocks. */
static inline struct tp_test_result *
tp_test_complete(struct tp_test_host *h, const char *entry, const char *args)
{
	struct tp_test_result *c = tp_test_new(h, entry, args);
	size_t i;

	for (i = 0; c != NULL && i < h->desc->offers_len; i++) {
		const struct tp_complete *hook;

		if (strcmp(h->desc->offers[i].id, TP_EXT_COMPLETE) != 0)
			continue;
		hook = (const struct tp_complete *)h->desc->offers[i].table;
		c->completer.name = c->entry->name;
		c->completer.flags = hook->flags;
		c->completer.call = hook->complete;
		c->entry = &c->completer;
		return c;
	}
	if (c != NULL)
		(void)tp_test_check(
		    0, entry, 0, TP_EXT_COMPLETE " is not there");
	return c;
}

/* The client's answers of all rounds so far, {"key": answer, ..} as JSON text,
 * for the next run. */
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
	tp_test_notes_drop(&c->messages);
	tp_test_notes_drop(&c->task_status);
	tp_test_notes_drop(&c->links);
	tp_test_notes_drop(&c->links_done);
	tp_test_notes_drop(&c->requests);
	if (c->next_state.len > 0) {
		tp_test_notes_drop(&c->state);
		c->state = c->next_state;
		memset(&c->next_state, 0, sizeof c->next_state);
	}
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
	if (rc == TP_INPUT && c->requests.len == 0 && c->next_state.len == 0)
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
	tp_test_notes_drop(&c->state);
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
