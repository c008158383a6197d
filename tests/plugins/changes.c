/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the host from a thread of its own that things changed. */
#include <pthread.h>
#include <stdlib.h>

#include <toolpost/plugin.h>

struct teller {
	struct tp_plugin *plugin;
	pthread_t thread;
};

static void *
tell(void *arg)
{
	struct teller *t = arg;
	const struct tp_host *h = t->plugin->host;

	for (int i = 0; i < 100; i++)
		h->changed(t->plugin, TP_KIND_TOOL, tp_cstr(""));
	h->changed(t->plugin, TP_KIND_RESOURCE, tp_cstr("sample://value"));
	h->log(t->plugin, TP_INFO, tp_cstr("told"));
	return NULL;
}

static int
load(struct tp_plugin *p, const struct tp_json *config,
    const struct tp_snapshot *previous, void **state)
{
	struct teller *t = calloc(1, sizeof *t);

	(void)config;
	(void)previous;
	if (t == NULL)
		return TP_ENOMEM;
	t->plugin = p;
	if (pthread_create(&t->thread, NULL, tell, t) != 0) {
		free(t);
		return TP_ENOMEM;
	}
	*state = t;
	return TP_OK;
}

static void
unload(struct tp_plugin *p, void *state)
{
	struct teller *t = state;

	(void)p;
	pthread_join(t->thread, NULL);
	free(t);
}

static int
value(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, tp_cstr("value"));
}

static const struct tp_entry entries[] = {
	TP_TOOL("version", value),
	TP_RESOURCE("sample://value", value),
};

TP_PLUGIN_STATE("sample", "1.0.0", entries, 0, load, NULL, unload);
