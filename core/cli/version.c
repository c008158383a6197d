/* SPDX-License-Identifier: Apache-2.0 */
#include <toolpost/abi.h>

#include "cli/cli_priv.h"

#ifndef TOOLPOST_LIBRARIES
#define TOOLPOST_LIBRARIES ""
#endif

static void
version_text(struct buf *out)
{
	size_t i;

	buf_printf(out, "toolpost " TOOLPOST_VERSION "\nprotocol");
	for (i = 0; cli_revisions[i] != NULL; i++)
		buf_printf(out, " %s", cli_revisions[i]);
	buf_printf(out, "\nplugin ABI %d.0 to %d.%d\n", TP_ABI_MAJOR,
	    TP_ABI_MAJOR, TP_ABI_MINOR);
	BUF_LIT(out, "built with " TOOLPOST_LIBRARIES "\n");
}

static void
version_json(struct buf *out)
{
	size_t i;

	BUF_LIT(out, "{\"version\":\"" TOOLPOST_VERSION "\",\"protocol\":[");
	for (i = 0; cli_revisions[i] != NULL; i++)
		buf_printf(out, "%s\"%s\"", i > 0 ? "," : "", cli_revisions[i]);
	buf_printf(out, "],\"abi\":{\"min\":\"%d.0\",\"max\":\"%d.%d\"},",
	    TP_ABI_MAJOR, TP_ABI_MAJOR, TP_ABI_MINOR);
	BUF_LIT(out, "\"libraries\":");
	buf_json(out, S(TOOLPOST_LIBRARIES));
	BUF_LIT(out, "}\n");
}

int
cli_version(struct cli *c)
{
	struct buf out;
	int rc;

	buf_init(&out);
	if (c->json)
		version_json(&out);
	else
		version_text(&out);
	rc = cli_print(c, buf_view(&out));
	buf_finish(&out);
	return rc;
}
