/* SPDX-License-Identifier: Apache-2.0 */
/* One loaded instance of a plugin, with its state.  Opened and unloaded on
 * the control thread; pinned by calls on any.  The last reference only posts
 * to the control loop: the thread that drops it may still be on its way out
 * through the plugin's code. */
#ifndef PLUGIN_GENERATION_H
#define PLUGIN_GENERATION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <toolpost/abi.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/list.h"
#include "base/map.h"
#include "base/panic.h"
#include "base/ref.h"
#include "call/hold.h"
#include "call/target.h"
#include "loop/loop.h"
#include "plugin/loader.h"
#include "plugin/manifest.h"
#include "plugin/restart.h"
#include "plugin/runner.h"
#include "plugin/user.h"
#include "registry/entry.h"
#include "registry/registry.h"

/* Each state has one way on, or ends in UNLOADED when something refuses:
 * seen -> copied -> rehearsed -> opened -> warm -> draining -> unloaded
 * -> resident or closed.  While draining, the reactors that have not passed a
 * turn are cooling; the registry holds its reference for them. */
enum plugin_state {
	PLUGIN_SEEN,
	PLUGIN_COPIED,
	PLUGIN_REHEARSED,
	PLUGIN_OPENED,
	PLUGIN_WARM,
	PLUGIN_DRAINING,
	PLUGIN_UNLOADED,
	PLUGIN_RESIDENT,
	PLUGIN_CLOSED
};

#define PLUGIN_CHANGES_MAX 1024 /* changed() messages on their way */
#define PLUGIN_GENERATION_MAGIC 0x47454e52u

struct plugin_generation;
struct tp_dynamic;
struct tp_watch;

/* What generations share with their manager, and what outlives it. */
struct plugin_hub {
	struct ref ref;
	struct loop *loop;
	unsigned reactors; /* that will call; 0: nobody counts their calls */
	void *owner; /* [control] NULL: the manager is gone */
	/* [control] All may be NULL. */
	void (*gone)(void *owner, struct plugin_generation *g);
	void (*touched)(void *owner, unsigned kinds);
	void (*resource)(void *owner, struct str uri);
	/* The entries that g has added are others now. */
	void (*dynamic)(void *owner, struct plugin_generation *g);
	/* Its runner is another one. */
	void (*restarted)(void *owner, struct plugin_generation *g);
	/* Its runner dies again and again: it must not be called. */
	void (*quarantined)(
	    void *owner, struct plugin_generation *g, const char *reason);
	/* [call] In a runner: a handler runs next; NULL: nobody asks. */
	void (*begins)(struct call *c);
	registry_describe_fn *describe; /* list items of what is added */
	/* In a runner: asks the host; NULL: plugin_dynamic_table. */
	const struct tp_dynamic *batches;
	pthread_mutex_t lock; /* leaf; guards keys, and what generations have
			       * added */
	struct map keys[REGISTRY_KINDS]; /* of struct registry_entry: every
					  * name that is taken */
	atomic_uint kinds; /* bits of enum tp_kind whose list changed */
	atomic_bool posted; /* msg is on its way */
	atomic_uint resources; /* messages on their way */
	struct loop_msg msg;
};

struct plugin_dynamic;
struct plugin_ledger;

struct plugin_target {
	struct call_target target;
	struct plugin_generation *generation;
	struct plugin_dynamic *dynamic; /* NULL: an entry of the manifest */
	tp_call_fn *fn; /* NULL: in a runner */
	uint32_t index; /* there */
	unsigned life; /* of the runner, that has it; 0: all */
	struct panic_scope scope;
};

struct plugin_generation {
	struct tp_plugin handle; /* first: a plugin's tp_plugin is this */
	uint32_t magic;
	struct list node; /* in the manager's list */
	struct plugin_hub *hub; /* shared */
	struct plugin_manifest *manifest; /* owned */
	struct plugin_module module; /* empty: the code is in a runner */
	struct plugin_runner *runner; /* shared; NULL: the code is here */
	struct arena arena;
	struct call_rate rate; /* of all its entries together */
	struct call_breaker *breaker; /* owned; NULL: none */
	struct call_hold hold; /* with reload: exclusive */
	struct registry_set set;
	struct plugin_target *targets; /* one for each entry */
	size_t targets_len; /* those that were made */
	const struct json_node *config;
	struct str config_text;
	unsigned char digest[CRYPTO_SHA256_LEN]; /* of the module */
	struct panic_scope scope;
	void *state; /* the plugin's own */
	/* Entries added at run time, all with the hub's lock. */
	struct map dynamic[REGISTRY_KINDS]; /* of struct plugin_dynamic */
	size_t dynamic_len;
	struct map orphans[REGISTRY_KINDS]; /* shown, of a runner that died */
	bool orphaned; /* those count, until the next one is ready */
	bool dynamic_live; /* in the registry: a commit is published */
	bool dynamic_closed; /* draining: nothing is added any more */
	bool dynamic_posted; /* dynamic_msg is on its way */
	struct loop_msg dynamic_msg;
	struct list batches; /* open ones, owned */
	size_t batches_len;
	const struct tp_watch *watch; /* NULL: it does not watch */
	unsigned number;
	enum plugin_state at;
	bool may_close; /* the operator consents */
	struct str isolation_at; /* who decided: file:line:column; empty: the
				  * built-in default; text in arena */
	struct str grants_at; /* the same; empty: nobody grants anything */
	struct plugin_grants grants; /* text in arena; counts in a runner */
	struct plugin_restart restart; /* counts in a runner */
	struct plugin_identity identity; /* the same */
	struct plugin_ledger *ledger; /* shared; NULL: nobody counts */
	int64_t since_ns; /* in this state */
	int64_t draining_ns; /* since when */
	int64_t asked_ns; /* since when it is asked who is in it */
	bool reported; /* as draining for long */
	struct loop_msg msg;
};

