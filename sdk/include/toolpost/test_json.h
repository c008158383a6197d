/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON reader of <toolpost/test.h>: strict RFC 8259, UTF-8 checked,
 * duplicate keys and lone surrogates refused, values kept as a tree.  Made
 * for tests: simple rather than fast, recursive with a limit. */
#ifndef TOOLPOST_TEST_JSON_H
#define TOOLPOST_TEST_JSON_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <toolpost/abi.h>

#define TP_TEST_JSON_DEPTH 64

/* Opaque to plugins: this is the fake host's idea of it. */
struct tp_json {
	int type; /* enum tp_json_type */
	double num;
	struct tp_str str; /* NUL-terminated as well */
	struct tp_str raw; /* inside the document's copy of the text */
	struct tp_str key; /* in an object */
	size_t len;
	struct tp_json *first;
	struct tp_json *last;
	struct tp_json *next;
};

struct tp_test_json {
	char *text; /* owned */
	struct tp_json *root;
	char error[96]; /* why root is NULL */
};

struct tp_test_json_reader {
	const char *start;
	const char *at;
	const char *end;
	const char *error;
	int depth;
};

static inline struct tp_json *tp_test_json_value(struct tp_test_json_reader *r);

static inline void
tp_test_json_drop(struct tp_json *v)
{
	while (v != NULL) {
		struct tp_json *next = v->next;

		tp_test_json_drop(v->first);
		free((void *)(uintptr_t)v->str.ptr);
		free((void *)(uintptr_t)v->key.ptr);
		free(v);
		v = next;
	}
}

/* The length of the UTF-8 sequence at p, 0 when it is not one. */
static inline size_t
tp_test_utf8_len(const char *p, const char *end)
{
	const unsigned char *b = (const unsigned char *)p;
	size_t left = (size_t)(end - p);
	size_t n, i;

	if (left == 0)
		return 0;
	if (b[0] < 0x80)
		return 1;
	n = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
	if (b[0] < 0xc2 || b[0] > 0xf4 || left < n)
		return 0;
	for (i = 1; i < n; i++)
		if ((b[i] & 0xc0) != 0x80)
			return 0;
	/* overlong, surrogate, beyond U+10FFFF */
	if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f)
	    || (b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f))
		return 0;
	return n;
}

static inline int
tp_test_utf8(struct tp_str s)
{
	const char *p = s.ptr;
	const char *end;
	size_t n;

	if (s.len == 0)
		return 1;
	for (end = s.ptr + s.len; p < end; p += n) {
		n = tp_test_utf8_len(p, end);
		if (n == 0)
			return 0;
	}
	return 1;
}

static inline int
tp_test_json_fail(struct tp_test_json_reader *r, const char *why)
{
	if (r->error == NULL)
		r->error = why;
	return 0;
}

static inline void
tp_test_json_space(struct tp_test_json_reader *r)
{
	while (r->at < r->end && strchr(" \t\r\n", *r->at) != NULL
	    && *r->at != '\0')
		r->at++;
}

static inline int
tp_test_json_hex4(struct tp_test_json_reader *r, unsigned *out)
{
	unsigned v = 0;
	int i;

	if (r->end - r->at < 4)
		return tp_test_json_fail(r, "short \\u escape");
	for (i = 0; i < 4; i++) {
		char c = *r->at++;
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (unsigned)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			digit = (unsigned)(c - 'A') + 10;
		else
			return tp_test_json_fail(r, "bad \\u escape");
		v = v * 16 + digit;
	}
	*out = v;
	return 1;
}

