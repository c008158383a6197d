/* SPDX-License-Identifier: Apache-2.0 */
/* Error texts: made where the cause is known, cut rather than lost. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/str.h"

/* A cut in the middle of a character would make the line invalid UTF-8. */
static void
drop_broken_tail(char *text)
{
	struct str s = str_of(text);

	for (size_t back = 1; back <= 3 && back <= s.len; back++) {
		unsigned char c = (unsigned char)text[s.len - back];

		if (c < 0x80)
			return;
		if (c < 0xC0)
			continue;
		if (str_utf8_len(str_sub(s, s.len - back, s.len)) != back)
			text[s.len - back] = '\0';
		return;
	}
}

/* Through a second buffer: an argument may be err->text itself. */
__attribute__((format(printf, 3, 0))) static void
set_text(struct err *err, int code, const char *fmt, va_list args)
{
	char text[ERR_TEXT_MAX];
	int len = vsnprintf(text, sizeof text, fmt, args);

	if (len < 0)
		text[0] = '\0';
	if ((size_t)(len < 0 ? 0 : len) >= sizeof text)
		drop_broken_tail(text);
	err->code = code;
	memcpy(err->text, text, strlen(text) + 1);
}

int
err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list args;

	if (err == NULL)
		return code;
	va_start(args, fmt);
	set_text(err, code, fmt, args);
	va_end(args);
	return code;
}

int
err_set_errno(struct err *err, int code, int errnum, const char *fmt, ...)
{
	char why[128];
	va_list args;
	size_t len;

	if (err == NULL)
		return code;
	va_start(args, fmt);
	set_text(err, code, fmt, args);
	va_end(args);
	if (strerror_r(errnum, why, sizeof why) != 0)
		(void)snprintf(why, sizeof why, "error %d", errnum);
	len = strlen(err->text);
	(void)snprintf(err->text + len, sizeof err->text - len, ": %s", why);
	return code;
}

const char *
err_name(int code)
{
	static const char *const names[] = { "ok", "out of memory",
		"syntax error", "limit passed", "not found", "exists already",
		"denied", "wrong state", "wrong configuration",
		"version mismatch", "input/output error", "timed out",
		"cancelled", "busy", "closed", "try again", "unsupported",
		"wrong parameters", "internal error" };

	if (code > 0 || code < -(int)(ARRAY_LEN(names) - 1))
		return "unknown error";
	return names[-code];
}
