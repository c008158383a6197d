/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Argument completion (completion/complete), offered by the plugin.
 *
 *	static const struct tp_complete completer = {
 *		sizeof completer, TP_NONBLOCKING, complete
 *	};
 *	static const struct tp_offer offers[] = {
 *		{ TP_EXT_COMPLETE, &completer }
 *	};
 *	TP_PLUGIN_OFFERS("weather", "1.4.0", entries, offers, 0, ...);
 *
 * The manifest says which arguments have values: "complete: true" beside an
 * argument of a prompt, "complete: [NAME, ..]" beside a uriTemplate.  For any
 * other argument the host answers by itself that there are none.
 */
#ifndef TOOLPOST_EXT_COMPLETE_H
#define TOOLPOST_EXT_COMPLETE_H

#include <toolpost/abi.h>

#define TP_EXT_COMPLETE "tp.complete/1"

struct tp_complete {
	uint32_t size;
	uint32_t flags; /* enum tp_entry_flags, for this hook */

	/*
	 * [call] An ordinary handler: the same threads, deadline and statuses,
	 * the limits of the plugin.  name() is the prompt or URI template,
	 * args() is {"argument": {"name": .., "value": ..},
	 * "context": {"arguments": {..}}}; without a context it is not there.
	 * Every text block is one value, the best first; the host sends the
	 * first hundred and how many there were.  TP_ENOTFOUND: there are none.
	 */
	tp_call_fn *complete;
};

#endif
