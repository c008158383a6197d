/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing JSON text for structured(): commas, escapes and memory are looked
 * after, and errors are kept until the end.
 *
 *	struct tp_json_text w = tp_json_begin(call);
 *
 *	tp_json_open(&w, NULL, '{');
 *	tp_json_put_str(&w, "zone", zone);
 *	tp_json_open(&w, "days", '[');
 *	tp_json_put_int(&w, NULL, 3);
 *	tp_json_close(&w, ']');
 *	tp_json_close(&w, '}');
 *	return tp_json_answer(&w);
 *
 * The key is NULL inside arrays and for the outermost value.
 */
#ifndef TOOLPOST_JSON_H
#define TOOLPOST_JSON_H

#include <stdio.h>
#include <string.h>
#include <toolpost/plugin.h>

struct tp_json_text {
	struct tp_call *call; /* owns the bytes */
	char *ptr;
	size_t len;
	size_t room;
	int status; /* the first error, else TP_OK */
	int comma; /* the next value needs one before it */
};

static inline struct tp_json_text
tp_json_begin(struct tp_call *call)
{
	struct tp_json_text w;

	memset(&w, 0, sizeof w);
	w.call = call;
	return w;
}

/* Text as it is: for JSON that is already written. */
static inline void
tp_json_add(struct tp_json_text *w, struct tp_str text)
{
	size_t room = w->room != 0 ? w->room : 256;
	char *grown;

	if (w->status != TP_OK || text.len == 0)
		return;
	if (text.len > ((size_t)-1) / 4 - w->len) {
		w->status = TP_ENOMEM;
		return;
	}
	while (room < w->len + text.len)
		room *= 2;
	if (room != w->room) {
		/* The call's memory has no realloc: the old bytes stay behind
		 * until the call ends, at most as many as are in use. */
		grown = (char *)w->call->host->alloc(w->call, room);
		if (grown == NULL) {
			w->status = TP_ENOMEM;
			return;
		}
		if (w->len > 0)
			memcpy(grown, w->ptr, w->len);
		w->ptr = grown;
		w->room = room;
	}
	memcpy(w->ptr + w->len, text.ptr, text.len);
	w->len += text.len;
}

static inline void
tp_json_add_quoted(struct tp_json_text *w, struct tp_str s)
{
	static const char hex[] = "0123456789abcdef";
	size_t from = 0, i;

	tp_json_add(w, tp_cstr("\""));
	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		struct tp_str plain = { s.ptr + from, i - from };
		char esc[6] = { '\\', 'u', '0', '0', 0, 0 };
		struct tp_str escaped = { esc, 6 };

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		tp_json_add(w, plain);
		from = i + 1;
		if (c == '"' || c == '\\') {
			esc[1] = (char)c;
			escaped.len = 2;
		} else {
			esc[4] = hex[c >> 4];
			esc[5] = hex[c & 15];
		}
		tp_json_add(w, escaped);
	}
	if (from < s.len) {
		struct tp_str rest = { s.ptr + from, s.len - from };

		tp_json_add(w, rest);
	}
	tp_json_add(w, tp_cstr("\""));
}

static inline void
tp_json_before(struct tp_json_text *w, const char *key)
{
	if (w->comma)
		tp_json_add(w, tp_cstr(","));
	w->comma = 1;
	if (key == NULL)
		return;
	tp_json_add_quoted(w, tp_cstr(key));
	tp_json_add(w, tp_cstr(":"));
}

/* bracket is '{' or '['. */
static inline void
tp_json_open(struct tp_json_text *w, const char *key, char bracket)
{
	struct tp_str s = { &bracket, 1 };

	tp_json_before(w, key);
	tp_json_add(w, s);
	w->comma = 0;
}

static inline void
tp_json_close(struct tp_json_text *w, char bracket)
{
	struct tp_str s = { &bracket, 1 };

	tp_json_add(w, s);
	w->comma = 1;
}

/* s must be UTF-8. */
static inline void
tp_json_put_str(struct tp_json_text *w, const char *key, struct tp_str s)
{
	tp_json_before(w, key);
	tp_json_add_quoted(w, s);
}

static inline void
tp_json_put_int(struct tp_json_text *w, const char *key, int64_t n)
{
	char digits[24];

	(void)snprintf(digits, sizeof digits, "%lld", (long long)n);
	tp_json_before(w, key);
	tp_json_add(w, tp_cstr(digits));
}

/* What JSON cannot say (infinity, not a number) becomes null. */
static inline void
tp_json_put_num(struct tp_json_text *w, const char *key, double n)
{
	char digits[40];
	char *comma;

	(void)snprintf(digits, sizeof digits, "%.17g", n);
	comma = strchr(digits, ','); /* a locale's decimal point */
	if (comma != NULL)
		*comma = '.';
	tp_json_before(w, key);
	/* n - n is zero for every finite number and for no other. */
	tp_json_add(w, tp_cstr(n - n == 0 ? digits : "null"));
}

static inline void
tp_json_put_bool(struct tp_json_text *w, const char *key, int truth)
{
	tp_json_before(w, key);
	tp_json_add(w, tp_cstr(truth ? "true" : "false"));
}

static inline void
tp_json_put_null(struct tp_json_text *w, const char *key)
{
	tp_json_before(w, key);
	tp_json_add(w, tp_cstr("null"));
}

/* A value that is JSON text already, such as json_raw() of an argument. */
static inline void
tp_json_put_raw(struct tp_json_text *w, const char *key, struct tp_str json)
{
	tp_json_before(w, key);
	tp_json_add(w, json);
}

/* The text so far; empty after an error. */
static inline struct tp_str
tp_json_str(const struct tp_json_text *w)
{
	struct tp_str s = { w->ptr, w->len };

	return w->status == TP_OK ? s : tp_cstr(NULL);
}

/* Sets the text as the structured result. */
static inline int
tp_json_structured(struct tp_json_text *w)
{
	if (w->status != TP_OK)
		return w->status;
	return w->call->host->structured(w->call, tp_json_str(w));
}

/* The same, and as a text block for clients that know no other. */
static inline int
tp_json_answer(struct tp_json_text *w)
{
	int rc = tp_json_structured(w);

	return rc == TP_OK ? tp_text(w->call, tp_json_str(w)) : rc;
}

#endif
