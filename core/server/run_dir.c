/* SPDX-License-Identifier: Apache-2.0 */
/* Where the private copies of modules live while they are opened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "server/server_priv.h"

int
server_run_dir_make(struct server *s, struct err *err)
{
	const char *places[] = { getenv("RUNTIME_DIRECTORY"),
		geteuid() == 0 ? "/run" : NULL, getenv("XDG_RUNTIME_DIR"),
		getenv("TMPDIR"), "/tmp", "/var/tmp" };
	size_t i;

	if (s->config.run_dir.len > 0)
		return file_mkdirs(s->config.run_dir.ptr, 0700, err);
	for (i = 0; i < ARRAY_LEN(places); i++) {
		/* The loader maps code: a noexec mount (often /run) will not
		 * do. */
		if (places[i] == NULL || !file_dir_takes_code(places[i])
		    || strlen(places[i]) > sizeof s->run_dir - 32)
			continue;
		(void)snprintf(s->run_dir, sizeof s->run_dir,
		    "%s/toolpost.XXXXXX", places[i]);
		if (mkdtemp(s->run_dir) != NULL) {
			s->config.run_dir = str_of(s->run_dir);
			return 0;
		}
	}
	s->run_dir[0] = '\0';
	return err_set(err, ERR_CONFIG,
	    "no folder for copies of modules: /run and /tmp cannot be written "
	    "or are mounted noexec (hint: set plugins.run_dir)");
}

void
server_run_dir_remove(struct server *s)
{
	char gen[sizeof s->run_dir + 8];

	if (s->run_dir[0] == '\0')
		return;
	(void)snprintf(gen, sizeof gen, "%s/gen", s->run_dir);
	(void)rmdir(gen); /* copies are unlinked once open */
	(void)rmdir(s->run_dir); /* not empty after a crash of a reload */
}
