/* SPDX-License-Identifier: Apache-2.0 */
/* Findings, printed in the form that editors and make understand. */
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/escape.h"

#define MESSAGE_MAX 1024

static const char *const severity_names[] = { "error", "warning", "note" };

void
diags_init(struct diags *d)
{
	*d = (struct diags){ 0 };
}

void
diags_finish(struct diags *d)
{
	for (size_t i = 0; i < d->len; i++) {
		free(d->items[i].file);
		free(d->items[i].message);
		free(d->items[i].hint);
	}
	diags_init(d);
}

void
diags_move(struct diags *d, struct diags *from)
{
	size_t room = DIAG_MAX - d->len;
	size_t n = from->len < room ? from->len : room;

	for (size_t i = 0; i < n; i++) {
		d->items[d->len++] = from->items[i];
		from->items[i] = (struct diag){ 0 };
	}
	d->errors += from->errors;
	d->dropped += from->dropped + (from->len - n);
	diags_finish(from);
}

bool
diags_has_errors(const struct diags *d)
{
	return d->errors > 0;
}

/* False: out of memory, and nothing of it stays. */
static bool
fill(struct diag *item, const char *file, const char *message, const char *hint)
{
	item->file = strdup(file == NULL ? "" : file);
	item->message = strdup(message);
	item->hint = hint == NULL ? NULL : strdup(hint);
	if (item->file != NULL && item->message != NULL
	    && (hint == NULL || item->hint != NULL))
		return true;
	free(item->file);
	free(item->message);
	free(item->hint);
	return false;
}

int
diags_add(struct diags *d, enum diag_severity severity, const char *code,
    const char *file, struct diag_at at, const char *hint, const char *fmt, ...)
{
	char message[MESSAGE_MAX];
	struct diag item = { .severity = severity, .code = code, .at = at };
	va_list args;

	CHECK(severity >= DIAG_ERROR && severity <= DIAG_NOTE);
	va_start(args, fmt);
	if (vsnprintf(message, sizeof message, fmt, args) < 0)
		message[0] = '\0';
	va_end(args);
	if (severity == DIAG_ERROR)
		d->errors++;
	if (d->len < DIAG_MAX && fill(&item, file, message, hint))
		d->items[d->len++] = item;
	else
		d->dropped++;
	return severity == DIAG_ERROR ? ERR_CONFIG : 0;
}

static void
print_plain(struct buf *out, const char *text)
{
	struct str s = str_of(text);
	char unit[ESCAPE_UNIT_MAX];

	while (s.len > 0)
		buf_append(out, unit, escape_next(&s, ESCAPE_PLAIN, unit));
}

void
diags_print(const struct diags *d, struct buf *out)
{
	for (size_t i = 0; i < d->len; i++) {
		const struct diag *item = &d->items[i];

		print_plain(out, item->file);
		if (item->at.line > 0)
			buf_printf(out, ":%u", item->at.line);
		if (item->at.line > 0 && item->at.column > 0)
			buf_printf(out, ":%u", item->at.column);
		buf_printf(out, ": %s: ", severity_names[item->severity]);
		print_plain(out, item->message);
		if (item->hint != NULL) {
			buf_cstr(out, " (hint: ");
			print_plain(out, item->hint);
			buf_char(out, ')');
		}
		buf_char(out, '\n');
	}
	if (d->dropped > 0)
		buf_printf(out, "%zu more not shown\n", d->dropped);
}

void
diags_print_json(const struct diags *d, struct buf *out)
{
	buf_char(out, '[');
	for (size_t i = 0; i < d->len; i++) {
		const struct diag *item = &d->items[i];

		buf_cstr(out, i == 0 ? "{\"file\":" : ",{\"file\":");
		buf_json(out, str_of(item->file));
		buf_printf(out,
		    ",\"line\":%u,\"column\":%u,\"severity\":\"%s\"",
		    item->at.line, item->at.column,
		    severity_names[item->severity]);
		buf_cstr(out, ",\"code\":");
		buf_json(out, str_of(item->code));
		buf_cstr(out, ",\"message\":");
		buf_json(out, str_of(item->message));
		buf_cstr(out, ",\"hint\":");
		if (item->hint == NULL)
			buf_cstr(out, "null");
		else
			buf_json(out, str_of(item->hint));
		buf_char(out, '}');
	}
	buf_char(out, ']');
}
