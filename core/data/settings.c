/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of settings against trees of YAML.  Recursion follows the nesting of
 * the tables, which are ours. */
#include "data/settings.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "data/settings_priv.h"

#define CODE_UNKNOWN "TP1201"
#define CODE_TYPE "TP1202"
#define CODE_MISSING "TP1203"

#define PATH_MAX_BYTES 256

/* What one reading carries along. */
struct reading {
	struct arena *arena;
	const char *file;
	struct diags *diags;
	bool merge; /* nothing is required, nothing has a default */
};

static void
join_path(char out[PATH_MAX_BYTES], const char *prefix, struct str key)
{
	(void)snprintf(out, PATH_MAX_BYTES, "%s%s%.*s", prefix,
	    prefix[0] == '\0' ? "" : ".", STR_FMT(key));
}

static const struct settings_item *
find_item(const struct settings_item *items, struct str key)
{
	for (; items->key != NULL; items++) {
		if (str_equal(str_of(items->key), key))
			return items;
	}
	return NULL;
}

/* As many as there is room for, whole. */
static void
known_print(const struct settings_item *items, char *hint, size_t size)
{
	size_t used = (size_t)snprintf(hint, size, "known here:");
	const char *comma = "";

	for (; items->key != NULL; items++) {
		if (items->refused)
			continue;
		if (used + strlen(items->key) + sizeof ", , .." > size) {
			(void)snprintf(hint + used, size - used, ", ..");
			return;
		}
		used += (size_t)snprintf(
		    hint + used, size - used, "%s %s", comma, items->key);
		comma = ",";
	}
}

static int
refuse_unknown(struct reading *r, const struct settings_item *items,
    const struct yaml_node *n, const char *prefix)
{
	const char *names[SETTINGS_ITEMS_MAX];
	const char *near;
	char hint[512];
	size_t len = 0;

	for (; items[len].key != NULL; len++) {
		CHECK(len < SETTINGS_ITEMS_MAX);
		names[len] = items[len].key;
	}
	near = str_nearest(n->key, names, len);
	if (near != NULL) {
		(void)snprintf(hint, sizeof hint, "did you mean \"%s\"?", near);
	} else {
		known_print(items, hint, sizeof hint);
	}
	return diags_add(r->diags, DIAG_ERROR, CODE_UNKNOWN, r->file, n->key_at,
	    hint, "%s%sunknown key \"%.*s\"", prefix,
	    prefix[0] == '\0' ? "" : ": ", STR_FMT(n->key));
}

static int
refuse_type(struct reading *r, const struct settings_item *item,
    const struct yaml_node *n, const char *path)
{
	static const char *const what[] = { "a single value", "a list",
		"a map" };
	struct buf expected;
	int rc;

	buf_init(&expected);
	settings_expected(item, &expected);
	rc = diags_add(r->diags, DIAG_ERROR, CODE_TYPE, r->file, n->at,
	    item->type == SETTINGS_STRS ? "write it as [a, b]" : NULL,
	    "%s: expected %.*s, not %s", path, STR_FMT(buf_view(&expected)),
	    what[n->type]);
	buf_finish(&expected);
	return rc;
}

static int read_map(struct reading *r, const struct settings_item *items,
    const struct yaml_node *map, const char *prefix, void *target);

static int
read_scalar(struct reading *r, const struct settings_item *item,
    const struct yaml_node *n, const char *path, void *target)
{
	bool typed = item->type == SETTINGS_BOOL || item->type == SETTINGS_INT
	    || item->type == SETTINGS_SIZE || item->type == SETTINGS_DURATION
	    || item->type == SETTINGS_RATE;
	const char *hint = NULL, *near = NULL;
	char did_you_mean[80];
	struct err err;
	int rc;

	if (n->type != YAML_SCALAR)
		return refuse_type(r, item, n, path);
	rc = settings_scalar(item, n->text, target, r->arena, &err);
	if (rc == ERR_NOMEM)
		return rc;
	/* Quoted text is text, whatever it looks like. */
	if (rc == 0 && typed && !n->plain) {
		rc = err_set(
		    &err, ERR_CONFIG, "quoted text, where a value is expected");
		hint = "remove the quotes";
	}
	if (rc == 0)
		return 0;
	if (item->type == SETTINGS_ENUM)
		near = str_nearest(
		    n->text, item->names, settings_count_names(item->names));
	if (near != NULL) {
		(void)snprintf(did_you_mean, sizeof did_you_mean,
		    "did you mean \"%s\"?", near);
		hint = did_you_mean;
	}
	return diags_add(r->diags, DIAG_ERROR, CODE_TYPE, r->file, n->at, hint,
	    "%s: %s", path, err.text);
}

