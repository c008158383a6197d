/* SPDX-License-Identifier: Apache-2.0 */
/* A strict scan of JSON without a tree, and the few looks into it that the
 * check of an answer needs. */
#include "answer.h"

#include <string.h>

#define DEPTH_MAX 64

struct span {
	const char *at;
	const char *end;
};

static bool skip_value(struct span *s, unsigned depth);

static void
skip_blank(struct span *s)
{
	while (s->at < s->end
	    && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n'
		|| *s->at == '\r'))
		s->at++;
}

static bool
skip_byte(struct span *s, char c)
{
	skip_blank(s);
	if (s->at >= s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool
skip_escape(struct span *s)
{
	int i;

	if (s->at >= s->end)
		return false;
	if (*s->at != 'u')
		return strchr("\"\\/bfnrt", *s->at++) != NULL;
	s->at++;
	for (i = 0; i < 4; i++, s->at++)
		if (s->at >= s->end
		    || memchr("0123456789abcdefABCDEF", *s->at, 22) == NULL)
			return false;
	return true;
}

static bool
skip_string(struct span *s)
{
	if (!skip_byte(s, '"'))
		return false;
	while (s->at < s->end) {
		unsigned char c = (unsigned char)*s->at++;

		if (c == '"')
			return true;
		if (c < 0x20)
			return false;
		if (c == '\\' && !skip_escape(s))
			return false;
	}
	return false;
}

static bool
skip_digits(struct span *s)
{
	const char *start = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return s->at > start;
}

static bool
skip_number(struct span *s)
{
	if (s->at < s->end && *s->at == '-')
		s->at++;
	if (s->at < s->end && *s->at == '0')
		s->at++;
	else if (!skip_digits(s))
		return false;
	if (s->at < s->end && *s->at == '.') {
		s->at++;
		if (!skip_digits(s))
			return false;
	}
	if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
		s->at++;
		if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
			s->at++;
		return skip_digits(s);
	}
	return true;
}

static bool
skip_word(struct span *s, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
		return false;
	s->at += len;
	return true;
}

static bool
skip_members(struct span *s, char close, unsigned depth)
{
	s->at++;
	if (skip_byte(s, close))
		return true;
	do {
		if (close == '}' && (!skip_string(s) || !skip_byte(s, ':')))
			return false;
		if (!skip_value(s, depth + 1))
			return false;
	} while (skip_byte(s, ','));
	return skip_byte(s, close);
}

static bool
skip_value(struct span *s, unsigned depth)
{
	skip_blank(s);
	if (s->at >= s->end || depth > DEPTH_MAX)
		return false;
	switch (*s->at) {
	case '{':
		return skip_members(s, '}', depth);
	case '[':
		return skip_members(s, ']', depth);
	case '"':
		return skip_string(s);
	case 't':
		return skip_word(s, "true");
	case 'f':
		return skip_word(s, "false");
	case 'n':
		return skip_word(s, "null");
	default:
		return skip_number(s);
	}
}

/* Takes the next value of a text already known to be well formed. */
static struct span
next_value(struct span *s)
{
	struct span value;

	skip_blank(s);
	value.at = s->at;
	(void)skip_value(s, 0); /* the whole text was scanned before */
	value.end = s->at;
	return value;
}

static bool
span_is(struct span s, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(s.end - s.at) == len && memcmp(s.at, text, len) == 0;
}

/* Finds a member; the key is compared as written, quotes included. */
static bool
find_member(struct span object, const char *quoted_key, struct span *value)
{
	struct span key;

	if (!skip_byte(&object, '{') || skip_byte(&object, '}'))
		return false;
	do {
		key = next_value(&object);
		(void)skip_byte(&object, ':');
		*value = next_value(&object);
		if (span_is(key, quoted_key))
			return true;
	} while (skip_byte(&object, ','));
	return false;
}

static bool
member_is(struct span object, const char *quoted_key, const char *text)
{
	struct span value;

	return find_member(object, quoted_key, &value) && span_is(value, text);
}

static const char *
check_result(struct span result, enum answer_era era)
{
	struct span value;
	struct span block;

	if (find_member(result, "\"isError\"", &value)
	    && !span_is(value, "false"))
		return "isError is set";
	if (era == ANSWER_STATELESS
	    && !member_is(result, "\"resultType\"", "\"complete\""))
		return "resultType is not complete";
	if (!find_member(result, "\"content\"", &value)
	    || !skip_byte(&value, '['))
		return "no content";
	block = next_value(&value);
	if (!member_is(block, "\"type\"", "\"text\""))
		return "content is not a text";
	if (!member_is(block, "\"text\"", "\"hello world\""))
		return "wrong text";
	if (!skip_byte(&value, ']'))
		return "more than one content block";
	return NULL;
}

static const char *
check_id(struct span id, uint32_t *value)
{
	*value = 0;
	if (id.end - id.at != ANSWER_ID_DIGITS)
		return "wrong id";
	for (; id.at < id.end; id.at++) {
		if (*id.at < '0' || *id.at > '9')
			return "wrong id";
		*value = *value * 10 + (uint32_t)(*id.at - '0');
	}
	return NULL;
}

bool
answer_json_valid(const char *json, size_t len)
{
	struct span s = { json, json + len };

	if (!skip_value(&s, 0))
		return false;
	skip_blank(&s);
	return s.at == s.end;
}

const char *
answer_check(const char *json, size_t len, enum answer_era era, uint32_t *id,
    size_t *id_at)
{
	struct span all = { json, json + len };
	struct span value;
	const char *wrong;

	if (!answer_json_valid(json, len))
		return "not JSON";
	if (!member_is(all, "\"jsonrpc\"", "\"2.0\""))
		return "jsonrpc is not 2.0";
	if (find_member(all, "\"error\"", &value))
		return "an error";
	if (!find_member(all, "\"id\"", &value))
		return "no id";
	wrong = check_id(value, id);
	if (wrong != NULL)
		return wrong;
	*id_at = (size_t)(value.at - json);
	if (!find_member(all, "\"result\"", &value))
		return "no result";
	return check_result(value, era);
}

bool
answer_shape_match(
    const struct answer_shape *s, const char *bytes, size_t len, uint32_t *id)
{
	size_t after = s->id_at + ANSWER_ID_DIGITS;
	struct span digits;

	if (s->len == 0 || s->len != len
	    || memcmp(s->bytes, bytes, s->id_at) != 0
	    || memcmp(s->bytes + after, bytes + after, len - after) != 0)
		return false;
	digits.at = bytes + s->id_at;
	digits.end = bytes + after;
	return check_id(digits, id) == NULL;
}

void
answer_shape_learn(
    struct answer_shape *s, const char *bytes, size_t len, size_t id_at)
{
	if (len > sizeof s->bytes)
		return;
	memcpy(s->bytes, bytes, len);
	s->len = len;
	s->id_at = id_at;
}
