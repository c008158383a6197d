/* SPDX-License-Identifier: Apache-2.0 */
/* From libyaml's events to a tree with positions.  What the strict subset
 * leaves out is refused here, and reading goes on, so that a person sees all
 * findings of a file at once; only broken syntax ends it.
 *
 * Depth needs no look at the raw bytes first: libyaml reads ahead of its
 * events by one possible key, at most 1,024 characters of one line, so a flood
 * of brackets is met at the 65th event, 1.3 ms after its start. */
#include "data/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "base/check.h"
#include "base/map.h"
#include "data/yaml_priv.h"

struct frame {
	struct yaml_node *node;
	struct yaml_node **tail;
	struct map keys; /* of a map: key -> node of the first mention */
	struct str key; /* waits for its value */
	struct diag_at key_at;
	bool have_key;
};

struct reader {
	struct arena *arena;
	const char *file;
	struct diags *diags;
	struct str text;
	struct yaml_node *root;
	size_t events;
	size_t documents;
	size_t depth;
	bool stop;
	struct frame frames[YAML_DEPTH_MAX];
};

static struct diag_at
mark_at(yaml_mark_t mark)
{
	return (struct diag_at){ (unsigned)mark.line + 1,
		(unsigned)mark.column + 1 };
}

/* "tools[0].name: ", or nothing at the root. */
static void
write_path(const struct reader *r, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < r->depth && len < size; i++) {
		const struct frame *f = &r->frames[i];
		/* An open child is counted and has its key already. */
		bool open_child = i + 1 < r->depth;
		int n = 0;

		if (f->node->type == YAML_LIST)
			n = snprintf(out + len, size - len, "[%zu]",
			    f->node->count - open_child);
		else if (f->have_key || open_child)
			n = snprintf(out + len, size - len, "%s%.*s",
			    len > 0 ? "." : "", STR_FMT(f->key));
		len += n > 0 ? (size_t)n : 0;
	}
	if (len > 0 && len < size)
		(void)snprintf(out + len, size - len, ": ");
}

__attribute__((format(printf, 5, 6))) static void
refuse(struct reader *r, struct diag_at at, const char *code, const char *hint,
    const char *fmt, ...)
{
	char path[256], message[512];
	va_list args;

	write_path(r, path, sizeof path);
	va_start(args, fmt);
	(void)vsnprintf(message, sizeof message, fmt, args);
	va_end(args);
	(void)diags_add(r->diags, DIAG_ERROR, code, r->file, at, hint, "%s%s",
	    path, message);
}

static void
refuse_nomem(struct reader *r, struct diag_at at)
{
	refuse(r, at, YAML_CODE_NOMEM, NULL, "out of memory");
	r->stop = true;
}

static struct yaml_node *
node_create(struct reader *r, enum yaml_type type, struct diag_at at)
{
	struct yaml_node *n = arena_zalloc(r->arena, sizeof *n);

	if (n == NULL) {
		refuse_nomem(r, at);
		return NULL;
	}
	n->type = type;
	n->at = at;
	n->text = S("");
	return n;
}

static struct frame *
top(struct reader *r)
{
	return r->depth == 0 ? NULL : &r->frames[r->depth - 1];
}

static bool
key_expected(struct reader *r)
{
	struct frame *f = top(r);

	return f != NULL && f->node->type == YAML_MAP && !f->have_key;
}

static void
put_value(struct reader *r, struct yaml_node *n)
{
	struct frame *f = top(r);

	if (f == NULL) {
		r->root = n;
		return;
	}
	if (f->node->type == YAML_MAP) {
		n->key = f->key;
		n->key_at = f->key_at;
		f->have_key = false;
	}
	*f->tail = n;
	f->tail = &n->next;
	f->node->count++;
}

/* Anchors and tags of one event. */
static void
check_properties(struct reader *r, struct diag_at at, const yaml_char_t *anchor,
    const yaml_char_t *tag)
{
	if (anchor != NULL)
		refuse(r, at, YAML_CODE_FEATURE, "write the value out",
		    "anchors are not accepted");
	if (tag != NULL)
		refuse(r, at, YAML_CODE_FEATURE,
		    "remove it: the key says what type its value has",
		    "tags are not accepted");
}

