/* SPDX-License-Identifier: Apache-2.0 */
/* Adds and drops entries while it runs, says what the host thinks of that,
 * and carries its list over a reload. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <toolpost/ext/complete.h>
#include <toolpost/ext/dynamic.h>
#include <toolpost/plugin.h>

#ifndef BUILD
#define BUILD "one"
#endif
#define NAMES_MAX 256

struct state {
	struct tp_plugin *plugin;
	const struct tp_dynamic *dynamic;
	pthread_mutex_t lock;
	char names[NAMES_MAX][64]; /* of tools; empty: free */
	unsigned live; /* arguments not yet given back */
	unsigned gone;
	struct tp_call *held;
	struct tp_batch *open;
	char saved[NAMES_MAX * 65];
};

/* What an added entry is called with. */
struct added {
	struct state *state;
	char name[64];
};

static int
answer(struct tp_call *call, void *arg)
{
	struct added *a = arg;

	return tp_textf(call, "%s of " BUILD, a->name);
}

/* Answers when it is told to. */
static int
hold(struct tp_call *call, void *arg)
{
	struct added *a = arg;

	pthread_mutex_lock(&a->state->lock);
	a->state->held = call;
	pthread_mutex_unlock(&a->state->lock);
	return TP_PENDING;
}

static void
gone(void *arg)
{
	struct added *a = arg;
	struct state *s = a->state;

	pthread_mutex_lock(&s->lock);
	s->live--;
	s->gone++;
	pthread_mutex_unlock(&s->lock);
	free(a);
}

static int
release(struct tp_call *call, void *state)
{
	struct state *s = state;
	struct tp_call *held;

	pthread_mutex_lock(&s->lock);
	held = s->held;
	s->held = NULL;
	pthread_mutex_unlock(&s->lock);
	if (held == NULL)
		return tp_failf(call, TP_EFAIL, "nothing is held");
	held->host->content(held,
	    &(struct tp_content){ .size = sizeof(struct tp_content),
		.type = TP_TEXT,
		.data = tp_cstr("held by " BUILD) });
	held->host->done(held, TP_OK);
	return tp_text(call, tp_cstr("released"));
}

static int
put_one(struct state *s, struct tp_batch *b, uint32_t kind, struct tp_str name,
    struct tp_str about)
{
	struct added *a = calloc(1, sizeof *a);
	struct tp_dynamic_entry e = { .size = sizeof e, .kind = kind };
	int rc;

	if (a == NULL)
		return TP_ENOMEM;
	a->state = s;
	snprintf(a->name, sizeof a->name, "%.*s", (int)name.len, name.ptr);
	e.name = name;
	e.about = about;
	e.call = strstr(a->name, "hold") != NULL ? hold : answer;
	e.arg = a;
	e.gone = gone;
	if (strstr(a->name, "quick") != NULL)
		e.flags = TP_NONBLOCKING;
	pthread_mutex_lock(&s->lock);
	s->live++;
	pthread_mutex_unlock(&s->lock);
	rc = s->dynamic->put(b, &e);
	if (rc == TP_OK)
		return rc;
	pthread_mutex_lock(&s->lock);
	s->live--;
	pthread_mutex_unlock(&s->lock);
	free(a);
	return rc;
}

static void
remember(struct state *s, struct tp_str name, int there)
{
	int room = -1;

	pthread_mutex_lock(&s->lock);
	for (int i = 0; i < NAMES_MAX; i++) {
		if (s->names[i][0] == '\0')
			room = room < 0 ? i : room;
		if (strlen(s->names[i]) == name.len
		    && memcmp(s->names[i], name.ptr, name.len) == 0) {
			s->names[i][0] = '\0';
			room = i;
		}
	}
	if (there && room >= 0)
		snprintf(s->names[room], sizeof s->names[room], "%.*s",
		    (int)name.len, name.ptr);
	pthread_mutex_unlock(&s->lock);
}

static uint32_t
kind_of(const struct tp_host *h, const struct tp_json *change)
{
	int64_t kind = TP_KIND_TOOL;

	(void)h->json_int(h->json_get(change, "kind"), &kind);
	return (uint32_t)kind;
}

/* {"changes": [{"put": NAME, "about": {..}, "kind": 1}, {"drop": NAME}]}
 * answers with one status a change, and that of the commit. */
