/* SPDX-License-Identifier: Apache-2.0 */
#include "data/json_dup.h"

#include <string.h>

/* Bytes of decoded strings under n that do not point into its raw text. */
static size_t
decoded_size(const struct json_node *n)
{
	size_t total = 0;
	uint32_t i;

	for (i = 0; i < n->span; i++)
		if (n[i].type == JSON_STRING && n[i].text != n[i].raw + 1)
			total += n[i].text_len;
	return total;
}

const struct json_node *
json_dup(const struct json_node *n, struct arena *arena)
{
	struct json_node *copy;
	char *raw, *decoded;
	uint32_t i;

	copy = arena_alloc(arena, n->span * sizeof *copy);
	raw = arena_alloc(arena, (size_t)n->raw_len + 1);
	decoded = arena_alloc(arena, decoded_size(n) + 1);
	if (copy == NULL || raw == NULL || decoded == NULL)
		return NULL;
	memcpy(copy, n, n->span * sizeof *copy);
	memcpy(raw, n->raw, n->raw_len);
	raw[n->raw_len] = '\0';
	for (i = 0; i < n->span; i++) {
		struct json_node *c = &copy[i];

		c->raw = raw + (n[i].raw - n->raw);
		if (c->type != JSON_STRING)
			continue;
		if (n[i].text == n[i].raw + 1) {
			c->text = c->raw + 1;
			continue;
		}
		if (c->text_len > 0)
			memcpy(decoded, n[i].text, c->text_len);
		c->text = decoded;
		decoded += c->text_len;
	}
	return copy;
}

const struct json_node *
json_parse_dup(struct str text, struct arena *arena)
{
	const struct json_node *copy = NULL;
	struct json_doc doc;

	json_doc_init(&doc);
	if (json_parse(&doc, text, JSON_GRAMMAR) == 0)
		copy = json_dup(doc.nodes, arena);
	json_doc_finish(&doc);
	return copy;
}
