/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: one table of verbs and flags drives the parser, --help
 * and the nearest name.  Each verb is one function of a struct cli.  Results
 * go to standard output, everything else to standard error. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/* What a script can rely on.  128 + n is left to the shell: ended by a
 * signal. */
enum cli_exit {
	CLI_DONE = 0,
	CLI_USAGE = 1, /* or an error nobody expected */
	CLI_NO_MATCH = 2, /* nothing to list */
	CLI_AUTH = 3, /* the server wants authentication, or refused */
	CLI_UNREACHABLE = 4, /* no socket, refused, name, time */
	CLI_TOOL = 5, /* isError, no such tool, a wrong answer */
	CLI_CONFIG = 6 /* configuration, manifest or module is wrong */
};

/* [any] The whole program; returns its exit status. */
int cli_main(int argc, char **argv);

#endif
