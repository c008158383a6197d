/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs share: the parsed command line, the tables, output. */
#ifndef CLI_CLI_PRIV_H
#define CLI_CLI_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "cli/cli.h"

#define CLI_URL_DEFAULT "http://127.0.0.1:7423/mcp"
#define CLI_SOCKET_SYSTEM "/run/toolpost/mcp.sock"

/* Pointers into argv, or into the arena. */
struct cli_strs {
	const char **items;
	size_t len;
};

enum cli_color { CLI_COLOR_AUTO, CLI_COLOR_ALWAYS, CLI_COLOR_NEVER };

struct cli_verb;

/* One command line. */
struct cli {
	struct arena arena;
	const struct cli_verb *verb; /* NULL: none was given */
	struct cli_strs words; /* what is no flag, without the verb */
	/* every verb */
	const char *url;
	bool json;
	bool help;
	bool version;
	unsigned quiet;
	unsigned verbose;
	int64_t timeout;
	int color; /* enum cli_color */
	/* serve, stdio */
	const char *config;
	struct cli_strs listen;
	struct cli_strs plugins;
	bool no_watch;
	bool legacy_sse;
	int log_format; /* -1: not given */
	int64_t reactors;
	/* call, list */
	const char *args;
	const char *resource;
	const char *prompt;
	int protocol; /* enum mcp_revision; -1: not given */
	bool full;
	/* status, reload, plugin list, .. */
	const char *socket;
	int probe; /* -1: not given */
	bool wait;
	/* plugin */
	int kind;
	bool asan;
	bool pin;
	/* schema */
	bool format_assertion;
	/* bench; 0: not given */
	struct {
		int mode; /* enum bench_mode; -1: not given */
		const char *method;
		const char *tool;
		const char *expect;
		const char *trigger;
		int64_t connections;
		int64_t rate;
		int64_t warm;
		int64_t duration;
		int64_t pid;
		int64_t sources;
		int64_t first_source;
		int64_t threads;
		int64_t rounds;
		int64_t messages;
		int64_t window;
		bool progress;
		bool any_id;
		bool no_handshake;
		bool hold;
	} bench;
	/* of the failure that is reported */
	const char *failed_url;
	int failed_status;
};

enum cli_flag_type {
	CLI_FLAG_SWITCH, /* bool */
	CLI_FLAG_COUNT, /* unsigned */
	CLI_FLAG_STR, /* const char * */
	CLI_FLAG_STRS, /* struct cli_strs */
	CLI_FLAG_CHOICE, /* int: index in choices */
	CLI_FLAG_TIME, /* int64_t ns */
	CLI_FLAG_NUMBER, /* int64_t, at most 65535 */
	CLI_FLAG_LARGE /* int64_t, at most INT32_MAX */
};

struct cli_flag {
	const char *name; /* without "--"; NULL ends a table */
	char letter; /* 0: none */
	enum cli_flag_type type;
	size_t offset; /* in struct cli */
	const char *value; /* what --help calls its value */
	const char *const *choices; /* NULL-terminated */
	const char *help;
};

struct cli_verb {
	const char *name; /* "call", "plugin new"; NULL ends the table */
	const char *words; /* for --help: "TOOL [name=value]..." */
	size_t words_min, words_max;
	const char *help; /* one sentence */
	const char *more; /* NULL, or lines for the help of this verb */
	const struct cli_flag *flags;
	const char *examples[3];
	int (*run)(struct cli *c); /* returns an enum cli_exit */
	bool hidden;
};

extern const struct cli_flag cli_flags[]; /* of every verb */
extern const struct cli_verb cli_verbs[];
extern const char *const cli_revisions[]; /* in the order of the enum */

/* [any] Fills c; 0, or ERR_PARAMS or ERR_NOMEM with one line for a person. */
int cli_parse(struct cli *c, int argc, char **argv, struct err *err);
void cli_init(struct cli *c);
void cli_finish(struct cli *c);
/* [any] The verb of one or two words; NULL. */
const struct cli_verb *cli_verb_find(const char *first, const char *second);
/* [any] "unknown verb ..., did you mean ...?" */
int cli_verb_unknown(const char *word, const char *second, struct err *err);

void cli_help_all(struct buf *out);
void cli_help_verb(const struct cli_verb *v, struct buf *out);
void cli_help_short(struct buf *out, const char *where);

/* [any] One line on standard error, as text or as {"error":{..}} by --json;
 * returns status. */
int cli_fail(const struct cli *c, enum cli_exit status, const struct err *err);
/* [any] The same from a format. */
__attribute__((format(printf, 3, 4))) int cli_failf(
    const struct cli *c, enum cli_exit status, const char *fmt, ...);
/* [any] Writes all of it to standard output; CLI_DONE, or a failure. */
int cli_print(const struct cli *c, struct str text);
/* [any] A note on standard error, kept back by -q. */
__attribute__((format(printf, 2, 3))) void cli_note(
    const struct cli *c, const char *fmt, ...);
/* [any] Text of others: on a terminal only line ends and tabs stay. */
void cli_text(struct buf *out, struct str text, bool terminal);
/* [any] The same on one line. */
void cli_line(struct buf *out, struct str text);
bool cli_is_terminal(int fd);
/* [any] Columns of the terminal; 0: standard output is none. */
size_t cli_width(void);
/* [any] Rows of cells: aligned with a head and cut on a terminal, whole with
 * tabs elsewhere.  cells has rows times columns, the head first. */
void cli_table(
    const struct str *cells, size_t rows, size_t columns, struct buf *out);
/* [any] Path of this program; in the arena, empty when it is not known. */
struct str cli_self(struct cli *c);
/* [any] A formatted string in the arena; NULL without memory. */
__attribute__((format(printf, 2, 3))) const char *cli_format(
    struct cli *c, const char *fmt, ...);

int cli_bench(struct cli *c);
int cli_call(struct cli *c);
int cli_check(struct cli *c);
int cli_help(struct cli *c);
int cli_list(struct cli *c);
int cli_plugin_enable(struct cli *c);
int cli_plugin_inspect(struct cli *c);
int cli_plugin_list(struct cli *c);
int cli_plugin_build(struct cli *c);
int cli_plugin_new(struct cli *c);
int cli_reload(struct cli *c);
int cli_status(struct cli *c);
int cli_rehearse(struct cli *c);
int cli_schema_check(struct cli *c);
int cli_schema_validate(struct cli *c);
int cli_serve(struct cli *c);
int cli_stdio(struct cli *c);
int cli_version(struct cli *c);

#endif
