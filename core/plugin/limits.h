/* SPDX-License-Identifier: Apache-2.0 */
/* limits: of a plugin and of its entries, as its manifest says them, and what
 * the operator sets anew in place of that. */
#ifndef PLUGIN_LIMITS_H
#define PLUGIN_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/str.h"
#include "call/breaker.h"

#define PLUGIN_TOOLS_ANEW_MAX 10000 /* that one plugin's operator names */

struct plugin_manifest;
struct yaml_node;

/* Of a call that had begun when its runner died. */
enum plugin_retry {
	PLUGIN_RETRY_NEVER,
	PLUGIN_RETRY_SAFE /* once, by the next runner */
};

struct plugin_limits {
	int64_t timeout_ns; /* 0: the default of calls */
	int64_t concurrency; /* calls of one entry at once; 0: no bound */
	int64_t queue;
	int64_t result_max; /* 0: the default of calls */
	int64_t rate_ns; /* between two calls; 0: no bound */
	int64_t burst; /* 0: the calls of one second */
	int retry; /* enum plugin_retry */
};

/* The keys, in the order of the table that reads them. */
enum plugin_limit {
	PLUGIN_LIMIT_TIMEOUT,
	PLUGIN_LIMIT_CONCURRENCY,
	PLUGIN_LIMIT_QUEUE,
	PLUGIN_LIMIT_RESULT,
	PLUGIN_LIMIT_RATE,
	PLUGIN_LIMIT_BURST,
	PLUGIN_LIMIT_RETRY,
	PLUGIN_LIMIT_BREAKER,
	PLUGIN_LIMIT_KEYS
};

/* Where something was said; an empty file: it was not. */
struct plugin_place {
	struct str file;
	struct diag_at at;
};

/* The operator's, of a plugin or of one tool. */
struct plugin_limits_anew {
	struct plugin_limits limits;
	struct call_breaker_limits breaker; /* as a whole */
	/* Of each key; not said: the manifest counts. */
	struct plugin_place at[PLUGIN_LIMIT_KEYS];
	struct plugin_tool_anew *tools; /* of a plugin, in any order */
	size_t tools_len;
};

struct plugin_tool_anew {
	struct plugin_tool_anew *next;
	struct str name;
	struct plugin_place at;
	struct plugin_limits_anew anew;
};

/* [any] Adds what one file says: plugins.NAME.limits, and plugins.NAME.tools.
 * *anew, which lives in the arena, is made when it is NULL.  prefix is
 * "plugins.NAME"; both nodes may be NULL.  ERR_CONFIG, ERR_NOMEM. */
int plugin_limits_read(const struct yaml_node *limits,
    const struct yaml_node *tools, const char *prefix,
    struct plugin_limits_anew **anew, struct arena *arena, const char *file,
    struct diags *diags);
/* [any] NULL: nothing is said of that tool; a may be NULL. */
struct plugin_tool_anew *plugin_tool_find(
    const struct plugin_limits_anew *a, struct str name);
/* [any] NULL: out of memory. */
struct plugin_limits_anew *plugin_limits_copy(
    const struct plugin_limits_anew *from, struct arena *a);
/* [any] The same values, with places also in the same places; NULL: nothing is
 * said. */
bool plugin_limits_equal(const struct plugin_limits_anew *a,
    const struct plugin_limits_anew *b, bool places);
/* [any] The manifest's limits are those from now on; once, anew may be NULL and
 * is copied.  ERR_NOMEM; what means nothing is a warning. */
int plugin_limits_apply(struct plugin_manifest *m,
    const struct plugin_limits_anew *anew, struct diags *diags);
/* [any] The same, without a copy and without a word. */
void plugin_limits_inherit(
    struct plugin_manifest *m, const struct plugin_limits_anew *anew);

/* One value that the operator has set; text is borrowed while fn runs. */
struct plugin_limit_said {
	struct str tool; /* empty: of the plugin */
	const char *key;
	struct str value;
	struct str manifest; /* what it says instead; empty: nothing */
	const struct plugin_place *at;
};

/* [any] */
void plugin_limits_each(const struct plugin_manifest *m,
    void (*fn)(void *arg, const struct plugin_limit_said *said), void *arg);

#endif
