/* SPDX-License-Identifier: Apache-2.0 */
/* Names close to one that does not exist: "Berlin", "europe/berlin" and
 * "Europe/Berln" all mean the same. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "zone.h"

#define DEPTH 3
#define NAMES_MAX 3000
#define SCORE_MAX 3 /* worse is no help */

struct near_search {
	struct zone_near *out;
	char want[ZONE_NAME_MAX + 1]; /* in lower case */
	size_t seen;
};

static void
lower(char *out, const char *in, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		char c = in[i] == ' ' ? '_' : in[i];

		out[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	out[len] = '\0';
}

/* Letters to change, add or drop. */
static int
distance(const char *a, const char *b)
{
	int row[ZONE_NAME_MAX + 2];
	size_t len = strlen(b), i, j;

	for (j = 0; j <= len; j++)
		row[j] = (int)j;
	for (i = 0; a[i] != '\0'; i++) {
		int corner = row[0];

		row[0] = (int)i + 1;
		for (j = 0; j < len; j++) {
			int change = corner + (a[i] != b[j]);
			int add = row[j] + 1, drop = row[j + 1] + 1;

			corner = row[j + 1];
			row[j + 1] = change < add ? change : add;
			if (drop < row[j + 1])
				row[j + 1] = drop;
		}
	}
	return row[len];
}

static int
score(const char *want, const char *name)
{
	const char *city = strrchr(name, '/');
	int whole = distance(want, name);
	int part = city != NULL ? distance(want, city + 1) : whole;

	/* A short name is near to anything: it must fit better. */
	if (strlen(want) < 6 && part > 0 && whole > 1)
		return SCORE_MAX + 1;
	return part < whole ? part : whole;
}

static void
consider(struct near_search *s, const char *name)
{
	struct zone_near *n = s->out;
	char small[ZONE_NAME_MAX + 1] = "";
	size_t at;
	int points;

	lower(small, name, strlen(name));
	points = score(s->want, small);
	if (points > SCORE_MAX)
		return;
	for (at = n->len; at > 0 && points < n->scores[at - 1]; at--)
		if (at < ZONE_NEAR_MAX) {
			n->scores[at] = n->scores[at - 1];
			memcpy(n->names[at], n->names[at - 1],
			    sizeof n->names[at]);
		}
	if (at == ZONE_NEAR_MAX)
		return;
	n->scores[at] = points;
	memcpy(n->names[at], name, strlen(name) + 1);
	if (n->len < ZONE_NEAR_MAX)
		n->len++;
}

/* posix/ and right/ hold the same zones again. */
static int
is_zone_name(const char *name, size_t len)
{
	return len > 0 && name[0] >= 'A' && name[0] <= 'Z'
	    && strchr(name, '.') == NULL;
}

/* Takes fd. */
static void
walk(struct near_search *s, int fd, const char *prefix, int depth)
{
	char name[ZONE_NAME_MAX + 1];
	DIR *dir = fdopendir(fd);
	const struct dirent *d;
	struct stat st;
	size_t len = strlen(prefix);

	if (dir == NULL) {
		(void)close(fd);
		return;
	}
	while ((d = readdir(dir)) != NULL && s->seen < NAMES_MAX) {
		size_t more = strlen(d->d_name);
		int below;

		if (!is_zone_name(d->d_name, more)
		    || len + more > ZONE_NAME_MAX - 1
		    || fstatat(dirfd(dir), d->d_name, &st, 0) < 0)
			continue;
		s->seen++;
		memcpy(name, prefix, len);
		memcpy(name + len, d->d_name, more + 1);
		if (!S_ISDIR(st.st_mode)) {
			consider(s, name);
			continue;
		}
		below = depth < DEPTH ? openat(dirfd(dir), d->d_name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
				      : -1;
		if (below < 0)
			continue;
		memcpy(name + len + more, "/", 2);
		walk(s, below, name, depth + 1);
	}
	(void)closedir(dir);
}

void
zone_near_find(struct zone_near *n, int folder, const char *name, size_t len)
{
	struct near_search s;
	int fd;

	memset(n, 0, sizeof *n);
	memset(&s, 0, sizeof s);
	s.out = n;
	if (len == 0 || len > ZONE_NAME_MAX)
		return;
	lower(s.want, name, len);
	fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	walk(&s, fd, "", 1);
	/* Beside one that fits, far ones only confuse. */
	while (n->len > 1 && n->scores[n->len - 1] > n->scores[0] + 1)
		n->len--;
}
