/* SPDX-License-Identifier: Apache-2.0 */
/* Zone files (TZif, RFC 8536), versions 1 to 4. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "zone.h"

#define DAY 86400
#define HEADER 44
#define INFO 6
#define OFFSET_MAX (26 * 3600) /* RFC 8536 3.2 */

int
zone_folder_open(const char *path)
{
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Letters, digits, _ + - and single slashes, as in every name there is. */
static int
name_is_plain(const char *name, size_t len)
{
	size_t i;

	if (len == 0 || len > ZONE_NAME_MAX)
		return 0;
	for (i = 0; i < len; i++) {
		char c = name[i];

		if (c == '/') {
			if (i == 0 || i + 1 == len || name[i - 1] == '/')
				return 0;
			continue;
		}
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
			|| (c >= '0' && c <= '9') || c == '_' || c == '+'
			|| c == '-'))
			return 0;
	}
	return 1;
}

/* Links are fine, many names are links; they may not leave the folder. */
static int
open_beneath(int folder, const char *name)
{
	struct open_how how;
	long fd;
	int i;

	memset(&how, 0, sizeof how);
	how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
	for (i = 0; i <= 8; i++) {
		fd = syscall(SYS_openat2, folder, name, &how, sizeof how);
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return (int)fd;
}

static unsigned char *
file_read(int fd, size_t *len)
{
	unsigned char *data = NULL;
	struct stat st;
	size_t room;
	ssize_t n;

	*len = 0;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < HEADER
	    || st.st_size > ZONE_FILE_MAX)
		return NULL;
	room = (size_t)st.st_size;
	data = malloc(room);
	while (data != NULL && *len < room) {
		n = read(fd, data + *len, room - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		*len += (size_t)n;
	}
	return data;
}

static uint32_t
big32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8
	    | p[3];
}

static int64_t
signed32(const unsigned char *p)
{
	return (int32_t)big32(p);
}

static int64_t
time_at(const struct zone *z, size_t i)
{
	const unsigned char *p = z->times + i * z->width;

	if (z->width == 4)
		return signed32(p);
	return (int64_t)((uint64_t)big32(p) << 32 | big32(p + 4));
}

/* Finds the parts of one block; the bytes it takes, 0 when it is broken. */
static size_t
block_map(struct zone *z, const unsigned char *p, size_t len, size_t width)
{
	size_t isut, isstd, leaps, need;

	if (len < HEADER || memcmp(p, "TZif", 4) != 0)
		return 0;
	isut = big32(p + 20);
	isstd = big32(p + 24);
	leaps = big32(p + 28);
	z->transitions = big32(p + 32);
	z->types = big32(p + 36);
	z->chars = big32(p + 40);
	/* Each below the size of a file, so that no sum can overflow. */
	if (isut > len || isstd > len || leaps > len || z->transitions > len
	    || z->types > 256 || z->chars > len)
		return 0;
	need = HEADER + z->transitions * (width + 1) + z->types * INFO
	    + z->chars + leaps * (width + 4) + isstd + isut;
	if (need > len)
		return 0;
	z->width = width;
	z->times = p + HEADER;
	z->indexes = z->times + z->transitions * width;
	z->infos = z->indexes + z->transitions;
	z->names = z->infos + z->types * INFO;
	return need;
}

static int
block_check(const struct zone *z)
{
	size_t i;

	if (z->types == 0 || z->chars == 0 || z->names[z->chars - 1] != '\0')
		return -1;
	for (i = 0; i < z->transitions; i++) {
		if (z->indexes[i] >= z->types)
			return -1;
		if (i > 0 && time_at(z, i) <= time_at(z, i - 1))
			return -1;
	}
	for (i = 0; i < z->types; i++) {
		const unsigned char *info = z->infos + i * INFO;

		if (info[5] >= z->chars || signed32(info) > OFFSET_MAX
		    || signed32(info) < -OFFSET_MAX)
			return -1;
	}
	return 0;
}

