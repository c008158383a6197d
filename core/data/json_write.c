/* SPDX-License-Identifier: Apache-2.0 */
/* JSON out: strings, doubles, and what a fault means in words. */
#include "data/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "data/json_priv.h"

/* A key that is shown to a person is cut here. */
#define SHOWN_KEY_MAX 64

static void
write_escape(struct buf *b, unsigned char c)
{
	switch (c) {
	case '"':
		BUF_LIT(b, "\\\"");
		break;
	case '\\':
		BUF_LIT(b, "\\\\");
		break;
	case '\n':
		BUF_LIT(b, "\\n");
		break;
	case '\r':
		BUF_LIT(b, "\\r");
		break;
	case '\t':
		BUF_LIT(b, "\\t");
		break;
	default:
		buf_printf(b, "\\u%04x", c);
	}
}

int
json_write_str(struct buf *b, struct str s)
{
	size_t from = 0;
	char *w;

	/* Most text is plain: it goes as it is. */
	if (s.len < SIZE_MAX - 2 && buf_reserve(b, s.len + 2) == 0
	    && (s.len == 0
		|| json_skip_plain(s.ptr, s.ptr + s.len) == s.ptr + s.len)) {
		w = b->ptr + b->len;
		*w = '"';
		if (s.len > 0)
			memcpy(w + 1, s.ptr, s.len);
		w[s.len + 1] = '"';
		b->len += s.len + 2;
		return 0;
	}
	if (!str_is_utf8(s))
		return ERR_SYNTAX;
	buf_char(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_append(b, s.ptr + from, i - from);
		write_escape(b, c);
		from = i + 1;
	}
	if (from < s.len)
		buf_append(b, s.ptr + from, s.len - from);
	buf_char(b, '"');
	return b->failed ? ERR_NOMEM : 0;
}

/* Up to here %.15g writes no exponent. */
#define WHOLE_MAX 1e15

int
json_write_double(struct buf *b, double d)
{
	char text[40];
	char *point;
	int len = 0;

	if (!isfinite(d))
		return ERR_PARAMS;
	/* Counts, most of the time: an eighth of the cost of printing. */
	if (fabs(d) < WHOLE_MAX && d == trunc(d) && !(d == 0 && signbit(d))) {
		buf_i64(b, (int64_t)d);
		return b->failed ? ERR_NOMEM : 0;
	}
	/* Below the normal range fewer digits than 15 may be enough. */
	for (int digits = fabs(d) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
		len = snprintf(text, sizeof text, "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	/* The locale's decimal point, which may be longer than a byte. */
	point = text + strspn(text, "-0123456789");
	if (*point != '\0' && *point != 'e') {
		size_t skip = strcspn(point, "0123456789");

		buf_append(b, text, (size_t)(point - text));
		buf_char(b, '.');
		buf_cstr(b, point + skip);
	} else {
		buf_append(b, text, (size_t)len);
	}
	return b->failed ? ERR_NOMEM : 0;
}

static const char *
fault_name(enum json_fault fault)
{
	switch (fault) {
	case JSON_OK:
		return "no fault";
	case JSON_SYNTAX:
		return "not valid JSON";
	case JSON_UTF8:
		return "not valid UTF-8, or half of a surrogate pair";
	case JSON_DEPTH:
		return "nested deeper than 128 levels";
	case JSON_DUPLICATE_KEY:
		return "duplicate key";
	case JSON_NUL_KEY:
		return "key with U+0000";
	case JSON_TOO_MANY_VALUES:
		return "more than 1000000 values";
	case JSON_TOO_MANY_MEMBERS:
		return "more than 65536 members in one object";
	case JSON_KEY_TOO_LONG:
		return "key longer than 4096 bytes";
	case JSON_NUMBER_TOO_LONG:
		return "number longer than 1024 characters";
	case JSON_NOMEM:
		return "out of memory";
	}
	return "not valid JSON";
}

/* As written, so that no control character can be in it. */
static void
show_key(struct str rest, struct buf *out)
{
	size_t len = 1;

	while (len < rest.len && rest.ptr[len] != '"')
		len += rest.ptr[len] == '\\' ? 2 : 1;
	if (len < rest.len && len <= SHOWN_KEY_MAX) {
		buf_char(out, ' ');
		buf_append(out, rest.ptr, len + 1);
	}
}

void
json_fault_text(const struct json_doc *d, struct str text, struct buf *out)
{
	struct str rest = str_sub(text, d->fault_at, text.len);

	if (d->fault == JSON_SYNTAX && rest.len == 0) {
		buf_printf(
		    out, "JSON ends too early, at byte %zu", d->fault_at);
		return;
	}
	buf_cstr(out, fault_name(d->fault));
	if (d->fault == JSON_OK)
		return;
	if (d->fault == JSON_DUPLICATE_KEY || d->fault == JSON_NUL_KEY)
		show_key(rest, out);
	if (d->fault == JSON_SYNTAX) {
		unsigned char c = (unsigned char)rest.ptr[0];

		if (c > 0x20 && c < 0x7f)
			buf_printf(out, ": unexpected '%c'", c);
		else
			buf_printf(out, ": unexpected byte 0x%02x", c);
	}
	buf_printf(out, " at byte %zu", d->fault_at);
}
