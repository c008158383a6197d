/* SPDX-License-Identifier: Apache-2.0 */
/* Failures in words for people and models: where, what was expected, what was
 * found, and the name that was probably meant. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "data/schema_run.h"

#define ENUM_SHOWN 10
#define NAME_TRIED_MAX 64 /* bytes of a name compared with others */
#define NAMES_TRIED 64

static const char *const type_names[] = {
	[JSON_NULL] = "null",
	[JSON_FALSE] = "boolean",
	[JSON_TRUE] = "boolean",
	[JSON_NUMBER] = "number",
	[JSON_STRING] = "string",
	[JSON_ARRAY] = "array",
	[JSON_OBJECT] = "object",
};

void
schema_report_init(struct schema_report *report)
{
	memset(report, 0, sizeof *report);
	buf_init(&report->text);
}

void
schema_report_finish(struct schema_report *report)
{
	buf_finish(&report->text);
	report->len = 0;
}

/* At most max bytes of s, ending with a whole character. */
static struct str
cut(struct str s, size_t max)
{
	if (s.len <= max)
		return s;
	while (max > 0 && ((unsigned char)s.ptr[max] & 0xc0) == 0x80)
		max--;
	return str_sub(s, 0, max);
}

static void
put_name(struct buf *b, struct str name)
{
	struct str part = cut(name, SCHEMA_FOUND_MAX);

	if (json_write_str(b, part) < 0)
		BUF_LIT(b, "\"?\"");
	if (part.len < name.len)
		BUF_LIT(b, "...");
}

static void
put_cut(struct buf *b, struct str text, size_t max)
{
	struct str part = cut(text, max);

	buf_str(b, part);
	if (part.len < text.len)
		BUF_LIT(b, "...");
}

static void
put_found(struct buf *b, const struct json_node *n)
{
	BUF_LIT(b, ", found ");
	switch ((enum json_type)n->type) {
	case JSON_ARRAY:
		buf_printf(b, "an array of %u", n->count);
		break;
	case JSON_OBJECT:
		buf_printf(b, "an object of %u", n->count);
		break;
	case JSON_STRING:
		put_name(b, json_str(n));
		break;
	default:
		put_cut(b, json_raw(n), SCHEMA_FOUND_MAX);
		break;
	}
}

static void
put_pointer(struct buf *b, const struct schema_path *at)
{
	const struct schema_path *steps[SCHEMA_DEPTH_MAX + 2];
	size_t n = 0;

	for (; at->up != NULL && n < ARRAY_LEN(steps); at = at->up)
		steps[n++] = at;
	while (n-- > 0) {
		struct str key = json_str(steps[n]->key);

		buf_char(b, '/');
		if (steps[n]->key == NULL) {
			buf_u64(b, steps[n]->index);
			continue;
		}
		for (size_t i = 0; i < key.len; i++) {
			if (key.ptr[i] == '~')
				BUF_LIT(b, "~0");
			else if (key.ptr[i] == '/')
				BUF_LIT(b, "~1");
			else
				buf_char(b, key.ptr[i]);
		}
	}
}

/* Counts a fault and opens its entry; NULL when no text is wanted. */
static struct buf *
fault_begin(
    struct schema_run *r, const struct schema_path *at, const char *keyword)
{
	struct schema_report *report = r->report;
	struct schema_fault *f;

	if (r->measure == NULL || r->stop != STOP_NONE)
		return NULL;
	r->measure->faults++;
	if (at->depth > r->measure->deepest)
		r->measure->deepest = at->depth;
	if (report == NULL)
		return NULL;
	if (report->len == SCHEMA_FAULTS_MAX) {
		report->more = true;
		return NULL;
	}
	f = &report->faults[report->len++];
	f->keyword = keyword;
	f->pointer.len = report->text.len;
	put_pointer(&report->text, at);
	f->pointer.len = report->text.len - f->pointer.len;
	f->message.len = report->text.len;
	return &report->text;
}

/* Ends the entry that fault_begin() opened. */
static bool
fault_end(struct schema_run *r)
{
	struct schema_report *report = r->report;
	struct schema_fault *f = &report->faults[report->len - 1];

	f->message.len = report->text.len - f->message.len;
	return false;
}

