/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator says of each plugin: copied, compared with what was said
 * before, and put on a generation that it does not make another one. */
#include <stdlib.h>
#include <string.h>

#include "plugin/manager_priv.h"

#define OVERRIDE_MEMORY ((size_t)8 * 1024 * 1024) /* of what one says */

const struct manager_override *
plugin_manager_override_find(const struct plugin_manager *m, struct str name)
{
	for (size_t i = 0; i < m->overrides_len; i++)
		if (str_equal(str_of(m->overrides[i].name), name))
			return &m->overrides[i];
	return NULL;
}

unsigned
plugin_manager_override_number(const struct manager_override *o)
{
	return o != NULL ? o->number : 0;
}

void
plugin_manager_overrides_free(struct manager_override *o, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		free(o[i].name);
		free(o[i].config_json);
		arena_finish(&o[i].arena);
	}
	free(o);
}

static int
texts_copy(struct manager_override *to, const struct plugin_override *from)
{
	to->isolation_at = arena_dup(&to->arena, from->isolation_at);
	to->many_at = arena_dup(&to->arena, from->many_at);
	to->grants_at = arena_dup(&to->arena, from->grants_at);
	plugin_user_copy(&to->user, &from->user, &to->arena);
	to->has_grants = from->grants != NULL;
	if (to->has_grants
	    && !plugin_grants_copy(&to->grants, from->grants, &to->arena))
		return ERR_NOMEM;
	if (from->limits != NULL)
		to->limits = plugin_limits_copy(from->limits, &to->arena);
	return to->arena.failed ? ERR_NOMEM : 0;
}

static int
override_copy(struct manager_override *to, const struct plugin_override *from)
{
	struct buf json;

	to->disabled = from->disabled;
	to->may_close = from->may_close;
	to->isolation = from->isolation;
	to->restart = from->restart;
	to->many = from->many;
	to->name = strndup(from->name.ptr, from->name.len);
	arena_init(&to->arena, OVERRIDE_MEMORY);
	if (to->name == NULL || texts_copy(to, from) < 0)
		return ERR_NOMEM;
	if (from->config == NULL)
		return 0;
	buf_init(&json);
	if (yaml_to_json(from->config, &json) == 0)
		to->config_json = buf_take(&json);
	buf_finish(&json);
	return to->config_json != NULL ? 0 : ERR_NOMEM;
}

static bool
restart_equal(const struct plugin_restart *a, const struct plugin_restart *b)
{
	return a->intensity == b->intensity && a->period_ns == b->period_ns
	    && a->pause_ns == b->pause_ns && a->pause_max_ns == b->pause_max_ns;
}

static bool
many_equal(const struct plugin_processes *a, const struct plugin_processes *b)
{
	return a->runners == b->runners && a->spare == b->spare
	    && a->spare_said == b->spare_said;
}

/* Also of where it was said: people are shown that. */
static bool
is_equal(const struct manager_override *a, const struct manager_override *b)
{
	return a->disabled == b->disabled && a->may_close == b->may_close
	    && a->isolation == b->isolation
	    && restart_equal(&a->restart, &b->restart)
	    && many_equal(&a->many, &b->many)
	    && str_equal(a->many_at, b->many_at)
	    && str_equal(a->isolation_at, b->isolation_at)
	    && str_equal(a->grants_at, b->grants_at)
	    && plugin_user_equal(&a->user, &b->user)
	    && a->has_grants == b->has_grants
	    && (!a->has_grants || plugin_grants_equal(&a->grants, &b->grants))
	    && plugin_limits_equal(a->limits, b->limits, true)
	    && str_equal(str_of(a->config_json), str_of(b->config_json));
}

/* What is said as before keeps its number: its plugin is not looked at. */
static void
number_give(struct plugin_manager *m, struct manager_override *o)
{
	const struct manager_override *old =
	    plugin_manager_override_find(m, str_of(o->name));

	o->number = old != NULL && is_equal(o, old) ? old->number
						    : ++m->override_number;
}

int
plugin_manager_override(struct plugin_manager *m,
    const struct plugin_override *overrides, size_t len)
{
	struct manager_override *copy = calloc(len + 1, sizeof *copy);

	if (copy == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < len; i++)
		if (override_copy(&copy[i], &overrides[i]) < 0) {
			plugin_manager_overrides_free(copy, i + 1);
			return ERR_NOMEM;
		}
	for (size_t i = 0; i < len; i++)
		number_give(m, &copy[i]);
	plugin_manager_overrides_free(m->overrides, m->overrides_len);
	m->overrides = copy;
	m->overrides_len = len;
	return 0;
}
