/* SPDX-License-Identifier: Apache-2.0 */
/* Error lines and findings. */
#include "plugin/report.h"

#include <stdio.h>
#include <string.h>

void
plugin_sentence_split(struct plugin_sentence *out, const char *line)
{
	static const char mark[] = " (hint: ";
	size_t len;
	char *at;

	memset(out, 0, sizeof *out);
	(void)snprintf(
	    out->text, sizeof out->text, "%s", line); /* may be cut */
	len = strlen(out->text);
	at = strstr(out->text, mark);
	if (at == NULL || len == 0 || out->text[len - 1] != ')')
		return;
	out->text[len - 1] = '\0';
	(void)snprintf(out->hint, sizeof out->hint, "%s",
	    at + sizeof mark - 1); /* it fits */
	*at = '\0';
}

void
plugin_report_first(const struct diags *d, struct buf *out)
{
	for (size_t i = 0; i < d->len; i++) {
		const struct diag *item = &d->items[i];

		if (item->severity != DIAG_ERROR)
			continue;
		buf_cstr(out, item->file);
		if (item->at.line > 0)
			buf_printf(
			    out, ":%u:%u", item->at.line, item->at.column);
		buf_printf(out, ": error: %s", item->message);
		if (item->hint != NULL)
			buf_printf(out, " (hint: %s)", item->hint);
		return;
	}
}
