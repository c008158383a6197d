/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits for news of a resource, offered by the plugin.  The host counts
 * the subscribers of all sessions and listen streams; the plugin sees edges:
 * the first that comes and the last that goes.
 *
 *	static const struct tp_watch watcher = {
 *		sizeof watcher, 0, watch, unwatch
 *	};
 *	static const struct tp_offer offers[] = {
 *		{ TP_EXT_WATCH, &watcher }
 *	};
 *	TP_PLUGIN_OFFERS("weather", "1.4.0", entries, offers, 0, ...);
 */
#ifndef TOOLPOST_EXT_WATCH_H
#define TOOLPOST_EXT_WATCH_H

#include <toolpost/abi.h>

#define TP_EXT_WATCH "tp.watch/1"

struct tp_watch {
	uint32_t size;
	uint32_t reserved;

	/* [control] uri has its first subscriber: report with changed().
	 * Called again, after load() and before publication, for every URI
	 * that is still watched.  Returns at once; anything but TP_OK is
	 * written to the log.  Another subscriber may have gone meanwhile. */
	int (*watch)(struct tp_plugin *, void *state, struct tp_str uri);
	/* [control] The last subscriber left, or another plugin answers for uri
	 * now; not called before unload(). */
	void (*unwatch)(struct tp_plugin *, void *state, struct tp_str uri);
};

#endif
