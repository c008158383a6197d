/* SPDX-License-Identifier: Apache-2.0 */
/* What the three files of the parser share: states, byte classes and the way
 * to refuse.  One feed runs steps until one asks for more bytes. */
#ifndef HTTP_PARSER_PRIV_H
#define HTTP_PARSER_PRIV_H

#include "http/parser.h"

/* Order matters: everything before STATE_BODY belongs to the head. */
enum parser_state {
	STATE_START,
	STATE_START_AGAIN, /* behind the one empty line that is allowed */
	STATE_METHOD,
	STATE_TARGET_FIRST,
	STATE_TARGET,
	STATE_VERSION,
	STATE_FIELD,
	STATE_NAME,
	STATE_VALUE_FIRST,
	STATE_VALUE,
	STATE_HEAD_END,
	STATE_BODY, /* the caller has seen the head */
	STATE_BODY_LENGTH,
	STATE_SIZE_FIRST,
	STATE_SIZE,
	STATE_EXT_NAME_FIRST,
	STATE_EXT_NAME,
	STATE_EXT_VALUE_FIRST,
	STATE_EXT_VALUE,
	STATE_EXT_QUOTED,
	STATE_EXT_ESCAPED,
	STATE_EXT_QUOTED_END,
	STATE_SIZE_END,
	STATE_DATA,
	STATE_DATA_END,
	STATE_TRAILER,
	STATE_TRAILER_NAME,
	STATE_TRAILER_VALUE_FIRST,
	STATE_TRAILER_VALUE,
	STATE_COMPLETE,
	STATE_REFUSED
};

/* Places in m.scratch. */
enum {
	SCRATCH_STOP, /* no byte from here on belongs to this part */
	SCRATCH_QUERY, /* offset of the first '?' of the target, or 0 */
	SCRATCH_CLASSES, /* or of the classes of a name's bytes */
	SCRATCH_HIGH, /* or of a value's bytes: bit 7 says >= 0x80 */
	SCRATCH_KNOWN, /* enum http_known, NAME_PARAM or NAME_OTHER */
	SCRATCH_FLAGS /* FLAG_* */
};

/* m.scratch has six places; digits of a chunk size and the count of trailers
 * use those of the request line, which is over by then. */
#define SCRATCH_DIGITS SCRATCH_QUERY
#define SCRATCH_TRAILERS SCRATCH_KNOWN

enum { NAME_PARAM = HTTP_KNOWN_COUNT, NAME_OTHER };

enum {
	FLAG_CLOSE = 1,
	FLAG_KEEP_ALIVE = 2,
	FLAG_EXPECT_OTHER = 4, /* refused with 417 when the body is wanted */
	FLAG_PRI = 8
};

enum step { STEP_NEXT, STEP_MORE, STEP_REFUSED };

enum {
	CLASS_TCHAR = 1, /* RFC 9110 5.6.2 */
	CLASS_TARGET = 2, /* of a target, but '%' and '?' */
	CLASS_VALUE = 4, /* HTAB, SP, VCHAR, obs-text */
	CLASS_QDTEXT = 8, /* RFC 9110 5.6.4 */
	CLASS_HEX = 16,
	CLASS_DIGIT = 32,
	CLASS_HOST = 64, /* of a registered name or IPv4 address */
	CLASS_UNDERSCORE = 128
};

extern const uint8_t http_class[256];

static inline bool
class_is(char c, unsigned class)
{
	return (http_class[(unsigned char)c] & class) != 0;
}

/* Always STEP_REFUSED.  Framing errors are final: keep stays false. */
enum step parser_refuse(struct http_parser *p, int status, const char *reason);

/* parser_tables.c.  The name's bytes are known to be tchars. */
enum http_method method_find(struct str text, bool *known);
int name_find(const char *name, size_t len);
bool name_is_confusable(struct str name);
bool authority_is_valid(struct str authority);

/* parser_field.c: one field; the four states of a head's field or those of
 * a trailer's. */
enum step parse_field(struct http_parser *p, const char *b, uint32_t end);

/* parser_memo.c; only with a memory. */
enum memo { MEMO_NONE, MEMO_NAME, MEMO_LINE };
void memo_request_keep(struct http_parser *p, const char *b);
bool memo_request_take(struct http_parser *p, const char *b, uint32_t end);
void memo_field_keep(
    struct http_parser *p, const char *b, uint32_t at, uint32_t flags);
/* The line at m.at.  MEMO_NAME: m.at is at the value. */
enum memo memo_field_take(struct http_parser *p, const char *b, uint32_t end);

/* parser_body.c */
enum step parse_body(struct http_parser *p, char *b, uint32_t end);

/* True when the CR at offset i is followed by LF; otherwise *step says what
 * to do. */
static inline bool
line_ends(struct http_parser *p, const char *b, uint32_t i, uint32_t end,
    enum step *step)
{
	if (i + 1 == end) {
		p->m.at = i;
		*step = STEP_MORE;
		return false;
	}
	if (b[i + 1] != '\n') {
		*step = parser_refuse(p, 400, "CR without LF");
		return false;
	}
	p->m.at = i + 2;
	return true;
}

#endif
