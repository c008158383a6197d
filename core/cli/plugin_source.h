/* SPDX-License-Identifier: Apache-2.0 */
/* The folder an author works in: one manifest, C files beside it. */
#ifndef CLI_PLUGIN_SOURCE_H
#define CLI_PLUGIN_SOURCE_H

#include "cli/cli_priv.h"

#define CLI_SOURCES_MAX 256
#define CLI_COMMAND_MAX 512 /* words of a compiler's command */

/* All of it is in the arena of the struct cli. */
struct cli_plugin_source {
	const char *dir;
	struct str name;
	const char *manifest; /* a path */
	const char *module; /* "weather.so" */
	const char *module_path;
	struct cli_strs files; /* without tests, in byte order */
	bool pinned; /* the manifest has a sha256 */
};

/* [any] Reads the folder.  ERR_CONFIG or ERR_NOTFOUND with one line. */
int cli_plugin_source_find(struct cli_plugin_source *s, struct cli *c,
    const char *dir, struct err *err);
/* [any] Writes the digits into the manifest: in the place of the old ones, or
 * behind the module. */
int cli_plugin_pin(
    const struct cli_plugin_source *s, const char *hex, struct err *err);

#endif
