/* SPDX-License-Identifier: Apache-2.0 */
/* How many runners a plugin has, and how one that died comes back: the
 * operator's plugins.NAME.runners, spare and restart. */
#ifndef PLUGIN_RESTART_H
#define PLUGIN_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define PLUGIN_RUNNERS_MAX 64
#define PLUGIN_SPARE_MAX 4
#define PLUGIN_DEATHS_MAX 64 /* the largest intensity */

struct plugin_processes {
	int64_t runners; /* 0: not said */
	int64_t spare; /* stand by */
	bool spare_said;
};

struct plugin_restart {
	int64_t intensity; /* deaths in a period: quarantine; 0: never */
	int64_t period_ns; /* 0: nobody has said anything, the default is meant
			    */
	int64_t pause_ns; /* before the next start; doubles .. */
	int64_t pause_max_ns; /* .. up to this */
};

/* reliability: the fifth death in ten seconds. */
#define PLUGIN_RESTART_DEFAULT \
	{ \
		.intensity = 5, .period_ns = 10 * NS_PER_S, \
		.pause_ns = 100 * NS_PER_MS, .pause_max_ns = 30 * NS_PER_S \
	}

#endif
