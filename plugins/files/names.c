/* SPDX-License-Identifier: Apache-2.0 */
/* The names in a folder, on the heap: how many there are is not known before,
 * and a search drops them as it goes. */
#include <stdlib.h>

#include "files.h"

static int
names_add(struct names *n, const char *name, size_t len)
{
	size_t room = n->room > 0 ? 2 * n->room : 64;
	char **grown;
	char *copy;

	if (n->len == n->room) {
		grown = realloc(n->at, room * sizeof *grown);
		if (grown == NULL)
			return TP_ENOMEM;
		n->at = grown;
		n->room = room;
	}
	copy = malloc(len + 1);
	if (copy == NULL)
		return TP_ENOMEM;
	memcpy(copy, name, len + 1);
	n->at[n->len++] = copy;
	return TP_OK;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int
names_read(struct names *n, DIR *dir, size_t max)
{
	struct dirent *d;
	int rc;

	memset(n, 0, sizeof *n);
	while ((d = readdir(dir)) != NULL) {
		size_t len = strlen(d->d_name);

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0
		    || !name_is_plain(d->d_name, len))
			continue;
		if (n->len == max) {
			n->truncated = 1;
			break;
		}
		rc = names_add(n, d->d_name, len);
		if (rc != TP_OK)
			return rc;
	}
	if (n->len > 0)
		qsort(n->at, n->len, sizeof n->at[0], by_name);
	return TP_OK;
}

void
names_free(struct names *n)
{
	while (n->len > 0)
		free(n->at[--n->len]);
	free(n->at);
	memset(n, 0, sizeof *n);
}