/* U+0000 to U+001F, U+007F and U+0080 to U+009F, but for the lines and tabs
 * of a longer text. */
static bool
has_control(struct str s, bool allow_lines)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (allow_lines && (c == '\n' || c == '\t'))
			continue;
		if (c < 0x20 || c == 0x7f)
			return true;
		if (c == 0xc2 && i + 1 < s.len
		    && (unsigned char)s.ptr[i + 1] < 0xa0)
			return true;
	}
	return false;
}

static void
check_duplicate(struct reader *r, struct frame *f)
{
	char hint[64];
	struct yaml_node *mention = map_find(&f->keys, f->key);

	if (mention != NULL) {
		(void)snprintf(hint, sizeof hint, "first given at %u:%u",
		    mention->at.line, mention->at.column);
		refuse(r, f->key_at, YAML_CODE_DUPLICATE, hint,
		    "duplicate key \"%.*s\"", STR_FMT(f->key));
		return;
	}
	mention = node_create(r, YAML_SCALAR, f->key_at);
	if (mention != NULL && map_set(&f->keys, f->key, mention, NULL) != 0)
		refuse_nomem(r, f->key_at);
}

static void
take_key(struct reader *r, struct str text, struct diag_at at, bool plain)
{
	struct frame *f = top(r);

	if (text.len > YAML_KEY_MAX) {
		refuse(r, at, YAML_CODE_LIMIT, NULL, "key longer than %d bytes",
		    YAML_KEY_MAX);
		text.len = 0;
	}
	if (has_control(text, false)) {
		refuse(r, at, YAML_CODE_CONTROL, NULL,
		    "control character in a key");
		text.len = 0;
	}
	f->key = arena_dup(r->arena, text);
	f->key_at = at;
	if (f->key.ptr == NULL) {
		refuse_nomem(r, at);
		return;
	}
	if (plain && str_equal(text, S("<<")))
		refuse(r, at, YAML_CODE_FEATURE, "write the keys out",
		    "merge keys are not accepted");
	else
		check_duplicate(r, f);
	f->have_key = true;
}

static void
take_scalar(struct reader *r, struct str text, struct diag_at at, bool plain)
{
	struct yaml_node *n;

	if (key_expected(r)) {
		take_key(r, text, at, plain);
		return;
	}
	if (has_control(text, true))
		refuse(r, at, YAML_CODE_CONTROL, NULL,
		    "control character in a value");
	n = node_create(r, YAML_SCALAR, at);
	if (n == NULL)
		return;
	n->plain = plain;
	n->text = arena_dup(r->arena, text);
	if (n->text.ptr == NULL)
		refuse_nomem(r, at);
	else
		put_value(r, n);
}

static void
on_scalar(struct reader *r, const yaml_event_t *e)
{
	struct diag_at at = mark_at(e->start_mark);
	struct str text = { (const char *)e->data.scalar.value,
		e->data.scalar.length };

	check_properties(r, at, e->data.scalar.anchor, e->data.scalar.tag);
	take_scalar(
	    r, text, at, e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE);
}

static void
on_alias(struct reader *r, const yaml_event_t *e)
{
	struct diag_at at = mark_at(e->start_mark);

	refuse(r, at, YAML_CODE_FEATURE, "write the value out",
	    "aliases are not accepted");
	if (key_expected(r))
		r->stop = true; /* what the key would be is not known */
	else
		take_scalar(r, S(""), at, false);
}

static void
on_open(struct reader *r, enum yaml_type type, struct diag_at at)
{
	struct yaml_node *n;
	struct frame *f;

	if (key_expected(r)) {
		refuse(r, at, YAML_CODE_SYNTAX,
		    "quote it if it begins with [ or {",
		    "a key cannot be a list or a map");
		r->stop = true;
		return;
	}
	if (r->depth == YAML_DEPTH_MAX) {
		refuse(r, at, YAML_CODE_LIMIT, NULL,
		    "nested deeper than %d levels", YAML_DEPTH_MAX);
		r->stop = true;
		return;
	}
	n = node_create(r, type, at);
	if (n == NULL)
		return;
	put_value(r, n);
	f = &r->frames[r->depth++];
	*f = (struct frame){ .node = n, .tail = &n->first };
	map_init(&f->keys);
}

