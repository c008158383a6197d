/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What revision 2025-11-25 alone has beside a link (URL elicitation): the end
 * of what happens behind it, and a call that cannot begin before it was
 * opened.  Offered by the host.  For all other clients both give TP_ENOTSUP,
 * and a link asked for by require() is enough.
 */
#ifndef TOOLPOST_EXT_ELICIT_H
#define TOOLPOST_EXT_ELICIT_H

#include <toolpost/abi.h>

#define TP_EXT_ELICIT "tp.elicit/1"

struct tp_elicit {
	uint32_t size;
	uint32_t reserved;

	/*
	 * [any] What the person did behind the link of this call is done: its
	 * client, and nobody else, is told
	 * (notifications/elicitation/complete). id is the elicitationId that an
	 * earlier round of this call has put into its params; any other does
	 * nothing.  TP_EPARAMS, TP_ECANCELLED, TP_EBUSY, TP_ENOMEM.
	 */
	int (*complete)(struct tp_call *, struct tp_str id);
	/*
	 * [call] Links that must be opened before this can be called again, as
	 * a JSON list of params: mode "url", message, url, elicitationId.
	 * Gives what the handler then returns: the call ends with error -32042.
	 * TP_EPARAMS: the log says what is wrong.
	 */
	int (*required)(struct tp_call *, struct tp_str links);
};

/* [any] NULL: the host has none. */
static inline const struct tp_elicit *
tp_elicit_of(struct tp_plugin *self)
{
	return (const struct tp_elicit *)self->host->extension(
	    self, TP_EXT_ELICIT);
}

#endif
