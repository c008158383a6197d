/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that came before, at the same place of a head, byte for byte: what the
 * rules said about them is known.  Clients send the same head again and again,
 * and of what differs the name is the same.
 *
 * Only what the rules make of the line's own bytes is kept.  What depends on
 * the other lines (a field that must occur once, the count of fields) is looked
 * at each time, and what is not whole or not equal goes the long way: a head
 * gives the same result with a memory and without. */
#include "http/parser_priv.h"

#include <string.h>

void
http_parser_remember(struct http_parser *p, struct http_memo *memo)
{
	if (!p->limits->syntax_only)
		p->memo = memo;
}

/* Behind a request line that was sound, at the start of the bytes. */
void
memo_request_keep(struct http_parser *p, const char *b)
{
	struct http_memo *m = p->memo;

	m->request_len = 0;
	if (p->method_text.at != 0 || p->path.at != p->target.at
	    || p->m.at > HTTP_MEMO_LINE_MAX || p->authority.len != 0
	    || p->method == HTTP_OTHER)
		return;
	memcpy(m->request, b, p->m.at);
	m->request_len = (uint8_t)p->m.at;
	m->method = p->method;
	m->method_text = p->method_text;
	m->target = p->target;
	m->path = p->path;
	m->query = p->query;
	m->minor = p->minor;
}

bool
memo_request_take(struct http_parser *p, const char *b, uint32_t end)
{
	const struct http_memo *m = p->memo;

	if (m->request_len == 0 || end < m->request_len
	    || !str_same_bytes(b, m->request, m->request_len))
		return false;
	p->method = m->method;
	p->method_text = m->method_text;
	p->target = m->target;
	p->path = m->path;
	p->query = m->query;
	p->minor = m->minor;
	p->m.at = m->request_len;
	p->m.scratch[SCRATCH_STOP] = p->m.at + p->limits->head;
	p->m.state = STATE_FIELD;
	return true;
}

/* A field line from at to m.at that was sound. */
void
memo_field_keep(
    struct http_parser *p, const char *b, uint32_t at, uint32_t flags)
{
	const struct http_field *f = &p->fields[p->fields_len - 1];
	struct http_memo_line *line = &p->memo->lines[p->fields_len - 1];
	uint32_t known = p->m.scratch[SCRATCH_KNOWN];
	uint32_t prefix = f->value.at - f->name.at, len = p->m.at - at;

	line->len = line->prefix = 0;
	/* The first two say more than their bytes, the third is in the way. */
	if (known == NAME_PARAM || known == HTTP_K_EXPECT
	    || known == HTTP_K_TRANSFER_ENCODING || f->value.len == 0
	    || prefix > HTTP_MEMO_LINE_MAX)
		return;
	line->prefix = (uint8_t)prefix;
	line->name_len = (uint8_t)f->name.len;
	line->known = (uint8_t)known;
	if (known == HTTP_K_MCP_SESSION_ID || len > HTTP_MEMO_LINE_MAX) {
		memcpy(line->bytes, b + at, prefix);
		return;
	}
	memcpy(line->bytes, b + at, len);
	line->len = (uint8_t)len;
	line->value_len = (uint8_t)f->value.len;
	line->flags = (uint8_t)flags;
	line->number = p->content_length;
}

enum memo
memo_field_take(struct http_parser *p, const char *b, uint32_t end)
{
	const struct http_memo_line *line = &p->memo->lines[p->fields_len];
	struct http_field *f = &p->fields[p->fields_len];
	uint32_t at = p->m.at, have = end - at, bit;
	bool whole;

	if (line->prefix == 0 || have < line->prefix)
		return MEMO_NONE;
	whole = line->len != 0 && have >= line->len
	    && str_same_bytes(b + at, line->bytes, line->len);
	if (!whole && !str_same_bytes(b + at, line->bytes, line->prefix))
		return MEMO_NONE;
	bit = line->known < HTTP_KNOWN_COUNT ? UINT32_C(1) << line->known : 0;
	if ((p->known_seen & bit) != 0)
		return MEMO_NONE; /* the long way decides */
	f->name.at = at;
	f->name.len = line->name_len;
	if (!whole) {
		p->m.scratch[SCRATCH_KNOWN] = line->known;
		p->m.at = at + line->prefix;
		return MEMO_NAME;
	}
	f->value.at = at + line->prefix;
	f->value.len = line->value_len;
	p->m.at = at + line->len;
	p->fields_len++;
	if (bit != 0) {
		p->known[line->known] = f->value;
		p->known_seen |= bit;
	}
	if (line->known == HTTP_K_CONTENT_LENGTH)
		p->content_length = line->number;
	p->m.scratch[SCRATCH_FLAGS] |= line->flags;
	return MEMO_LINE;
}
