/* SPDX-License-Identifier: Apache-2.0 */
/* A failed check ends the process: a wrong server is worse than a restarted
 * one. */
#include "base/check.h"

#include <stdlib.h>

#include "base/panic.h"

void
check_failed(const char *file, int line, const char *what)
{
	panic_report_check(file, line, what);
	abort();
}

void *
check_magic(void *obj, uint32_t magic, const char *file, int line)
{
	if (obj == NULL)
		check_failed(file, line, "object is NULL");
	if (*(const uint32_t *)obj != magic)
		check_failed(file, line, "object has another type or ended");
	return obj;
}
