/* SPDX-License-Identifier: Apache-2.0 */
/* From a concrete URI to its entry: resources by their key, then templates in
 * list order. */
#include "data/json_dup.h"
#include "registry/registry.h"
#include "registry/uri_template.h"

/* {"id":"123","path":["a","b"]} - elements of a list stand together. */
static const struct json_node *
variables_make(const struct uri_match *match, struct arena *arena)
{
	const struct json_node *object = NULL;
	struct buf text;
	bool list = false;
	size_t i;
	int rc = 0;

	buf_init(&text);
	buf_char(&text, '{');
	for (i = 0; i < match->len; i++) {
		const struct uri_match_value *v = &match->values[i];
		bool more = i > 0 && list && v->list
		    && str_equal(match->values[i - 1].name, v->name);

		if (list && !more)
			buf_char(&text, ']');
		if (i > 0)
			buf_char(&text, ',');
		if (!more) {
			rc |= json_write_str(&text, v->name);
			buf_char(&text, ':');
			if (v->list)
				buf_char(&text, '[');
		}
		rc |= json_write_str(&text, v->value);
		list = v->list;
	}
	if (list)
		buf_char(&text, ']');
	buf_char(&text, '}');
	if (!text.failed && rc == 0)
		object = json_parse_dup(buf_view(&text), arena);
	buf_finish(&text);
	return object;
}

const struct registry_entry *
registry_find_uri(const struct registry_snapshot *s, struct str uri,
    struct arena *arena, const struct json_node **variables)
{
	const struct registry_entry *e =
	    registry_find(s, REGISTRY_RESOURCE, uri);
	size_t i;

	*variables = NULL;
	if (e != NULL)
		return e;
	for (i = 0; i < s->counts[REGISTRY_TEMPLATE]; i++) {
		struct uri_match match;

		e = s->templates[i];
		if (!str_starts(uri, uri_template_prefix(e->uri_template))
		    || uri_template_match(e->uri_template, uri, arena, &match)
			< 0)
			continue;
		*variables = variables_make(&match, arena);
		return *variables != NULL ? e : NULL;
	}
	return NULL;
}
