/* SPDX-License-Identifier: Apache-2.0 */
/* Replaced generations that do not end: who keeps them is said, once. */
#include "base/log.h"
#include "plugin/manager_priv.h"

/* How long the census may take before it is said without. */
#define DRAINS_ASKED_NS (5 * NS_PER_S)

static struct plugin_generation *
generation_of(struct list *node)
{
	return LIST_OBJ(node, struct plugin_generation, node);
}

static bool
is_unsaid(const struct plugin_generation *g)
{
	return g->at == PLUGIN_DRAINING && !g->reported;
}

/* Who keeps it, as far as that is known. */
static void
keepers_print(const struct plugin_generation *g,
    const struct plugin_presence *p, int64_t now, struct buf *out)
{
	if (p != NULL)
		plugin_presence_print(p, now, out);
	else if (g->runner != NULL && g->runner->state == RUNNER_STOPPING)
		BUF_LIT(out, "its runner was asked to end");
	else
		BUF_LIT(out,
		    "a call, a reactor that has not turned since, or an entry "
		    "that is held");
}

void
plugin_manager_busy_log(const char *event, const struct plugin_generation *g,
    const struct plugin_presence *p)
{
	int64_t now = clock_now_ns();
	struct buf keepers;

	buf_init(&keepers);
	keepers_print(g, p, now, &keepers);
	LOG_WARN(event, F_STR("plugin", g->manifest->name),
	    F_INT("generation", g->number),
	    F_INT("draining_ms", (now - g->draining_ns) / NS_PER_MS),
	    F_STR("kept_by", buf_view(&keepers)));
	buf_finish(&keepers);
}

static void
say(struct plugin_generation *g, const struct plugin_presence *p)
{
	g->reported = true;
	plugin_manager_busy_log("plugin drains for long", g, p);
}

/* When to look at it again. */
static int64_t
due_of(const struct plugin_manager *m, const struct plugin_generation *g)
{
	return g->asked_ns > 0 ? g->asked_ns + DRAINS_ASKED_NS
			       : g->draining_ns + m->long_drain_ns;
}

void
plugin_manager_drains_arm(struct plugin_manager *m)
{
	int64_t due = INT64_MAX;

	LIST_EACH (node, &m->generations)
		if (is_unsaid(generation_of(node))
		    && due_of(m, generation_of(node)) < due)
			due = due_of(m, generation_of(node));
	if (due < INT64_MAX && !m->stop)
		loop_timer_set(m->loop, &m->drains, due);
}

/* Who is in them only the reactors know; one that does not turn is not waited
 * for. */
void
plugin_manager_drains_look(void *arg)
{
	struct plugin_manager *m = arg;
	int64_t now = clock_now_ns();
	bool ask = false;

	LIST_EACH (node, &m->generations) {
		struct plugin_generation *g = generation_of(node);

		if (!is_unsaid(g) || due_of(m, g) > now)
			continue;
		if (m->on_drains == NULL || g->asked_ns > 0) {
			say(g, NULL);
			continue;
		}
		g->asked_ns = now;
		ask = true;
	}
	if (ask)
		m->on_drains(m->on_drains_arg);
	plugin_manager_drains_arm(m);
}

void
plugin_manager_drains_say(
    struct plugin_manager *m, const struct plugin_census *census)
{
	LIST_EACH (node, &m->generations) {
		struct plugin_generation *g = generation_of(node);

		if (is_unsaid(g) && g->asked_ns > 0)
			say(g, plugin_census_find(census, g->number));
	}
}

void
plugin_manager_on_drains(
    struct plugin_manager *m, void (*fn)(void *arg), void *arg)
{
	m->on_drains = fn;
	m->on_drains_arg = arg;
}
