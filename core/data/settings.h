/* SPDX-License-Identifier: Apache-2.0 */
/* Typed settings: one table of items per kind of file drives reading,
 * checking, printing and the manual.  A reader fills a struct by offset. */
#ifndef DATA_SETTINGS_H
#define DATA_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "data/yaml.h"

enum settings_type {
	SETTINGS_STR, /* struct str */
	SETTINGS_BOOL, /* bool: true, false */
	SETTINGS_INT, /* int64_t, min..max */
	SETTINGS_SIZE, /* int64_t bytes: 64KiB 1MiB 1GiB 512 */
	SETTINGS_DURATION, /* int64_t ns: 500ms 10s 5m 1h */
	SETTINGS_RATE, /* int64_t ns between two: 100/s 30/m 5/h */
	SETTINGS_ENUM, /* int: index in names */
	SETTINGS_STRS, /* struct settings_strs: a list of strings */
	SETTINGS_MAP, /* nested table */
	SETTINGS_NODE /* const struct yaml_node *: read by the owner */
};

#define SETTINGS_ITEMS_MAX 128 /* of one table */

struct settings_strs {
	struct str *items; /* in the arena */
	size_t len;
};

struct settings_item {
	const char *key;
	enum settings_type type;
	size_t offset; /* in the target struct */
	const char *const *names; /* ENUM: NULL-terminated */
	int64_t min, max; /* INT, SIZE, DURATION; 0,0: any >= 0 */
	const struct settings_item *items; /* MAP: ends with key NULL */
	const char *fallback; /* default as text; NULL: none (zero) */
	bool required;
	bool refused; /* by its reader, in words of its own: not offered */
	const char *help; /* one sentence for --help and the manual */
};

/* [any] Fills target with defaults, then with the values of map (NULL: none).
 * Unknown keys ("did you mean"), wrong types and missing required keys go to
 * diags with position and key path; required keys of an absent map are not
 * missed.  prefix is the path so far ("" at the root).  The offsets of a
 * nested table count from its own struct, at the offset of the MAP item.
 * 0, ERR_CONFIG or ERR_NOMEM. */
int settings_read(const struct settings_item *items,
    const struct yaml_node *map, const char *prefix, void *target,
    struct arena *arena, const char *file, struct diags *diags);
/* Only values that are present replace those of target: later files. */
int settings_merge(const struct settings_item *items,
    const struct yaml_node *map, const char *prefix, void *target,
    struct arena *arena, const char *file, struct diags *diags);
/* Defaults only. */
int settings_defaults(
    const struct settings_item *items, void *target, struct arena *arena);
/* "key: value" lines, dotted keys, all items. */
void settings_print(const struct settings_item *items, const void *target,
    const char *prefix, struct buf *out);
/* Parses one scalar as the item's type and puts it at the item's offset of
 * target; a list of strings is "a, b".  The message has no position. */
int settings_scalar(const struct settings_item *item, struct str text,
    void *target, struct arena *arena, struct err *err);

#endif
