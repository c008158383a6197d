/* SPDX-License-Identifier: Apache-2.0 */
/* Reads status, the headers that matter and the body, by length or chunks. */
#include "response.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool
name_is(const char *line, size_t name_len, const char *name)
{
	return strlen(name) == name_len
	    && strncasecmp(line, name, name_len) == 0;
}

static bool
starts_with(const char *value, size_t len, const char *word)
{
	size_t n = strlen(word);

	return len >= n && strncasecmp(value, word, n) == 0;
}

static bool
take_length(struct response *r, const char *value, size_t len)
{
	size_t i;

	r->body_len = 0;
	for (i = 0; i < len; i++) {
		if (value[i] < '0' || value[i] > '9' || i > 8)
			return false;
		r->body_len = r->body_len * 10 + (size_t)(value[i] - '0');
	}
	r->has_length = len > 0;
	return r->has_length;
}

static bool
take_header(struct response *r, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	const char *value;
	size_t value_len;
	size_t name_len;

	if (colon == NULL || colon == line)
		return false;
	name_len = (size_t)(colon - line);
	value = colon + 1;
	while (value < line + len && *value == ' ')
		value++;
	value_len = (size_t)(line + len - value);
	if (name_is(line, name_len, "content-length"))
		return take_length(r, value, value_len);
	if (name_is(line, name_len, "transfer-encoding"))
		r->chunked = starts_with(value, value_len, "chunked");
	else if (name_is(line, name_len, "content-type"))
		r->json = starts_with(value, value_len, "application/json");
	else if (name_is(line, name_len, "connection"))
		r->closing = starts_with(value, value_len, "close");
	else if (name_is(line, name_len, "mcp-session-id")) {
		if (value_len >= sizeof r->session)
			return false;
		memcpy(r->session, value, value_len);
		r->session[value_len] = '\0';
	}
	return true;
}

static bool
take_head(struct response *r, const char *head, size_t len)
{
	const char *end = head + len;
	const char *eol;

	if (len < 14 || memcmp(head, "HTTP/1.1 ", 9) != 0)
		return false;
	r->status =
	    (head[9] - '0') * 100 + (head[10] - '0') * 10 + (head[11] - '0');
	eol = memmem(head, len, "\r\n", 2);
	while (eol != NULL && eol + 2 < end) {
		const char *line = eol + 2;

		eol = memmem(line, (size_t)(end - line), "\r\n", 2);
		if (eol == NULL || !take_header(r, line, (size_t)(eol - line)))
			return false;
	}
	return true;
}

static enum response_state
take_chunks(
    struct response *r, const char *at, const char *end, const char *start)
{
	for (;;) {
		const char *eol = memmem(at, (size_t)(end - at), "\r\n", 2);
		size_t size;

		if (eol == NULL)
			return RESPONSE_PARTIAL;
		size = strtoul(at, NULL, 16);
		at = eol + 2;
		if (size > sizeof r->joined - r->body_len)
			return RESPONSE_BAD;
		if ((size_t)(end - at) < size + 2)
			return RESPONSE_PARTIAL;
		if (memcmp(at + size, "\r\n", 2) != 0)
			return RESPONSE_BAD;
		memcpy(r->joined + r->body_len, at, size);
		r->body_len += size;
		at += size + 2;
		if (size == 0)
			break;
	}
	r->body = r->joined;
	r->total = (size_t)(at - start);
	return RESPONSE_WHOLE;
}

enum response_state
response_parse(struct response *r, const char *bytes, size_t len)
{
	const char *blank = memmem(bytes, len, "\r\n\r\n", 4);
	size_t head;

	if (blank == NULL)
		return RESPONSE_PARTIAL;
	memset(r, 0, offsetof(struct response, joined));
	head = (size_t)(blank - bytes) + 4;
	if (!take_head(r, bytes, head - 2))
		return RESPONSE_BAD;
	if (r->chunked && !r->has_length)
		return take_chunks(r, bytes + head, bytes + len, bytes);
	if (r->chunked)
		return RESPONSE_BAD;
	if (!r->has_length && r->status != 202 && r->status != 204)
		return RESPONSE_BAD;
	if (len - head < r->body_len)
		return RESPONSE_PARTIAL;
	r->body = bytes + head;
	r->total = head + r->body_len;
	return RESPONSE_WHOLE;
}
