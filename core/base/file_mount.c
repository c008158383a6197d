/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* ST_NOEXEC */
#include "base/file.h"

#include <sys/statvfs.h>
#include <unistd.h>

bool
file_dir_takes_code(const char *dir)
{
	struct statvfs fs;

	return access(dir, W_OK | X_OK) == 0 && statvfs(dir, &fs) == 0
	    && (fs.f_flag & ST_NOEXEC) == 0;
}
