/* SPDX-License-Identifier: Apache-2.0 */
/* Which manifests there are. */
#ifndef PLUGIN_SCAN_H
#define PLUGIN_SCAN_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

#define PLUGIN_MANIFESTS_MAX 10000

struct plugin_found_item {
	char *path; /* owned */
	struct str name; /* in path */
	size_t dir;
};

struct plugin_found {
	struct plugin_found_item *items; /* owned; by name, then by folder */
	size_t len;
	size_t cap;
	size_t dir; /* being read */
	int fault;
};

/* [control] Adds all manifests of the folders; a folder that is not there has
 * none. */
void plugin_found_read(
    struct plugin_found *f, char *const *dirs, size_t dirs_len);
void plugin_found_finish(struct plugin_found *f);

#endif
