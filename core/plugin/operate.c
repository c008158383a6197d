/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator does by hand, and what is told of changes. */
#include "base/log.h"
#include "plugin/manager_priv.h"

static bool
is_disabled(const struct plugin_manager *m, struct str name)
{
	const struct manager_override *o =
	    plugin_manager_override_find(m, name);

	return o != NULL && o->disabled;
}

static struct plugin_slot *
slot_named(struct plugin_manager *m, struct str name)
{
	LIST_EACH (node, &m->slots) {
		struct plugin_slot *s =
		    LIST_OBJ(node, struct plugin_slot, node);

		if (str_equal(str_of(s->name), name))
			return s;
	}
	return NULL;
}

int
plugin_manager_enabled(
    struct plugin_manager *m, struct str name, unsigned *batch, struct err *err)
{
	struct plugin_slot *s = slot_named(m, name);

	if (s == NULL)
		return err_set(err, ERR_NOTFOUND,
		    "the manifest of %.*s is gone", STR_FMT(name));
	if (s->attempt != NULL) {
		*batch = s->attempt->batch->number;
		return err_set(err, ERR_AGAIN, "it is being started");
	}
	if (s->current == NULL || s->refused)
		return err_set(err, ERR_CONFIG, "%s",
		    s->last_error != NULL ? s->last_error
					  : "its files are being written");
	return 0;
}

int
plugin_manager_enable(
    struct plugin_manager *m, struct str name, unsigned *batch, struct err *err)
{
	struct plugin_slot *s = slot_named(m, name);

	if (s == NULL)
		return err_set(err, ERR_NOTFOUND,
		    is_disabled(m, name)
			? "%.*s is disabled by the configuration (hint: set "
			  "plugins.%.*s.enabled: true and reload)"
			: "there is no plugin %.*s (hint: its manifest must "
			  "lie in a folder of plugins as %.*s.yaml)",
		    STR_FMT(name), STR_FMT(name));
	if (m->stop)
		return err_set(err, ERR_STATE, "the server is stopping");
	*batch = 0;
	if (s->current != NULL && !s->refused && s->attempt == NULL)
		return err_set(
		    err, ERR_EXISTS, "%.*s serves already", STR_FMT(name));
	s->tried = s->attempt != NULL;
	LOG_INFO("plugin enabled by hand", F_STR("plugin", name));
	(void)plugin_manager_batch_now(m, false);
	return plugin_manager_enabled(m, name, batch, err);
}

void
plugin_manager_on_end(struct plugin_manager *m,
    void (*fn)(void *arg, unsigned number, bool did), void *arg)
{
	m->on_end = fn;
	m->on_end_arg = arg;
}

void
plugin_manager_on_change(
    struct plugin_manager *m, void (*fn)(void *arg, struct str json), void *arg)
{
	m->on_change = fn;
	m->on_change_arg = arg;
}

void
plugin_manager_on_gone(
    struct plugin_manager *m, void (*fn)(void *arg), void *arg)
{
	m->on_gone = fn;
	m->on_gone_arg = arg;
}
