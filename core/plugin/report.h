/* SPDX-License-Identifier: Apache-2.0 */
/* From an error line to a finding: "what (hint: what to do)". */
#ifndef PLUGIN_REPORT_H
#define PLUGIN_REPORT_H

#include "base/diag.h"
#include "base/err.h"

struct plugin_sentence {
	char text[ERR_TEXT_MAX];
	char hint[ERR_TEXT_MAX]; /* empty: none */
};

/* [any] Takes the "(hint: ..)" off the end of a line. */
void plugin_sentence_split(struct plugin_sentence *out, const char *line);
/* [any] The first error as "file:line:column: error: .." without the line
 * end; empty when there is none. */
void plugin_report_first(const struct diags *d, struct buf *out);

#endif