static int
read_strs(struct reading *r, const struct settings_item *item,
    const struct yaml_node *n, const char *path, void *target)
{
	struct settings_strs strs = { NULL, 0 };

	if (n->type != YAML_LIST)
		return refuse_type(r, item, n, path);
	strs.items = arena_alloc(r->arena, n->count * sizeof *strs.items);
	if (strs.items == NULL)
		return ERR_NOMEM;
	for (const struct yaml_node *e = n->first; e != NULL; e = e->next) {
		if (e->type != YAML_SCALAR)
			return diags_add(r->diags, DIAG_ERROR, CODE_TYPE,
			    r->file, e->at, NULL,
			    "%s[%zu]: expected text, not a %s", path, strs.len,
			    e->type == YAML_MAP ? "map" : "list");
		strs.items[strs.len] = arena_dup(r->arena, e->text);
		if (strs.items[strs.len++].ptr == NULL)
			return ERR_NOMEM;
	}
	memcpy(settings_slot(item, target), &strs, sizeof strs);
	return 0;
}

/* "limits:" with everything under it commented out. */
static bool
is_blank(const struct yaml_node *n)
{
	return n->type == YAML_SCALAR && n->plain && n->text.len == 0;
}

static int
read_item(struct reading *r, const struct settings_item *item,
    const struct yaml_node *n, const char *prefix, void *target)
{
	char path[PATH_MAX_BYTES];

	join_path(path, prefix, n->key);
	switch (item->type) {
	case SETTINGS_MAP:
		if (is_blank(n))
			return 0;
		if (n->type != YAML_MAP)
			return refuse_type(r, item, n, path);
		return read_map(
		    r, item->items, n, path, settings_slot(item, target));
	case SETTINGS_STRS:
		return read_strs(r, item, n, path, target);
	case SETTINGS_NODE:
		memcpy(settings_slot(item, target), &n, sizeof n);
		return 0;
	default:
		return read_scalar(r, item, n, path, target);
	}
}

static int
check_required(struct reading *r, const struct settings_item *items,
    const struct yaml_node *map, const char *prefix)
{
	int rc = 0;

	for (; items->key != NULL; items++) {
		if (!items->required
		    || yaml_get(map, str_of(items->key)) != NULL)
			continue;
		rc = diags_add(r->diags, DIAG_ERROR, CODE_MISSING, r->file,
		    map->at, items->help, "%s%sthe key \"%s\" is missing",
		    prefix, prefix[0] == '\0' ? "" : ": ", items->key);
	}
	return rc;
}

/* All findings are collected; only missing memory ends it early. */
static int
read_map(struct reading *r, const struct settings_item *items,
    const struct yaml_node *map, const char *prefix, void *target)
{
	int rc = 0;

	for (const struct yaml_node *n = map->first; n != NULL; n = n->next) {
		const struct settings_item *item = find_item(items, n->key);
		int one;

		if (item == NULL)
			one = refuse_unknown(r, items, n, prefix);
		else
			one = read_item(r, item, n, prefix, target);
		if (one == ERR_NOMEM)
			return one;
		if (one < 0)
			rc = one;
	}
	if (!r->merge && check_required(r, items, map, prefix) < 0)
		rc = ERR_CONFIG;
	return rc;
}

static int
read_root(struct reading *r, const struct settings_item *items,
    const struct yaml_node *map, const char *prefix, void *target)
{
	static const struct yaml_node empty = { .type = YAML_MAP };
	int rc;

	if (map == NULL || is_blank(map))
		map = &empty;
	if (map->type != YAML_MAP)
		return diags_add(r->diags, DIAG_ERROR, CODE_TYPE, r->file,
		    map->at, NULL, "%s%sexpected a map of \"key: value\"",
		    prefix, prefix[0] == '\0' ? "" : ": ");
	rc = read_map(r, items, map, prefix, target);
	if (rc == ERR_NOMEM)
		(void)diags_add(r->diags, DIAG_ERROR, CODE_TYPE, r->file,
		    map->at, NULL, "out of memory"); /* rc says it, too */
	return rc;
}

int
settings_read(const struct settings_item *items, const struct yaml_node *map,
    const char *prefix, void *target, struct arena *arena, const char *file,
    struct diags *diags)
{
	struct reading r = { arena, file, diags, false };
	int rc = settings_defaults(items, target, arena);

	if (rc < 0) {
		(void)diags_add(diags, DIAG_ERROR, CODE_TYPE, file,
		    (struct diag_at){ 0, 0 }, NULL,
		    "out of memory"); /* rc says it, too */
		return rc;
	}
	return read_root(&r, items, map, prefix, target);
}

int
settings_merge(const struct settings_item *items, const struct yaml_node *map,
    const char *prefix, void *target, struct arena *arena, const char *file,
    struct diags *diags)
{
	struct reading r = { arena, file, diags, true };

	return read_root(&r, items, map, prefix, target);
}

int
settings_defaults(
    const struct settings_item *items, void *target, struct arena *arena)
{
	int rc = 0;

	for (; items->key != NULL && rc == 0; items++) {
		if (items->type == SETTINGS_MAP) {
			rc = settings_defaults(
			    items->items, settings_slot(items, target), arena);
			continue;
		}
		settings_zero(items, target);
		if (items->fallback != NULL)
			rc = settings_scalar(items, str_of(items->fallback),
			    target, arena, NULL);
		/* A default that its own table refuses is our defect. */
		CHECK(rc == 0 || rc == ERR_NOMEM);
	}
	return rc;
}