/* The text may have moved while it grew: the faults learn where it is. */
void
schema_report_seal(struct schema_report *report)
{
	size_t at = 0;

	if (report->text.failed) {
		/* No memory for the words: the verdict stays. */
		report->len = 0;
		report->more = true;
		return;
	}
	for (size_t i = 0; i < report->len; i++) {
		struct schema_fault *f = &report->faults[i];

		f->pointer.ptr = report->text.ptr + at;
		at += f->pointer.len;
		f->message.ptr = report->text.ptr + at;
		at += f->message.len;
	}
}

bool
schema_fail_text(struct schema_run *r, const struct schema_path *at,
    const char *keyword, const char *fmt, ...)
{
	struct buf *b = fault_begin(r, at, keyword);
	char text[256];
	va_list args;

	if (b == NULL)
		return false;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	buf_cstr(b, text);
	return fault_end(r);
}

static void
put_types(struct buf *b, unsigned types)
{
	const char *names[8];
	size_t n = 0;

	if ((types & TYPE_INTEGER) != 0 && (types & TYPE_BIT(JSON_NUMBER)) == 0)
		names[n++] = "integer";
	for (unsigned t = JSON_NULL; t <= JSON_OBJECT; t++)
		if (t != JSON_FALSE && (types & TYPE_BIT(t)) != 0)
			names[n++] = type_names[t];
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_cstr(b, i + 1 == n ? " or " : ", ");
		buf_cstr(b, names[i]);
	}
}

bool
schema_fail_types(struct schema_run *r, const struct schema_path *at,
    const char *keyword, unsigned types, const struct json_node *found)
{
	struct buf *b = fault_begin(r, at, keyword);

	if (b == NULL)
		return false;
	BUF_LIT(b, "must be ");
	put_types(b, types);
	buf_printf(b, " (%s)", keyword);
	put_found(b, found);
	return fault_end(r);
}

bool
schema_fail_value(struct schema_run *r, const struct schema_path *at,
    const char *keyword, const char *expected, struct str what,
    const struct json_node *found)
{
	struct buf *b = fault_begin(r, at, keyword);

	if (b == NULL)
		return false;
	buf_cstr(b, expected);
	for (size_t i = 0; i < cut(what, 2 * SCHEMA_FOUND_MAX).len; i++)
		buf_char(
		    b, (unsigned char)what.ptr[i] < ' ' ? ' ' : what.ptr[i]);
	if (cut(what, 2 * SCHEMA_FOUND_MAX).len < what.len)
		BUF_LIT(b, "...");
	buf_printf(b, " (%s)", keyword);
	put_found(b, found);
	return fault_end(r);
}

/* Copies s as a C string when it is short enough to be compared. */
static bool
to_name(char *out, struct str s)
{
	if (s.len == 0 || s.len >= NAME_TRIED_MAX
	    || memchr(s.ptr, '\0', s.len) != NULL)
		return false;
	memcpy(out, s.ptr, s.len);
	out[s.len] = '\0';
	return true;
}

static void
put_nearest_value(struct buf *b, const struct json_node *allowed,
    const struct json_node *found)
{
	char space[NAMES_TRIED][NAME_TRIED_MAX];
	const char *names[NAMES_TRIED];
	const char *near;
	size_t n = 0;

	JSON_EACH_ELEMENT (v, allowed) {
		if (n < NAMES_TRIED && v->type == JSON_STRING
		    && to_name(space[n], json_str(v))) {
			names[n] = space[n];
			n++;
		}
	}
	near = str_nearest(json_str(found), names, n);
	if (near == NULL)
		return;
	BUF_LIT(b, ", did you mean ");
	put_name(b, str_of(near));
	buf_char(b, '?');
}

bool
schema_fail_enum(struct schema_run *r, const struct schema_path *at,
    const struct json_node *allowed, const struct json_node *found)
{
	struct buf *b = fault_begin(r, at, "enum");
	uint32_t i = 0;

	if (b == NULL)
		return false;
	buf_cstr(b, allowed->count == 1 ? "must be " : "must be one of ");
	JSON_EACH_ELEMENT (v, allowed) {
		if (i == ENUM_SHOWN) {
			BUF_LIT(b, ", ...");
			break;
		}
		if (i++ > 0)
			BUF_LIT(b, ", ");
		put_cut(b, json_raw(v), SCHEMA_FOUND_MAX);
	}
	BUF_LIT(b, " (enum)");
	put_found(b, found);
	if (found->type == JSON_STRING)
		put_nearest_value(b, allowed, found);
	return fault_end(r);
}

