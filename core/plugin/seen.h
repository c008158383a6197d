/* SPDX-License-Identifier: Apache-2.0 */
/* The files a manifest was read from beside itself, so that a change of one
 * of them is a change of the plugin. */
#ifndef PLUGIN_SEEN_H
#define PLUGIN_SEEN_H

#include <stdbool.h>
#include <stddef.h>

#include "plugin/copy.h"

#define PLUGIN_SCHEMA_FILES_MAX 64 /* of one manifest */

struct plugin_seen {
	struct {
		char *path; /* owned */
		struct plugin_file_id id; /* before it was read */
	} files[PLUGIN_SCHEMA_FILES_MAX];
	size_t len;
};

/* [any] */
void plugin_seen_init(struct plugin_seen *s);
void plugin_seen_finish(struct plugin_seen *s);
/* [any] Notes path (copied) as it is now; also a file that is missing.
 * ERR_LIMIT, ERR_NOMEM. */
int plugin_seen_add(struct plugin_seen *s, const char *path);
/* [any] Is any of them another one now? */
bool plugin_seen_changed(const struct plugin_seen *s);

#endif
