/* SPDX-License-Identifier: Apache-2.0 */
/* What was refused, counted. */
#include "plugin/refusals.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "plugin/box.h"
#include "plugin/refusals_priv.h"

void
plugin_refusals_init(struct plugin_refusals *r)
{
	memset(r, 0, sizeof *r);
	CHECK(pthread_mutex_init(&r->lock, NULL) == 0);
}

void
plugin_refusals_finish(struct plugin_refusals *r)
{
	free(r->items);
	(void)pthread_mutex_destroy(&r->lock); /* nobody holds it */
}

uint64_t
plugin_refusals_times(struct plugin_refusals *r)
{
	uint64_t n;

	CHECK(pthread_mutex_lock(&r->lock) == 0);
	n = r->times;
	CHECK(pthread_mutex_unlock(&r->lock) == 0);
	return n;
}

/* With the lock.  NULL: it is counted with all others alone. */
static struct plugin_refused *
refused_of(struct plugin_refusals *r, uint32_t call)
{
	struct plugin_refused *bigger;

	for (size_t i = 0; i < r->len; i++)
		if (r->items[i].call == call)
			return &r->items[i];
	if (r->len == REFUSALS_CALLS_MAX)
		return NULL;
	bigger = realloc(r->items, (r->len + 1) * sizeof *bigger);
	if (bigger == NULL)
		return NULL;
	r->items = bigger;
	memset(&bigger[r->len], 0, sizeof *bigger);
	bigger[r->len].call = call;
	return &bigger[r->len++];
}

int
refusals_add(struct plugin_refusals *r, const struct plugin_refused *one)
{
	struct plugin_refused *of;
	int at = -1;

	CHECK(pthread_mutex_lock(&r->lock) == 0);
	r->times++;
	of = refused_of(r, one->call);
	if (of != NULL) {
		at = (int)(of - r->items);
		of->times++;
		of->grant = one->grant;
		if (one->path[0] != '\0')
			memcpy(of->path, one->path, sizeof of->path);
	}
	CHECK(pthread_mutex_unlock(&r->lock) == 0);
	return at;
}

void
plugin_refusals_print(struct plugin_refusals *r, struct buf *out)
{
	CHECK(pthread_mutex_lock(&r->lock) == 0);
	for (size_t i = 0; i < r->len; i++) {
		const struct plugin_refused *one = &r->items[i];

		buf_cstr(out, i == 0 ? ",\"refused\":[" : ",");
		buf_printf(out, "{\"call\":\"%s\",\"times\":%llu",
		    box_call_name(one->call), (unsigned long long)one->times);
		if (one->grant != NULL)
			buf_printf(out, ",\"grant\":\"%s\"", one->grant);
		if (one->path[0] != '\0') {
			BUF_LIT(out, ",\"path\":");
			buf_json(out, str_of(one->path));
		}
		buf_char(out, '}');
	}
	if (r->len > 0)
		buf_char(out, ']');
	CHECK(pthread_mutex_unlock(&r->lock) == 0);
}