/* Between two newlines; empty: the file says nothing about later times. */
static int
footer_parse(struct zone *z, const unsigned char *p, size_t len)
{
	const unsigned char *end;

	if (len < 2 || p[0] != '\n')
		return -1;
	end = memchr(p + 1, '\n', len - 1);
	if (end == NULL)
		return -1;
	if (end == p + 1)
		return 0;
	z->has_rule = 1;
	return rule_parse((const char *)p + 1, (size_t)(end - p - 1), &z->rule);
}

static int
data_parse(struct zone *z, size_t len)
{
	size_t first, second;
	unsigned char version;

	first = block_map(z, z->data, len, 4);
	if (first == 0)
		return -1;
	version = z->data[4];
	if (version < '2')
		return block_check(z);
	second = block_map(z, z->data + first, len - first, 8);
	if (second == 0 || block_check(z) < 0)
		return -1;
	return footer_parse(z, z->data + first + second, len - first - second);
}

int
zone_parse(struct zone *z, unsigned char *data, size_t len)
{
	memset(z, 0, sizeof *z);
	z->data = data;
	if (data != NULL && data_parse(z, len) == 0)
		return 0;
	zone_close(z);
	return -1;
}

int
zone_open(struct zone *z, int folder, const char *name, size_t len)
{
	char path[ZONE_NAME_MAX + 1];
	unsigned char *data;
	int fd;

	memset(z, 0, sizeof *z);
	if (!name_is_plain(name, len))
		return -1;
	memcpy(path, name, len);
	path[len] = '\0';
	/* Known also where no files are. */
	if (strcmp(path, "UTC") == 0) {
		z->has_rule = 1;
		return rule_parse("UTC0", 4, &z->rule);
	}
	fd = open_beneath(folder, path);
	if (fd < 0)
		return -1;
	data = file_read(fd, &len);
	(void)close(fd);
	return zone_parse(z, data, len);
}

void
zone_close(struct zone *z)
{
	free(z->data);
	memset(z, 0, sizeof *z);
}

static void
type_get(const struct zone *z, size_t type, struct zone_offset *out)
{
	const unsigned char *info = z->infos + type * INFO;
	size_t len =
	    strnlen((const char *)z->names + info[5], ZONE_ABBREVIATION_MAX);

	memcpy(out->name, z->names + info[5], len);
	out->name[len] = '\0';
	out->offset = (int)signed32(info);
	out->dst = info[4] != 0;
}

void
zone_lookup(const struct zone *z, int64_t t, struct zone_offset *out)
{
	size_t low = 0, high = z->transitions;

	memset(out, 0, sizeof *out);
	if (z->has_rule && (high == 0 || t >= time_at(z, high - 1))) {
		posix_lookup(&z->rule, t, out);
		return;
	}
	/* The number of transitions up to t. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (time_at(z, middle) <= t)
			low = middle + 1;
		else
			high = middle;
	}
	type_get(z, low > 0 ? z->indexes[low - 1] : 0, out);
}

int64_t
zone_from_local(
    const struct zone *z, int64_t local, enum zone_fit *fit, int64_t *other)
{
	struct zone_offset before, after, then;
	int64_t early, late;
	int early_fits, late_fits;

	/* No offset is a whole day: these are on both sides of a change. */
	zone_lookup(z, local - DAY, &before);
	zone_lookup(z, local + DAY, &after);
	early = local - before.offset;
	late = local - after.offset;
	zone_lookup(z, early, &then);
	early_fits = then.offset == before.offset;
	zone_lookup(z, late, &then);
	late_fits = then.offset == after.offset;
	*other = late;
	if (early_fits && late_fits && early != late)
		*fit = ZONE_OVERLAP;
	else if (!early_fits && !late_fits)
		*fit = ZONE_GAP;
	else
		*fit = ZONE_EXACT;
	return early_fits || !late_fits ? early : late;
}
