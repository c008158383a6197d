/* SPDX-License-Identifier: Apache-2.0 */
/* Who is in a replaced generation that does not end: asked of every reactor,
 * for the line in the log. */
#include <stdlib.h>

#include "plugin/ledger.h"
#include "server/server_priv.h"

struct server_drains {
	struct server *server; /* NULL: gone */
	const struct server_reactor *held;
	unsigned len;
	struct plugin_census shares[]; /* one a reactor */
};

/* [reactor] */
static void
take(struct loop_reactor *r, void *arg)
{
	struct server_drains *d = arg;

	plugin_census_take(&d->shares[r->index], &d->held[r->index].calls);
}

static void
taken(void *arg)
{
	struct server_drains *d = arg;
	struct plugin_census all;

	plugin_census_init(&all);
	for (unsigned i = 0; i < d->len; i++) {
		plugin_census_add(&all, &d->shares[i]);
		plugin_census_finish(&d->shares[i]);
	}
	if (d->server != NULL) {
		plugin_manager_drains_say(d->server->plugins, &all);
		d->server->drains = NULL;
	}
	plugin_census_finish(&all);
	free(d);
}

/* Without memory the manager says what it knows itself. */
static void
ask(void *arg)
{
	struct server *s = arg;
	struct server_drains *d;

	if (s->drains != NULL)
		return;
	d = calloc(1, sizeof *d + s->reactors.len * sizeof d->shares[0]);
	if (d == NULL)
		return;
	d->server = s;
	d->held = s->held;
	d->len = s->reactors.len;
	for (unsigned i = 0; i < d->len; i++)
		plugin_census_init(&d->shares[i]);
	s->drains = d;
	if (loop_reactors_barrier(&s->reactors, s->control, take, taken, d)
	    == 0)
		return;
	s->drains = NULL;
	free(d);
}

void
server_drains_start(struct server *s)
{
	plugin_manager_on_drains(s->plugins, ask, s);
}

void
server_drains_stop(struct server *s)
{
	if (s->plugins != NULL)
		plugin_manager_on_drains(s->plugins, NULL, NULL);
	if (s->drains != NULL)
		s->drains->server = NULL;
	s->drains = NULL;
}
