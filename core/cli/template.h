/* SPDX-License-Identifier: Apache-2.0 */
/* The files of "plugin new", made at build time from sdk/templates.  In names
 * and contents the plugin's name stands for NAME and for @NAME@. */
#ifndef CLI_TEMPLATE_H
#define CLI_TEMPLATE_H

#include <stddef.h>

struct cli_template {
	const char *name; /* NULL ends the table */
	const char *bytes;
	size_t len;
};

extern const struct cli_template cli_template_c[];

#endif