static inline size_t
tp_test_utf8_put(char *out, unsigned u)
{
	if (u < 0x80) {
		out[0] = (char)u;
		return 1;
	}
	if (u < 0x800) {
		out[0] = (char)(0xc0 | (u >> 6));
		out[1] = (char)(0x80 | (u & 0x3f));
		return 2;
	}
	if (u < 0x10000) {
		out[0] = (char)(0xe0 | (u >> 12));
		out[1] = (char)(0x80 | ((u >> 6) & 0x3f));
		out[2] = (char)(0x80 | (u & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | (u >> 18));
	out[1] = (char)(0x80 | ((u >> 12) & 0x3f));
	out[2] = (char)(0x80 | ((u >> 6) & 0x3f));
	out[3] = (char)(0x80 | (u & 0x3f));
	return 4;
}

/* Behind a backslash. */
static inline int
tp_test_json_escape(struct tp_test_json_reader *r, char *out, size_t *len)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	unsigned u, low;
	const char *known;

	if (r->at == r->end)
		return tp_test_json_fail(r, "unfinished string");
	known = strchr(from, *r->at);
	if (*r->at != '\0' && known != NULL) {
		r->at++;
		out[(*len)++] = to[known - from];
		return 1;
	}
	if (*r->at++ != 'u')
		return tp_test_json_fail(r, "unknown escape");
	if (!tp_test_json_hex4(r, &u))
		return 0;
	if (u >= 0xd800 && u < 0xdc00) {
		if (r->end - r->at < 2 || r->at[0] != '\\' || r->at[1] != 'u')
			return tp_test_json_fail(r, "lone surrogate");
		r->at += 2;
		if (!tp_test_json_hex4(r, &low))
			return 0;
		if (low < 0xdc00 || low > 0xdfff)
			return tp_test_json_fail(r, "lone surrogate");
		u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
	} else if (u >= 0xdc00 && u < 0xe000) {
		return tp_test_json_fail(r, "lone surrogate");
	}
	*len += tp_test_utf8_put(out + *len, u);
	return 1;
}

/* Behind the opening quote; the result is owned. */
static inline int
tp_test_json_string(struct tp_test_json_reader *r, struct tp_str *s)
{
	/* No escape grows: six characters give at most three bytes. */
	char *out = (char *)malloc((size_t)(r->end - r->at) + 1);
	size_t len = 0, n;

	if (out == NULL)
		return tp_test_json_fail(r, "no memory");
	s->ptr = out;
	for (;;) {
		if (r->at == r->end)
			return tp_test_json_fail(r, "unfinished string");
		if (*r->at == '"')
			break;
		if ((unsigned char)*r->at < 0x20)
			return tp_test_json_fail(r, "control in a string");
		if (*r->at == '\\') {
			r->at++;
			if (!tp_test_json_escape(r, out, &len))
				return 0;
			continue;
		}
		n = tp_test_utf8_len(r->at, r->end);
		if (n == 0)
			return tp_test_json_fail(r, "not UTF-8");
		memcpy(out + len, r->at, n);
		len += n;
		r->at += n;
	}
	r->at++;
	out[len] = '\0';
	s->len = len;
	return 1;
}

static inline int
tp_test_json_digits(struct tp_test_json_reader *r)
{
	const char *from = r->at;

	while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
		r->at++;
	return r->at > from || tp_test_json_fail(r, "bad number");
}

static inline int
tp_test_json_number(struct tp_test_json_reader *r, struct tp_json *v)
{
	const char *from = r->at;

	v->type = TP_NUMBER;
	if (*r->at == '-')
		r->at++;
	if (r->at < r->end && *r->at == '0')
		r->at++;
	else if (!tp_test_json_digits(r))
		return 0;
	if (r->at < r->end && *r->at == '.') {
		r->at++;
		if (!tp_test_json_digits(r))
			return 0;
	}
	if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
		r->at++;
		if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
			r->at++;
		if (!tp_test_json_digits(r))
			return 0;
	}
	v->num = strtod(from, NULL); /* the text ends with NUL */
	return 1;
}

static inline int
tp_test_json_word(struct tp_test_json_reader *r, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
		return tp_test_json_fail(r, "unknown word");
	r->at += len;
	return 1;
}

static inline int
tp_test_json_key(struct tp_test_json_reader *r, const struct tp_json *object,
    struct tp_str *key)
{
	const struct tp_json *m;

	tp_test_json_space(r);
	if (r->at == r->end || *r->at++ != '"')
		return tp_test_json_fail(r, "a key is missing");
	if (!tp_test_json_string(r, key))
		return 0;
	for (m = object->first; m != NULL; m = m->next)
		if (m->key.len == key->len
		    && memcmp(m->key.ptr, key->ptr, key->len) == 0)
			return tp_test_json_fail(r, "duplicate key");
	tp_test_json_space(r);
	if (r->at == r->end || *r->at++ != ':')
		return tp_test_json_fail(r, "':' is missing");
	return 1;
}

static inline int
tp_test_json_members(struct tp_test_json_reader *r, struct tp_json *v)
{
	char end = *r->at++ == '{' ? '}' : ']';
	struct tp_json *m;

	v->type = end == '}' ? TP_OBJECT : TP_ARRAY;
	tp_test_json_space(r);
	if (r->at < r->end && *r->at == end) {
		r->at++;
		return 1;
	}
	for (;;) {
		struct tp_str key = { NULL, 0 };

		if (end == '}' && !tp_test_json_key(r, v, &key)) {
			free((void *)(uintptr_t)key.ptr);
			return 0;
		}
		m = tp_test_json_value(r);
		if (m == NULL) {
			free((void *)(uintptr_t)key.ptr);
			return 0;
		}
		m->key = key;
		if (v->last != NULL)
			v->last->next = m;
		else
			v->first = m;
		v->last = m;
		v->len++;
		tp_test_json_space(r);
		if (r->at == r->end)
			return tp_test_json_fail(r, "unfinished value");
		if (*r->at == end)
			break;
		if (*r->at++ != ',')
			return tp_test_json_fail(r, "',' is missing");
	}
	r->at++;
	return 1;
}

