/* SPDX-License-Identifier: Apache-2.0 */
/* Counts calls, and hands the count to the next generation in a format of its
 * own; knows its own format only. */
#include <stdint.h>
#include <stdlib.h>

#include <toolpost/plugin.h>

#ifndef FORMAT
#define FORMAT 1
#endif

struct counter {
	int64_t calls;
	int fresh;
	char saved[8];
};

static int
count(struct tp_call *call, void *state)
{
	struct counter *c = state;

	c->calls++;
	return tp_textf(
	    call, "%d %s", (int)c->calls, c->fresh ? "fresh" : "taken");
}

static int
load(struct tp_plugin *p, const struct tp_json *config,
    const struct tp_snapshot *previous, void **state)
{
	struct counter *c;

	(void)p;
	(void)config;
#ifdef LOAD_FAILS
	return TP_EFAIL;
#endif
	if (previous != NULL && previous->format != FORMAT)
		return TP_ESTATE;
	c = calloc(1, sizeof *c);
	if (c == NULL)
		return TP_ENOMEM;
	c->fresh = previous == NULL;
	if (previous != NULL && previous->bytes.len == sizeof c->calls)
		memcpy(&c->calls, previous->bytes.ptr, sizeof c->calls);
	*state = c;
	return TP_OK;
}

static int
save(struct tp_plugin *p, void *state, struct tp_snapshot *out)
{
	struct counter *c = state;

	(void)p;
#ifdef SAVE_FAILS
	return TP_EFAIL;
#endif
	memcpy(c->saved, &c->calls, sizeof c->saved);
	out->format = FORMAT;
	out->bytes.ptr = c->saved;
	out->bytes.len = sizeof c->saved;
	return TP_OK;
}

static void
unload(struct tp_plugin *p, void *state)
{
	(void)p;
	free(state);
}

static const struct tp_entry entries[] = {
	TP_TOOL_FLAGS("count", count, TP_SERIAL),
};

TP_PLUGIN_STATE("sample", "1.0.0", entries, TP_CLOSABLE, load, save, unload);
