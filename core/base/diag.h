/* SPDX-License-Identifier: Apache-2.0 */
/* Findings in files that people write: file:line:column, severity, key path,
 * one sentence and a hint.  Collected, so that all errors of a file show. */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define DIAG_MAX 20 /* kept; more are only counted */

enum diag_severity { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE };

/* line and column count from 1; 0: not known. */
struct diag_at {
	unsigned line;
	unsigned column;
};

struct diag {
	enum diag_severity severity;
	const char *code; /* "TP1203", static; see toolpost-manifest(5) */
	char *file; /* owned */
	struct diag_at at;
	char *message; /* owned: "tools[0].name: ..." */
	char *hint; /* owned; may be NULL */
};

struct diags {
	struct diag items[DIAG_MAX];
	size_t len;
	size_t errors; /* all, also those not kept */
	size_t dropped;
};

void diags_init(struct diags *d);
void diags_finish(struct diags *d);
/* Puts the findings of from behind those of d; from is empty afterwards. */
void diags_move(struct diags *d, struct diags *from);
bool diags_has_errors(const struct diags *d);
/* Returns ERR_CONFIG for an error, 0 otherwise.  hint may be NULL. */
__attribute__((format(printf, 7, 8))) int diags_add(struct diags *d,
    enum diag_severity severity, const char *code, const char *file,
    struct diag_at at, const char *hint, const char *fmt, ...);
/* "file:3:9: error: message (hint: ...)\n" each, and the count of dropped. */
void diags_print(const struct diags *d, struct buf *out);
/* JSON array of {file,line,column,severity,code,message,hint}. */
void diags_print_json(const struct diags *d, struct buf *out);

#endif