static inline int
tp_test_json_any(struct tp_test_json_reader *r, struct tp_json *v)
{
	int ok;

	switch (*r->at) {
	case '{':
	case '[':
		if (++r->depth > TP_TEST_JSON_DEPTH)
			return tp_test_json_fail(r, "too deep");
		ok = tp_test_json_members(r, v);
		r->depth--;
		return ok;
	case '"':
		r->at++;
		v->type = TP_STRING;
		return tp_test_json_string(r, &v->str);
	case 't':
		v->type = TP_BOOL;
		return tp_test_json_word(r, "true");
	case 'f':
		v->type = TP_BOOL;
		return tp_test_json_word(r, "false");
	case 'n':
		return tp_test_json_word(r, "null");
	default:
		return tp_test_json_number(r, v);
	}
}

static inline struct tp_json *
tp_test_json_value(struct tp_test_json_reader *r)
{
	struct tp_json *v = (struct tp_json *)calloc(1, sizeof *v);

	tp_test_json_space(r);
	if (v == NULL || r->at == r->end) {
		(void)tp_test_json_fail(r, "a value is missing");
		free(v);
		return NULL;
	}
	v->raw.ptr = r->at;
	if (!tp_test_json_any(r, v)) {
		tp_test_json_drop(v);
		return NULL;
	}
	v->raw.len = (size_t)(r->at - v->raw.ptr);
	return v;
}

/* root is NULL and error says why when text is not one JSON value. */
static inline struct tp_test_json
tp_test_json_parse(struct tp_str text)
{
	struct tp_test_json_reader r;
	struct tp_test_json doc;

	memset(&r, 0, sizeof r);
	memset(&doc, 0, sizeof doc);
	doc.text = (char *)malloc(text.len + 1);
	if (doc.text == NULL)
		return doc;
	if (text.len > 0)
		memcpy(doc.text, text.ptr, text.len);
	doc.text[text.len] = '\0';
	r.start = r.at = doc.text;
	r.end = doc.text + text.len;
	doc.root = tp_test_json_value(&r);
	tp_test_json_space(&r);
	if (doc.root != NULL && r.at < r.end) {
		(void)tp_test_json_fail(&r, "text after the value");
		tp_test_json_drop(doc.root);
		doc.root = NULL;
	}
	if (doc.root == NULL)
		(void)snprintf(doc.error, sizeof doc.error, "byte %ld: %s",
		    (long)(r.at - r.start), r.error != NULL ? r.error : "?");
	return doc;
}

static inline void
tp_test_json_free(struct tp_test_json *doc)
{
	tp_test_json_drop(doc->root);
	free(doc->text);
	memset(doc, 0, sizeof *doc);
}

/* The host's reading functions. */

static inline int
tp_test_json_type(const struct tp_json *v)
{
	return v != NULL ? v->type : TP_NULL;
}

static inline const struct tp_json *
tp_test_json_get(const struct tp_json *v, const char *key)
{
	const struct tp_json *m;

	if (v == NULL || v->type != TP_OBJECT)
		return NULL;
	for (m = v->first; m != NULL; m = m->next)
		if (m->key.len == strlen(key)
		    && memcmp(m->key.ptr, key, m->key.len) == 0)
			return m;
	return NULL;
}

static inline const struct tp_json *
tp_test_json_at(const struct tp_json *v, size_t index)
{
	const struct tp_json *m;

	if (v == NULL || v->type != TP_ARRAY)
		return NULL;
	for (m = v->first; m != NULL && index > 0; index--)
		m = m->next;
	return m;
}

static inline size_t
tp_test_json_len(const struct tp_json *v)
{
	return v != NULL ? v->len : 0;
}

static inline struct tp_str
tp_test_json_str(const struct tp_json *v)
{
	struct tp_str none = { NULL, 0 };

	return v != NULL && v->type == TP_STRING ? v->str : none;
}

static inline double
tp_test_json_num(const struct tp_json *v)
{
	return v != NULL && v->type == TP_NUMBER ? v->num : 0;
}

static inline struct tp_str
tp_test_json_raw(const struct tp_json *v)
{
	struct tp_str none = { NULL, 0 };

	return v != NULL ? v->raw : none;
}

static inline int
tp_test_json_int(const struct tp_json *v, int64_t *out)
{
	int64_t n = 0;
	size_t i = 0;
	int negative;

	if (v == NULL || v->type != TP_NUMBER)
		return TP_EPARAMS;
	negative = v->raw.ptr[0] == '-';
	/* Digits are read as digits: a double ends at 2^53. */
	for (i = negative ? 1 : 0; i < v->raw.len; i++) {
		int digit = v->raw.ptr[i] - '0';

		if (digit < 0 || digit > 9)
			break;
		if (n < (INT64_MIN + digit) / 10)
			return TP_EPARAMS;
		n = n * 10 - digit;
	}
	if (i < v->raw.len) { /* 1.0 and 1e3 are integers too */
		if (v->num < -9007199254740992.0 || v->num > 9007199254740992.0
		    || (double)(int64_t)v->num < v->num
		    || (double)(int64_t)v->num > v->num)
			return TP_EPARAMS;
		*out = (int64_t)v->num;
		return TP_OK;
	}
	if (!negative && n == INT64_MIN)
		return TP_EPARAMS;
	*out = negative ? n : -n;
	return TP_OK;
}

#endif
