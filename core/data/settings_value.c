/* SPDX-License-Identifier: Apache-2.0 */
/* Single values of settings: from text, and back to text. */
#include "data/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "data/json.h"
#include "data/settings_priv.h"

#define SHOWN_MAX 80 /* bytes of a wrong value in a message */
#define RATE_INTERVAL_MIN 1000 /* ns: a million in a second */

struct unit {
	const char *name;
	int64_t scale;
};

/* Largest first, for printing. */
static const struct unit sizes[] = { { "TiB", INT64_C(1) << 40 },
	{ "GiB", INT64_C(1) << 30 }, { "MiB", INT64_C(1) << 20 },
	{ "KiB", INT64_C(1) << 10 }, { "", 1 }, { NULL, 0 } };
static const struct unit durations[] = { { "h", 3600 * NS_PER_S },
	{ "m", 60 * NS_PER_S }, { "s", NS_PER_S }, { "ms", NS_PER_MS },
	{ "us", 1000 }, { "ns", 1 }, { NULL, 0 } };

static const struct unit *
units_of(const struct settings_item *item)
{
	if (item->type == SETTINGS_SIZE)
		return sizes;
	if (item->type == SETTINGS_DURATION)
		return durations;
	return NULL;
}

static int64_t
max_of(const struct settings_item *item)
{
	return item->max == 0 && item->min >= 0 ? INT64_MAX : item->max;
}

size_t
settings_count_names(const char *const *names)
{
	size_t n = 0;

	while (names[n] != NULL)
		n++;
	return n;
}

static void
print_number(const struct settings_item *item, int64_t value, struct buf *out)
{
	const struct unit *u = units_of(item);

	if (u == NULL || value <= 0) {
		buf_i64(out, value);
		return;
	}
	while (value % u->scale != 0)
		u++;
	buf_i64(out, value / u->scale);
	buf_cstr(out, u->name);
}

/* As a rate of the shortest time that has at least one. */
static void
print_rate(int64_t interval_ns, struct buf *out)
{
	const struct unit *u = &durations[2]; /* a second */

	while (u > durations && interval_ns > u->scale)
		u--;
	if (interval_ns <= 0)
		BUF_LIT(out, "none");
	else
		buf_printf(out, "%lld/%s",
		    (long long)((u->scale + interval_ns / 2) / interval_ns),
		    u->name);
}

static void
print_range(const struct settings_item *item, struct buf *out)
{
	buf_cstr(out, " from ");
	print_number(item, item->min, out);
	if (max_of(item) == INT64_MAX) {
		buf_cstr(out, " up");
		return;
	}
	buf_cstr(out, " to ");
	print_number(item, item->max, out);
}

static void
print_names(const char *const *names, struct buf *out)
{
	for (size_t i = 0; names[i] != NULL; i++) {
		if (i > 0)
			buf_cstr(out, names[i + 1] == NULL ? " or " : ", ");
		buf_cstr(out, names[i]);
	}
}

void
settings_expected(const struct settings_item *item, struct buf *out)
{
	switch (item->type) {
	case SETTINGS_STR:
		buf_cstr(out, "text");
		break;
	case SETTINGS_BOOL:
		buf_cstr(out, "true or false");
		break;
	case SETTINGS_INT:
		buf_cstr(out, "a whole number");
		print_range(item, out);
		break;
	case SETTINGS_SIZE:
		buf_cstr(out, "a size like 64KiB or 1MiB,");
		print_range(item, out);
		break;
	case SETTINGS_RATE:
		buf_cstr(out,
		    "a rate like 100/s, 30/m or 5/h, at most "
		    "1000000/s");
		break;
	case SETTINGS_DURATION:
		buf_cstr(out, "a time like 500ms, 10s or 5m,");
		print_range(item, out);
		break;
	case SETTINGS_ENUM:
		print_names(item->names, out);
		break;
	case SETTINGS_STRS:
		buf_cstr(out, "a list of text");
		break;
	case SETTINGS_MAP:
		buf_cstr(out, "a map of \"key: value\"");
		break;
	case SETTINGS_NODE:
		buf_cstr(out, "a value");
		break;
	}
}

static int
refuse(const struct settings_item *item, struct str text, int code,
    struct err *err)
{
	struct buf expected;
	struct str shown = str_sub(text, 0, SHOWN_MAX);

