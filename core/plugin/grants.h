/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin in a runner may do besides computing: nothing but what its
 * manifest asks for, or what the operator writes in place of that. */
#ifndef PLUGIN_GRANTS_H
#define PLUGIN_GRANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "data/json.h"
#include "data/settings.h"

#define PLUGIN_GRANTS_ITEMS_MAX 32 /* of each list */
#define PLUGIN_GRANTS_TEXT_MAX 1024 /* in a log */
#define PLUGIN_MEMORY_DEFAULT ((int64_t)512 * 1024 * 1024)
#define PLUGIN_MEMORY_MIN ((int64_t)64 * 1024 * 1024)
#define PLUGIN_THREADS_MAX 1024

struct box;

struct plugin_grants {
	struct settings_strs read; /* absolute paths, or "config:KEY" */
	struct settings_strs write;
	struct settings_strs network; /* "unix", "HOST:PORT", "HOST:*" */
	int64_t threads;
	int64_t memory;
	int64_t cpu_ns; /* 0: no bound */
	bool exec;
};

/* [any] Nothing is granted. */
void plugin_grants_init(struct plugin_grants *g);
/* [any] prefix stands before each key in messages.  ERR_CONFIG, ERR_NOMEM. */
int plugin_grants_read(const struct yaml_node *map, const char *prefix,
    struct plugin_grants *g, struct arena *arena, const char *file,
    struct diags *diags);
/* [any] Text goes to arena; false: out of memory. */
bool plugin_grants_copy(struct plugin_grants *to,
    const struct plugin_grants *from, struct arena *a);
bool plugin_grants_equal(
    const struct plugin_grants *a, const struct plugin_grants *b);
/* [any] "read /srv, network api.example:443, memory 512MiB" */
void plugin_grants_print(const struct plugin_grants *g, struct buf *out);
/* [control] As a box; config is the plugin's, which paths may refer to.
 * ERR_LIMIT: more paths or ports than a box holds. */
int plugin_grants_box(const struct plugin_grants *g,
    const struct json_node *config, struct box *b);

#endif
