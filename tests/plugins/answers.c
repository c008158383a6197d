/* SPDX-License-Identifier: Apache-2.0 */
/* Every way to end a call, right and wrong; "how" says which. */
#include <pthread.h>
#include <stdlib.h>

#include <toolpost/plugin.h>

struct answers {
	pthread_mutex_t lock;
	pthread_t thread;
	int running;
};

static void *
later(void *arg)
{
	struct tp_call *call = arg;

	(void)tp_text(call, tp_cstr("later"));
	call->host->done(call, TP_OK);
	return NULL;
}

static void
stopped(void *arg)
{
	struct tp_call *call = arg;

	call->host->done(call, TP_ECANCELLED);
}

static int
start(struct tp_call *call, struct answers *a)
{
	int rc;

	pthread_mutex_lock(&a->lock);
	if (a->running)
		pthread_join(a->thread, NULL);
	rc = pthread_create(&a->thread, NULL, later, call);
	a->running = rc == 0;
	pthread_mutex_unlock(&a->lock);
	return rc == 0 ? TP_PENDING : TP_ENOMEM;
}

static int
ask(struct tp_call *call)
{
	const struct tp_host *h = call->host;
	const struct tp_json *who = h->input(call, "who");

	if (who != NULL)
		return tp_text(call, h->json_str(h->json_get(who, "name")));
	if (h->require(call, "who", tp_cstr("elicitation/create"),
		tp_cstr("{\"message\":\"Who?\",\"requestedSchema\":{"
			"\"type\":\"object\",\"properties\":{}}}"))
	    != TP_OK)
		return TP_EFAIL;
	return TP_INPUT;
}

static int
answer(struct tp_call *call, void *state)
{
	const struct tp_host *h = call->host;
	struct tp_str how = tp_arg_str(call, "how", "");

	switch (how.len > 0 ? how.ptr[0] : ' ') {
	case 'l':
		return start(call, state);
	case 'w':
		return h->on_cancel(call, stopped, call) == TP_OK ? TP_PENDING
								  : TP_EFAIL;
	case 'u':
		return 77;
	case 'f':
		return h->fail(call, TP_EFAIL, tp_cstr("it broke"));
	case 'x':
		return h->fail(call, TP_EFAIL, tp_cstr("\xff"));
	case 'a':
		return ask(call);
	case 'b':
		while (tp_text(call, tp_cstr("0123456789")) == TP_OK)
			;
		return TP_OK;
	default:
		return TP_EPARAMS;
	}
}

static int
load(struct tp_plugin *p, const struct tp_json *config,
    const struct tp_snapshot *previous, void **state)
{
	struct answers *a = calloc(1, sizeof *a);

	(void)p;
	(void)config;
	(void)previous;
	if (a == NULL)
		return TP_ENOMEM;
	pthread_mutex_init(&a->lock, NULL);
	*state = a;
	return TP_OK;
}

static void
unload(struct tp_plugin *p, void *state)
{
	struct answers *a = state;

	(void)p;
	if (a->running)
		pthread_join(a->thread, NULL);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

static const struct tp_entry entries[] = {
	TP_TOOL("answer", answer),
};

TP_PLUGIN_STATE("sample", "1.0.0", entries, 0, load, NULL, unload);
