/* SPDX-License-Identifier: Apache-2.0 */
/* Says in the log which of its resources are watched, and reports a change of
 * each as soon as somebody waits for it. */
#include <stdio.h>

#include <toolpost/ext/watch.h>
#include <toolpost/plugin.h>

#ifndef BUILD
#define BUILD "one"
#endif
#ifndef UNWATCH
#define UNWATCH unwatch
#endif

static void
say(struct tp_plugin *p, const char *what, struct tp_str uri)
{
	char text[256];

	snprintf(text, sizeof text, BUILD " %s %.*s", what, TP_FMT(uri));
	p->host->log(p, TP_INFO, tp_cstr(text));
}

static int
watch(struct tp_plugin *p, void *state, struct tp_str uri)
{
	(void)state;
	say(p, "watches", uri);
	p->host->changed(p, TP_KIND_RESOURCE, uri);
	return uri.len > 4 && memcmp(uri.ptr + uri.len - 4, "fail", 4) == 0
	    ? TP_EFAIL
	    : TP_OK;
}

static inline void
unwatch(struct tp_plugin *p, void *state, struct tp_str uri)
{
	(void)state;
	say(p, "leaves", uri);
}

static int
value(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, tp_cstr(BUILD));
}

static const struct tp_entry entries[] = {
	TP_RESOURCE("watch://value", value),
	TP_RESOURCE("watch://item/{n}", value),
};
static const struct tp_watch watcher = { sizeof watcher, 0, watch, UNWATCH };
static const struct tp_offer offers[] = { { TP_EXT_WATCH, &watcher } };

TP_PLUGIN_OFFERS(
    "watches", "1.0.0", entries, offers, TP_CLOSABLE, NULL, NULL, NULL);
