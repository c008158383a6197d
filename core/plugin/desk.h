/* SPDX-License-Identifier: Apache-2.0 */
/* tp.dynamic/1 of a plugin in a runner: the host's side.
 *
 * What the plugin asks there is asked here, one frame after another, by a
 * thread of this life alone: a commit is answered while the control thread
 * waits for load(), and nobody else waits for a batch. */
#ifndef PLUGIN_DESK_H
#define PLUGIN_DESK_H

#include "plugin/dynamic.h"
#include "plugin/runner.h"

struct runner_desk;

/* What an entry is that lives in a runner: the arg of its plugin_dynamic. */
struct plugin_remote {
	struct runner_life *life; /* holds one */
	uint32_t number; /* there */
	uint32_t flags; /* enum tp_entry_flags */
	bool completes; /* the plugin has tp.complete/1 */
};

/* [control] fd becomes the desk's when this works; NULL: no memory, or no
 * thread. */
struct runner_desk *runner_desk_open(
    struct runner_life *l, struct plugin_generation *g, int fd);
/* [control] Its batches are abandoned, which an orderly end says in the log;
 * nothing comes from it any more.  NULL is fine. */
void runner_desk_close(struct runner_desk *d, bool orderly);

#endif
