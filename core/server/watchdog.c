/* SPDX-License-Identifier: Apache-2.0 */
/* A reactor that does not come round serves nobody, and cannot be saved: the
 * process ends, and says what that thread was doing (reliability.md 2). */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/panic.h"
#include "server/server_priv.h"

#define LOOKS 5 /* at one turn of a reactor before it is stuck */

/* Its report comes from its own thread, with its stack and its plugin; one that
 * does not even take a signal is reported from here. */
static void
end(struct server *s, struct loop_reactor *r, unsigned missed)
{
	if (missed == LOOKS) {
		LOG_ERROR("reactor stuck", F_INT("reactor", r->index),
		    F_INT("ms", s->config.limits.reactor_stuck / NS_PER_MS),
		    F_CSTR("hint",
			"the report below names the plugin; run it with "
			"isolation: process"));
		loop_reactor_abort(r);
		return;
	}
	panic_report_check(__FILE__, __LINE__, "a reactor is stuck");
	abort();
}

static void
watch(void *arg)
{
	struct server *s = OBJ_CAST(arg, struct server, SERVER_MAGIC);

	for (unsigned i = 0; i < s->reactors.len; i++) {
		struct server_reactor *h = &s->held[i];
		unsigned beat = loop_beat(s->reactors.items[i].loop);

		/* Even: it waits for something to do. */
		h->missed =
		    beat % 2 != 0 && beat == h->beat ? h->missed + 1 : 0;
		h->beat = beat;
		if (h->missed >= LOOKS)
			end(s, &s->reactors.items[i], h->missed);
	}
	server_watchdog_start(s);
}

void
server_watchdog_start(struct server *s)
{
	if (s->config.limits.reactor_stuck == 0)
		return;
	loop_timer_init(&s->watchdog, watch, s);
	loop_timer_set(s->control, &s->watchdog,
	    clock_now_ns() + s->config.limits.reactor_stuck / LOOKS);
}

void
server_watchdog_stop(struct server *s)
{
	loop_timer_clear(&s->watchdog);
}
