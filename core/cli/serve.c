/* SPDX-License-Identifier: Apache-2.0 */
/* "toolpost serve" and "toolpost stdio": the server in this process. */
#include "cli/cli_priv.h"
#include "server/server.h"

static int
serve(struct cli *c, bool stdio)
{
	const struct server_options o = {
		.config = c->config,
		.listen = c->listen.items,
		.listen_len = c->listen.len,
		.plugins = c->plugins.items,
		.plugins_len = c->plugins.len,
		.no_watch = c->no_watch,
		.legacy_sse = c->legacy_sse,
		.log_format = c->log_format,
		.reactors = (unsigned)c->reactors,
	};
	struct err err = { 0, "" };
	int rc = server_run(&o, stdio, &err);

	if (rc == SERVER_DONE)
		return CLI_DONE;
	if (err.text[0] == '\0') /* it has been said */
		return CLI_CONFIG;
	return cli_fail(c, rc == SERVER_CONFIG ? CLI_CONFIG : CLI_USAGE, &err);
}

int
cli_serve(struct cli *c)
{
	return serve(c, false);
}

int
cli_stdio(struct cli *c)
{
	return serve(c, true);
}
