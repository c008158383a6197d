/* SPDX-License-Identifier: Apache-2.0 */
/* Pointers into JSON text, and lines and columns in it. */
#include "data/json_place.h"

struct diag_at
json_place(struct str text, size_t offset)
{
	struct diag_at at = { 1, 1 };

	for (size_t i = 0; i < offset && i < text.len; i++) {
		if (text.ptr[i] == '\n') {
			at.line++;
			at.column = 1;
		} else if (((unsigned char)text.ptr[i] & 0xc0) != 0x80) {
			at.column++;
		}
	}
	return at;
}

/* A reference token, decoded. */
static void
token_decode(struct str token, struct buf *out)
{
	buf_clear(out);
	for (size_t i = 0; i < token.len; i++) {
		char c = token.ptr[i];

		if (c == '~' && i + 1 < token.len)
			c = token.ptr[++i] == '1' ? '/' : '~';
		buf_char(out, c);
	}
}

const struct json_node *
json_at_pointer(const struct json_node *root, struct str pointer)
{
	const struct json_node *n = root;
	struct buf name;

	buf_init(&name);
	while (n != NULL && pointer.len > 0) {
		const struct json_node *child = NULL;
		struct str rest = str_sub(pointer, 1, pointer.len);
		struct str token = str_sub(rest, 0, str_find(rest, '/'));
		uint64_t index;

		pointer = str_sub(rest, token.len, rest.len);
		token_decode(token, &name);
		if (n->type == JSON_OBJECT)
			child = json_get(n, buf_view(&name));
		else if (n->type == JSON_ARRAY && str_to_u64(token, &index) == 0
		    && index < n->count)
			child = json_at(n, (size_t)index);
		if (child == NULL)
			break;
		n = child;
	}
	buf_finish(&name);
	return n;
}
