/* SPDX-License-Identifier: Apache-2.0 */
/* Files that were read, and whether they are still the same. */
#include "plugin/seen.h"

#include <stdlib.h>
#include <string.h>

void
plugin_seen_init(struct plugin_seen *s)
{
	s->len = 0;
}

void
plugin_seen_finish(struct plugin_seen *s)
{
	for (size_t i = 0; i < s->len; i++)
		free(s->files[i].path);
	s->len = 0;
}

int
plugin_seen_add(struct plugin_seen *s, const char *path)
{
	if (s->len == PLUGIN_SCHEMA_FILES_MAX)
		return ERR_LIMIT;
	s->files[s->len].path = strdup(path);
	if (s->files[s->len].path == NULL)
		return ERR_NOMEM;
	plugin_file_id_look(&s->files[s->len].id, path);
	s->len++;
	return 0;
}

bool
plugin_seen_changed(const struct plugin_seen *s)
{
	struct plugin_file_id id;

	for (size_t i = 0; i < s->len; i++) {
		plugin_file_id_look(&id, s->files[i].path);
		if (!plugin_file_id_equal(&id, &s->files[i].id))
			return true;
	}
	return false;
}
