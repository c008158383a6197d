/* SPDX-License-Identifier: Apache-2.0 */
/* The whole server in one process: configuration, start, reload, drain, stop.
 * The calling thread becomes the control thread. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/err.h"

/* What the command line says; it goes over the files.  All borrowed. */
struct server_options {
	const char *config; /* a file; NULL: the usual places */
	const char *const *listen; /* empty: as configured */
	size_t listen_len;
	const char *const *plugins; /* folders; empty: as configured */
	size_t plugins_len;
	bool no_watch;
	bool legacy_sse;
	int log_format; /* enum log_format, or -1: as configured */
	unsigned reactors; /* 0: as configured */
};

enum server_exit { SERVER_DONE = 0, SERVER_FAILED = 1, SERVER_CONFIG = 6 };

/* Runs until it is told to stop (SIGTERM, SIGINT; with stdio the end of
 * standard input) and returns an enum server_exit.  What keeps it from
 * starting is in err; findings in files are on standard error already, and
 * err has no text then. */
int server_run(const struct server_options *o, bool stdio, struct err *err);

/* Reads a configuration file with no effect on anything. */
int server_config_check(const char *path, struct diags *diags);

#endif