	buf_init(&expected);
	settings_expected(item, &expected);
	if (code == ERR_LIMIT)
		err_set(err, ERR_CONFIG, "%.*s is out of range: expected %.*s",
		    STR_FMT(shown), STR_FMT(buf_view(&expected)));
	else if (text.len == 0)
		err_set(err, ERR_CONFIG, "expected %.*s, but nothing is given",
		    STR_FMT(buf_view(&expected)));
	else
		err_set(err, ERR_CONFIG, "expected %.*s, not \"%.*s\"",
		    STR_FMT(buf_view(&expected)), STR_FMT(shown));
	buf_finish(&expected);
	return ERR_CONFIG;
}

/* "64KiB": ERR_SYNTAX, ERR_LIMIT when it does not fit. */
static int
parse_with_unit(const struct unit *units, struct str text, int64_t *out)
{
	struct str name;
	size_t digits = 0;
	int rc;

	while (digits < text.len && text.ptr[digits] >= '0'
	    && text.ptr[digits] <= '9')
		digits++;
	if (digits == 0)
		return ERR_SYNTAX;
	name = str_sub(text, digits, text.len);
	rc = str_to_i64(str_sub(text, 0, digits), out);
	if (rc < 0)
		return rc;
	if (name.len == 0 && *out == 0)
		return 0; /* zero needs no unit */
	while (units->name != NULL && !str_equal(name, str_of(units->name)))
		units++;
	if (units->name == NULL)
		return ERR_SYNTAX;
	if (*out > INT64_MAX / units->scale)
		return ERR_LIMIT;
	*out *= units->scale;
	return 0;
}

static int
parse_number(const struct settings_item *item, struct str text, int64_t *out)
{
	int rc;

	if (item->type == SETTINGS_INT)
		rc = str_to_i64(text, out);
	else
		rc = parse_with_unit(units_of(item), text, out);
	if (rc == 0 && (*out < item->min || *out > max_of(item)))
		rc = ERR_LIMIT;
	return rc;
}

/* "100/s": the time between two. */
static int
parse_rate(struct str text, int64_t *out)
{
	const struct unit *u = durations;
	struct str unit;
	struct str digits = str_split(text, '/', &unit);
	int64_t count;
	int rc = str_to_i64(digits, &count);

	if (rc < 0)
		return rc;
	while (u->name != NULL && !str_equal(unit, str_of(u->name)))
		u++;
	if (u->name == NULL || u->scale < NS_PER_S || count < 0)
		return ERR_SYNTAX;
	if (count == 0 || u->scale / count < RATE_INTERVAL_MIN)
		return ERR_LIMIT;
	*out = u->scale / count;
	return 0;
}

static int
parse_enum(const struct settings_item *item, struct str text, int *out)
{
	for (int i = 0; item->names[i] != NULL; i++) {
		if (str_equal(text, str_of(item->names[i]))) {
			*out = i;
			return 0;
		}
	}
	return ERR_SYNTAX;
}

/* "a, b" as two strings; empty text is an empty list. */
static int
split_strs(struct str text, struct arena *arena, struct settings_strs *out)
{
	size_t n = 1;

	out->items = NULL;
	out->len = 0;
	if (str_trim(text).len == 0)
		return 0;
	for (size_t i = 0; i < text.len; i++)
		n += text.ptr[i] == ',';
	out->items = arena_alloc(arena, n * sizeof *out->items);
	if (out->items == NULL)
		return ERR_NOMEM;
	while (out->len < n) {
		struct str one = str_split(text, ',', &text);

		out->items[out->len] = arena_dup(arena, str_trim(one));
		if (out->items[out->len++].ptr == NULL)
			return ERR_NOMEM;
	}
	return 0;
}

void
settings_zero(const struct settings_item *item, void *target)
{
	static const size_t widths[] = { [SETTINGS_STR] = sizeof(struct str),
		[SETTINGS_BOOL] = sizeof(bool),
		[SETTINGS_INT] = sizeof(int64_t),
		[SETTINGS_SIZE] = sizeof(int64_t),
		[SETTINGS_DURATION] = sizeof(int64_t),
		[SETTINGS_RATE] = sizeof(int64_t),
		[SETTINGS_ENUM] = sizeof(int),
		[SETTINGS_STRS] = sizeof(struct settings_strs),
		[SETTINGS_MAP] = 0,
		[SETTINGS_NODE] = sizeof(struct yaml_node *) };

	memset(settings_slot(item, target), 0, widths[item->type]);
}