bool
schema_fail_unknown(struct schema_run *r, const struct schema_path *at,
    const char *keyword, const struct schema_object *object)
{
	struct buf *b = fault_begin(r, at, keyword);
	const char *near = NULL;

	if (b == NULL)
		return false;
	buf_printf(b, "unknown property (%s)", keyword);
	if (object != NULL)
		near = str_nearest(
		    json_str(at->key), object->names, object->names_len);
	if (near != NULL) {
		BUF_LIT(b, ", did you mean ");
		put_name(b, str_of(near));
		buf_char(b, '?');
	}
	return fault_end(r);
}

static bool
is_declared(const struct schema_object *object, const char *name)
{
	for (uint32_t i = 0; i < object->names_len; i++)
		if (strcmp(object->names[i], name) == 0)
			return true;
	return false;
}

/* A member of the instance that looks like the missing one, and is not
 * declared itself. */
static const struct json_node *
find_misspelt(struct str name, const struct schema_object *object,
    const struct json_node *found)
{
	char space[NAME_TRIED_MAX];
	const char *one = space;
	uint32_t tried = 0;

	JSON_EACH_MEMBER (k, v, found) {
		if (tried++ == NAMES_TRIED)
			break;
		if (to_name(space, json_str(k)) && !is_declared(object, space)
		    && str_nearest(name, &one, 1) != NULL)
			return k;
	}
	return NULL;
}

bool
schema_fail_missing(struct schema_run *r, const struct schema_path *at,
    const char *keyword, struct str name, const struct schema_object *object,
    const struct json_node *found)
{
	struct buf *b = fault_begin(r, at, keyword);
	const struct json_node *near = NULL;

	if (b == NULL)
		return false;
	BUF_LIT(b, "missing required property ");
	put_name(b, name);
	buf_printf(b, " (%s)", keyword);
	/* Where unknown names are refused, the other fault says so. */
	if (object != NULL
	    && (object->additional == NULL
		|| object->additional->kind != RULE_FALSE))
		near = find_misspelt(name, object, found);
	if (near != NULL) {
		BUF_LIT(b, ", found ");
		put_name(b, json_str(near));
	}
	return fault_end(r);
}

/* The one line of a validation that gave no verdict. */
void
schema_report_stop(struct schema_report *report, enum schema_stop stop)
{
	static const char *const texts[] = {
		[STOP_NONE] = "",
		[STOP_STEPS] = "too much work to check: the limit of steps "
			       "is used up",
		[STOP_DEPTH] = "nested too deep to check: more than 64 "
			       "schemas within one another",
		[STOP_PATTERN] = "a regular expression costs too much on this "
				 "text",
		[STOP_MEMORY] = "no memory to check it",
	};
	static_assert(SCHEMA_DEPTH_MAX == 64, "the text says so");
	struct schema_fault *f;

	buf_clear(&report->text);
	buf_cstr(&report->text, texts[stop]);
	report->len = 1;
	report->more = false;
	report->exhausted = true;
	f = &report->faults[0];
	f->keyword = "";
	f->pointer = (struct str){ report->text.ptr, 0 };
	f->message = buf_view(&report->text);
}

void
schema_report_print(const struct schema_report *report, struct buf *out)
{
	for (size_t i = 0; i < report->len; i++) {
		const struct schema_fault *f = &report->faults[i];

		if (i > 0)
			buf_char(out, '\n');
		if (f->pointer.len == 0)
			buf_char(out, '/');
		for (size_t k = 0; k < f->pointer.len; k++) {
			unsigned char c = (unsigned char)f->pointer.ptr[k];

			/* One line a fault, whatever the names hold. */
			if (c < ' ' || c == 0x7f)
				buf_printf(out, "\\u%04x", c);
			else
				buf_char(out, (char)c);
		}
		BUF_LIT(out, ": ");
		buf_str(out, f->message);
	}
	if (report->more)
		buf_cstr(out, report->len > 0 ? "\nand more" : "invalid");
}