static int
change(struct tp_call *call, void *state)
{
	const struct tp_host *h = call->host;
	const struct tp_json *list = h->json_get(h->args(call), "changes");
	const struct tp_json *abandon = h->json_get(h->args(call), "abandon");
	struct state *s = state;
	struct tp_batch *b;
	char text[4096] = "";
	size_t used = 0;
	int rc;

	if (s->dynamic == NULL)
		return tp_text(call, tp_cstr("not granted"));
	b = s->dynamic->begin(s->plugin);
	if (b == NULL)
		return tp_text(call, tp_cstr("no batch"));
	for (size_t i = 0; i < h->json_len(list); i++) {
		const struct tp_json *c = h->json_at(list, i);
		const struct tp_json *put = h->json_get(c, "put");
		struct tp_str name =
		    h->json_str(put != NULL ? put : h->json_get(c, "drop"));

		rc = put != NULL ? put_one(s, b, kind_of(h, c), name,
			 h->json_raw(h->json_get(c, "about")))
				 : s->dynamic->drop(b, kind_of(h, c), name);
		used += (size_t)snprintf(
		    text + used, sizeof text - used, "%d ", rc);
		if (rc == TP_OK && kind_of(h, c) == TP_KIND_TOOL)
			remember(s, name, put != NULL);
	}
	if (h->json_type(abandon) == TP_BOOL) {
		s->dynamic->abandon(b);
		return tp_textf(call, "%sabandoned", text);
	}
	rc = s->dynamic->commit(b);
	snprintf(text + used, sizeof text - used, "= %d", rc);
	return tp_text(call, tp_cstr(text));
}

static int
counts(struct tp_call *call, void *state)
{
	struct state *s = state;
	unsigned live, done;
	int holds;

	pthread_mutex_lock(&s->lock);
	live = s->live;
	done = s->gone;
	holds = s->held != NULL;
	pthread_mutex_unlock(&s->lock);
	return tp_textf(call, "live %u gone %u%s", live, done,
	    holds ? ", holds a call" : "");
}

/* What the snapshot names is there before anybody can look. */
static int
restore(struct state *s, struct tp_str names)
{
	struct tp_batch *b = s->dynamic->begin(s->plugin);
	size_t from = 0;

	if (b == NULL)
		return TP_ENOMEM;
	for (size_t i = 0; i < names.len; i++) {
		struct tp_str name = { names.ptr + from, i - from };
		int rc;

		if (names.ptr[i] != '\n')
			continue;
		from = i + 1;
		rc = put_one(s, b, TP_KIND_TOOL, name,
		    tp_cstr("{\"description\":\"Restored.\"}"));
		if (rc != TP_OK) {
			s->dynamic->abandon(b);
			return rc;
		}
		remember(s, name, 1);
	}
	return s->dynamic->commit(b);
}

static int
load(struct tp_plugin *p, const struct tp_json *config,
    const struct tp_snapshot *previous, void **state)
{
	struct state *s = calloc(1, sizeof *s);
	int rc;

	(void)config;
	if (s == NULL)
		return TP_ENOMEM;
	s->plugin = p;
	s->dynamic = p->host->extension(p, TP_EXT_DYNAMIC);
	pthread_mutex_init(&s->lock, NULL);
	*state = s;
	if (previous == NULL || s->dynamic == NULL)
		return TP_OK;
	rc = restore(s, previous->bytes);
	if (rc != TP_OK)
		free(s); /* no argument is with the host */
	return rc;
}

static int
save(struct tp_plugin *p, void *state, struct tp_snapshot *out)
{
	struct state *s = state;
	size_t used = 0;

	(void)p;
	pthread_mutex_lock(&s->lock);
	for (int i = 0; i < NAMES_MAX; i++)
		if (s->names[i][0] != '\0')
			used += (size_t)snprintf(s->saved + used,
			    sizeof s->saved - used, "%s\n", s->names[i]);
	pthread_mutex_unlock(&s->lock);
	out->format = 1;
	out->bytes.ptr = s->saved;
	out->bytes.len = used;
	return TP_OK;
}

static void
unload(struct tp_plugin *p, void *state)
{
	struct state *s = state;
	char text[64];

	snprintf(text, sizeof text, "unload with %u live", s->live);
	p->host->log(p, TP_INFO, tp_cstr(text));
	if (s->open != NULL)
		s->dynamic->abandon(s->open);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static int
complete(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, tp_cstr("a value"));
}

static const struct tp_complete completer = { sizeof completer, 0, complete };
static const struct tp_offer offers[] = { { TP_EXT_COMPLETE, &completer } };

static const struct tp_entry entries[] = {
	TP_TOOL("dyn_change", change),
	TP_TOOL("dyn_counts", counts),
	TP_TOOL("dyn_release", release),
};

TP_PLUGIN_OFFERS(
    "dyn", "1.0.0", entries, offers, TP_CLOSABLE, load, save, unload);