static void
on_close(struct reader *r)
{
	struct frame *f = top(r);

	CHECK(f != NULL);
	map_finish(&f->keys);
	r->depth--;
}

static void
on_document(struct reader *r, const yaml_event_t *e)
{
	struct diag_at at = mark_at(e->start_mark);

	if (++r->documents > 1) {
		refuse(r, at, YAML_CODE_FEATURE, "use one file for each",
		    "a second document is not accepted");
		r->stop = true;
		return;
	}
	if (e->data.document_start.version_directive != NULL
	    || e->data.document_start.tag_directives.start
		!= e->data.document_start.tag_directives.end)
		refuse(r, at, YAML_CODE_FEATURE, "remove the % line",
		    "directives are not accepted");
}

static void
on_event(struct reader *r, const yaml_event_t *e)
{
	struct diag_at at = mark_at(e->start_mark);

	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		on_document(r, e);
		break;
	case YAML_ALIAS_EVENT:
		on_alias(r, e);
		break;
	case YAML_SCALAR_EVENT:
		on_scalar(r, e);
		break;
	case YAML_SEQUENCE_START_EVENT:
		check_properties(r, at, e->data.sequence_start.anchor,
		    e->data.sequence_start.tag);
		on_open(r, YAML_LIST, at);
		break;
	case YAML_MAPPING_START_EVENT:
		check_properties(r, at, e->data.mapping_start.anchor,
		    e->data.mapping_start.tag);
		on_open(r, YAML_MAP, at);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		on_close(r);
		break;
	default:
		break;
	}
}

static void
refuse_syntax(struct reader *r, const yaml_parser_t *parser)
{
	struct yaml_problem problem;

	yaml_problem_of(parser, r->text, &problem);
	(void)diags_add(r->diags, DIAG_ERROR, problem.code, r->file, problem.at,
	    problem.hint, "%s", problem.message);
	r->stop = true;
}

static void
read_events(struct reader *r, yaml_parser_t *parser)
{
	yaml_event_t e;
	bool last = false;

	while (!r->stop && !last) {
		if (!yaml_parser_parse(parser, &e)) {
			refuse_syntax(r, parser);
			break;
		}
		if (++r->events > YAML_EVENTS_MAX) {
			refuse(r, mark_at(e.start_mark), YAML_CODE_LIMIT, NULL,
			    "more than %d values and brackets",
			    YAML_EVENTS_MAX);
			r->stop = true;
		} else {
			on_event(r, &e);
		}
		last = e.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&e);
	}
}

static void
read_text(struct reader *r)
{
	yaml_parser_t parser;

	if (r->text.len > YAML_FILE_MAX) {
		refuse(r, (struct diag_at){ 0, 0 }, YAML_CODE_LIMIT, NULL,
		    "larger than %zu bytes", YAML_FILE_MAX);
		return;
	}
	if (!yaml_parser_initialize(&parser)) {
		refuse_nomem(r, (struct diag_at){ 0, 0 });
		return;
	}
	/* Fixed, or libyaml would take UTF-16 as well. */
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	    &parser, (const unsigned char *)r->text.ptr, r->text.len);
	read_events(r, &parser);
	yaml_parser_delete(&parser);
	while (r->depth > 0)
		on_close(r);
}

struct yaml_node *
yaml_parse(
    struct arena *arena, struct str text, const char *file, struct diags *diags)
{
	size_t errors = diags->errors;
	struct reader r = { .arena = arena,
		.file = file,
		.diags = diags,
		.text = text.len == 0 ? S("") : text };

	read_text(&r);
	if (diags->errors > errors)
		return NULL;
	/* Nothing but comments: a map without keys. */
	if (r.root == NULL
	    || (r.root->type == YAML_SCALAR && r.root->plain
		&& r.root->text.len == 0))
		r.root = node_create(&r, YAML_MAP, (struct diag_at){ 1, 1 });
	return r.root;
}

const struct yaml_node *
yaml_get(const struct yaml_node *map, struct str key)
{
	if (map == NULL || map->type != YAML_MAP)
		return NULL;
	for (const struct yaml_node *n = map->first; n != NULL; n = n->next) {
		if (str_equal(n->key, key))
			return n;
	}
	return NULL;
}
