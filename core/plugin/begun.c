/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of begun calls, on both sides. */
#define _GNU_SOURCE
#include "plugin/begun.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

static struct plugin_begun *
map_open(int fd, size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return NULL;
	return map;
}

int
plugin_begun_create(unsigned reactors, struct plugin_begun **map, int *fd)
{
	*map = NULL;
	*fd = memfd_create("toolpost-begun", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	/* A file that shrinks would be SIGBUS for who reads. */
	if (*fd >= 0
	    && ftruncate(*fd, (off_t)(reactors * sizeof(struct plugin_begun)))
		== 0
	    && fcntl(
		   *fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
		== 0)
		*map = map_open(*fd, reactors * sizeof **map);
	if (*map != NULL)
		return 0;
	if (*fd >= 0)
		(void)close(*fd); /* nothing is in it */
	*fd = -1;
	return ERR_NOMEM;
}

struct plugin_begun *
plugin_begun_open(int fd)
{
	struct plugin_begun *map = NULL;
	struct stat st;

	if (fstat(fd, &st) == 0)
		map = map_open(fd, (size_t)st.st_size);

	(void)close(fd); /* the mapping stays */
	return map;
}

void
plugin_begun_close(struct plugin_begun *map, unsigned reactors)
{
	if (map != NULL)
		(void)munmap(map, reactors * sizeof *map);
}
