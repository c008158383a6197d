/* SPDX-License-Identifier: Apache-2.0 */
/* A resource has new content: every reactor tells who subscribed to it. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "server/server_priv.h"

struct resource_notice {
	struct loop_msg msg;
	struct mcp_reactor *mcp;
	size_t len;
	char uri[];
};

static void
notice_run(struct loop_msg *msg)
{
	struct resource_notice *n =
	    CONTAINER_OF(msg, struct resource_notice, msg);

	mcp_resource_updated(n->mcp, (struct str){ n->uri, n->len });
	free(n);
}

void
server_resource_changed(struct server *s, struct str uri)
{
	unsigned i;

	for (i = 0; i < s->reactors.len; i++) {
		struct resource_notice *n = malloc(sizeof *n + uri.len);

		if (n == NULL) {
			LOG_WARN("notification dropped: out of memory");
			return;
		}
		n->msg.run = notice_run;
		n->mcp = s->held[i].mcp;
		n->len = uri.len;
		memcpy(n->uri, uri.ptr, uri.len);
		loop_post(s->reactors.items[i].loop, &n->msg);
	}
}