int
settings_scalar(const struct settings_item *item, struct str text, void *target,
    struct arena *arena, struct err *err)
{
	union {
		struct str str;
		struct settings_strs strs;
		int64_t number;
		int index;
		bool flag;
	} value;
	size_t width = sizeof(int64_t);
	int rc = 0;

	switch (item->type) {
	case SETTINGS_STR:
		value.str = arena_dup(arena, text);
		width = sizeof value.str;
		rc = value.str.ptr == NULL ? ERR_NOMEM : 0;
		break;
	case SETTINGS_BOOL:
		value.flag = str_equal(text, S("true"));
		width = sizeof value.flag;
		if (!value.flag && !str_equal(text, S("false")))
			rc = ERR_SYNTAX;
		break;
	case SETTINGS_INT:
	case SETTINGS_SIZE:
	case SETTINGS_DURATION:
		rc = parse_number(item, text, &value.number);
		break;
	case SETTINGS_RATE:
		rc = parse_rate(text, &value.number);
		break;
	case SETTINGS_ENUM:
		rc = parse_enum(item, text, &value.index);
		width = sizeof value.index;
		break;
	case SETTINGS_STRS:
		rc = split_strs(text, arena, &value.strs);
		width = sizeof value.strs;
		break;
	case SETTINGS_MAP:
	case SETTINGS_NODE:
		rc = ERR_SYNTAX;
		break;
	}
	if (rc == ERR_NOMEM)
		return err_set(err, rc, "out of memory");
	if (rc < 0)
		return refuse(item, text, rc, err);
	memcpy(settings_slot(item, target), &value, width);
	return 0;
}

/* Words that mean themselves in YAML stay bare, all else is quoted. */
static void
print_text(struct str s, struct buf *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_./:+-";
	bool bare = s.len > 0 && s.ptr[s.len - 1] != ':' && s.ptr[0] != '-';

	for (size_t i = 0; i < s.len && bare; i++)
		bare = s.ptr[i] != '\0' && strchr(plain, s.ptr[i]) != NULL;
	if (bare)
		buf_str(out, s);
	else if (json_write_str(out, s) == ERR_SYNTAX)
		buf_cstr(out, "\"(not UTF-8)\"");
}

static void
print_strs(const struct settings_strs *strs, struct buf *out)
{
	buf_char(out, '[');
	for (size_t i = 0; i < strs->len; i++) {
		if (i > 0)
			BUF_LIT(out, ", ");
		print_text(strs->items[i], out);
	}
	buf_char(out, ']');
}

static void
print_value(const struct settings_item *item, const void *slot, struct buf *out)
{
	struct settings_strs strs;
	const struct yaml_node *node;
	struct str str;
	int64_t number;
	int index;
	bool flag;

	switch (item->type) {
	case SETTINGS_STR:
		memcpy(&str, slot, sizeof str);
		print_text(str, out);
		break;
	case SETTINGS_BOOL:
		memcpy(&flag, slot, sizeof flag);
		buf_cstr(out, flag ? "true" : "false");
		break;
	case SETTINGS_INT:
	case SETTINGS_SIZE:
	case SETTINGS_DURATION:
		memcpy(&number, slot, sizeof number);
		print_number(item, number, out);
		break;
	case SETTINGS_RATE:
		memcpy(&number, slot, sizeof number);
		print_rate(number, out);
		break;
	case SETTINGS_ENUM:
		memcpy(&index, slot, sizeof index);
		CHECK(index >= 0
		    && (size_t)index < settings_count_names(item->names));
		buf_cstr(out, item->names[index]);
		break;
	case SETTINGS_STRS:
		memcpy(&strs, slot, sizeof strs);
		print_strs(&strs, out);
		break;
	case SETTINGS_NODE:
		memcpy(&node, slot, sizeof node);
		(void)yaml_to_json(node, out); /* out keeps the failure */
		break;
	case SETTINGS_MAP:
		UNREACHABLE();
	}
}

void
settings_print(const struct settings_item *items, const void *target,
    const char *prefix, struct buf *out)
{
	char path[256];

	for (; items->key != NULL; items++) {
		const void *slot = (const char *)target + items->offset;

		(void)snprintf(path, sizeof path, "%s%s%s", prefix,
		    prefix[0] == '\0' ? "" : ".", items->key);
		if (items->type == SETTINGS_MAP) {
			settings_print(items->items, slot, path, out);
			continue;
		}
		buf_printf(out, "%s: ", path);
		print_value(items, slot, out);
		buf_char(out, '\n');
	}
}
