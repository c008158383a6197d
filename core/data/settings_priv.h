/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of the settings code; nobody else includes it. */
#ifndef DATA_SETTINGS_PRIV_H
#define DATA_SETTINGS_PRIV_H

#include "data/settings.h"

/* [any] Where the item's value lives in target. */
static inline void *
settings_slot(const struct settings_item *item, void *target)
{
	return (char *)target + item->offset;
}

/* [any] The value of an item that has no default. */
void settings_zero(const struct settings_item *item, void *target);
/* [any] What a value of the item looks like: "true or false". */
void settings_expected(const struct settings_item *item, struct buf *out);
/* [any] Entries of names before the NULL. */
size_t settings_count_names(const char *const *names);

#endif