/* [any] Of the handle that its plugin has. */
static inline struct plugin_generation *
plugin_generation_of(struct tp_plugin *p)
{
	struct plugin_generation *g =
	    CONTAINER_OF(p, struct plugin_generation, handle);

	OBJ_CHECK(g, PLUGIN_GENERATION_MAGIC);
	return g;
}

struct plugin_hub *plugin_hub_create(struct loop *control, void *owner);
/* [control] Nothing is told to the owner any more. */
void plugin_hub_leave(struct plugin_hub *h);
void plugin_hub_ref(struct plugin_hub *h);
/* [any] */
void plugin_hub_unref(struct plugin_hub *h);

/* [any] */
void plugin_hub_lock(struct plugin_hub *h);
void plugin_hub_unlock(struct plugin_hub *h);
/* [any] The list of one enum tp_kind changed; many become one. */
void plugin_hub_touch(struct plugin_hub *h, unsigned kind);
/* [any] ERR_BUSY: too many on their way, this one is lost. */
int plugin_hub_resource(struct plugin_hub *h, struct str uri);

/* [control] Opens copy, checks it against the manifest again and builds the
 * set; the manifest moves in when it works.  config is JSON text or empty.
 * place NULL: the code is loaded here; else in a runner, which keeps the copy
 * until it ends. */
struct plugin_generation *plugin_generation_open(struct plugin_hub *hub,
    struct plugin_manifest *manifest, const char *copy, unsigned number,
    struct str config, const struct plugin_runner_place *place,
    struct diags *diags);
/* [control] Starts its runner, which has no previous one, and does not wait:
 * plugin_generation_start() does. */
int plugin_generation_begin(struct plugin_generation *g, struct diags *diags);
/* load() of one, with what the one before has saved: a step goes as far as it
 * can without waiting for a runner. */
enum plugin_step { PLUGIN_STEP_SAVE, PLUGIN_STEP_SAVED, PLUGIN_STEP_LOADED };

struct plugin_start {
	struct plugin_generation *previous; /* NULL: none, or it has gone */
	/* Told on the loop when the next step may go on. */
	void (*told)(void *arg);
	void *arg;
	bool waits; /* here, for what is not over */
	enum plugin_step step;
	bool has_state;
	struct tp_snapshot bytes;
};

#define PLUGIN_PENDING 1 /* no error, and not done */

/* [control] 0, PLUGIN_PENDING, or ERR_CONFIG with the reason in diags. */
int plugin_generation_start(
    struct plugin_generation *g, struct plugin_start *s, struct diags *diags);
/* [control] The previous one goes, or nothing comes of this start. */
void plugin_generation_start_forget(struct plugin_start *s);
/* [control] Its two halves, as a runner does them on the host's word: an enum
 * tp_status each. */
int plugin_generation_load(struct plugin_generation *g,
    const struct tp_snapshot *previous, struct err *err);
int plugin_generation_save(
    struct plugin_generation *g, struct tp_snapshot *out);
/* [control] Ends one that was never published: unload() and all. */
void plugin_generation_discard(struct plugin_generation *g);
/* [control] */
void plugin_generation_enter(
    struct plugin_generation *g, enum plugin_state next);
const char *plugin_state_name(enum plugin_state s);
/* [control] Its runner died too often and has no next life. */
bool plugin_generation_is_quarantined(const struct plugin_generation *g);

/* [any] A target of g, kept by dynamic where that is not NULL. */
void plugin_target_init(struct plugin_target *t, struct plugin_generation *g,
    struct plugin_dynamic *dynamic, const struct plugin_limits *limits,
    const struct tp_entry *entry);

#endif
