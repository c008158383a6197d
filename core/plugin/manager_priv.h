/* SPDX-License-Identifier: Apache-2.0 */
/* Between manager.c, reload.c and slot.c; nobody else includes it. */
#ifndef PLUGIN_MANAGER_PRIV_H
#define PLUGIN_MANAGER_PRIV_H

#include "base/diag.h"
#include "base/list.h"
#include "plugin/copy.h"
#include "plugin/dynamic.h"
#include "plugin/generation.h"
#include "plugin/ledger.h"
#include "plugin/manager.h"
#include "plugin/manifest.h"
#include "plugin/scan.h"
#include "plugin/seen.h"
#include "plugin/watch.h"

#define MANAGER_MAGIC 0x504d4752u
#define MANAGER_TRIES_MAX 5 /* when the module changes under us */
#define MANAGER_TEXT_MAX ((size_t)64 * 1024) /* of its own words */
#define MANAGER_PAUSE_NS (100 * NS_PER_MS) /* before the first; doubles */
#define MANAGER_AHEAD_MAX 16 /* plugins that are begun before their turn */
#define MANAGER_HELD_NS NS_PER_S /* what a batch has put is shown by then */
#define MANAGER_AGAIN_NS NS_PER_S /* after a batch without memory */
#define MANAGER_UNQUIET_NS \
	(2 * NS_PER_S) /* events cannot put it off longer \
			*/

/* A copy of struct plugin_override. */
struct manager_override {
	char *name; /* owned */
	char *config_json; /* owned; NULL: none */
	bool disabled;
	bool may_close;
	enum plugin_isolation isolation;
	struct plugin_restart restart; /* zero: the default */
	struct plugin_processes many;
	struct str isolation_at; /* in the arena, like the next two */
	struct str many_at;
	struct str grants_at;
	struct plugin_user user; /* text in the arena, if any */
	bool has_grants; /* in place of the manifest's */
	struct plugin_grants grants;
	const struct plugin_limits_anew *limits; /* NULL: none are said */
	unsigned number; /* another one when it says something else */
	struct arena arena; /* of their text */
};

enum slot_outcome {
	SLOT_PENDING, /* it waits for a process, and goes on later */
	SLOT_UNCHANGED,
	SLOT_ADDED,
	SLOT_REPLACED,
	SLOT_REFUSED,
	SLOT_LATER,
	SLOT_WAITS /* until no call is in the one that serves */
};

/* One plugin that there is a manifest for. */
struct plugin_slot {
	struct list node; /* in the manager's, by name */
	char *name; /* owned, like the next four */
	char *path;
	char *module_path; /* NULL: not known */
	char *shadow; /* a second manifest of the name, reported */
	char *last_error; /* NULL: none */
	char *last_words; /* owned; of a runner, before a quarantine */
	/* Of the last attempt. */
	struct plugin_file_id manifest_id;
	struct plugin_file_id module_id;
	struct plugin_seen seen; /* schemas beside the manifest */
	unsigned char manifest_digest[CRYPTO_SHA256_LEN];
	unsigned char module_digest[CRYPTO_SHA256_LEN];
	bool manifest_read; /* its digest is known */
	bool module_read;
	bool racy; /* the ids were young: the same ids may mean other bytes */
	unsigned override_number;
	struct plugin_generation *current; /* kept by the registry */
	struct plugin_generation *before; /* replaced in this batch */
	bool tried;
	bool refused;
	bool conflict; /* refused for a name that another one has */
	bool later; /* the module changed under us */
	bool quarantined; /* last_error says why */
	bool present; /* in this scan */
	unsigned tries;
	int64_t retry_ns;
	unsigned resident;
	struct plugin_ledger *ledger; /* shared; owned reference */
	int64_t tried_ns; /* the last attempt */
	int64_t took_ns; /* it needed so long */
	bool reported; /* in this batch: outcome is news */
	struct slot_attempt *attempt; /* in a batch; NULL: none */
	/* exclusive.c: opened and not started while the calls of current end;
	 * owned; NULL: none. */
	struct plugin_generation *next;
	struct plugin_manager *holder;
	struct loop_timer next_timer;
	bool next_due; /* they have ended, or take too long */
	bool next_late;
	enum slot_outcome outcome;
};

struct plugin_manager {
	uint32_t magic;
	struct loop *loop;
	struct registry *registry;
	char **dirs; /* owned, with all they hold */
	size_t dirs_len;
	char *run_dir;
	char *copy_dir;
	char *rehearse_exe;
	char *runner_exe;
	struct plugin_runner_place place;
	struct plugin_user user; /* of runners; text in the arena */
	struct arena arena;
	int lock_fd; /* on copy_dir: others know that we live */
	int64_t resident_max;
	enum plugin_isolation isolation;
	char *isolation_at; /* owned; where that was said, or empty */
	struct manager_override *overrides; /* owned */
	size_t overrides_len;
	unsigned override_number; /* the last one that was given */
	struct plugin_hub *hub;
	struct list slots;
	struct list generations; /* all not yet unloaded */
	size_t generations_len;
	size_t resident; /* unloaded and still mapped */
	struct plugin_watch *watch; /* NULL: not watching */
	struct list batches; /* that go on */
	unsigned batches_made;
	struct plugin_changes last; /* of the batch that ended last */
	bool unshown; /* something was put or dropped since the last snapshot */
	struct loop_timer held; /* .. and is shown at the latest then */
	struct loop_timer settle;
	struct loop_timer rescan;
	struct loop_timer stopping;
	int64_t unquiet_ns; /* when the first event came; 0: quiet */
	void (*on_changed)(void *arg, struct str uri);
	void *on_changed_arg;
	void (*on_change)(void *arg, struct str json);
	void *on_change_arg;
	void (*on_gone)(void *arg);
	void *on_gone_arg;
	int64_t long_drain_ns;
	struct loop_timer drains;
	void (*on_drains)(void *arg);
	void *on_drains_arg;
	void (*on_batch)(void *arg, const struct plugin_changes *changes);
	void *on_batch_arg;
	void (*on_end)(void *arg, unsigned batch, bool did);
	void *on_end_arg;
	void (*stopped)(void *arg);
	void *stopped_arg;
	bool stop;
	bool behind; /* entries that were committed wait for memory */
};

/* What an attempt does next. */
enum slot_stage {
	SLOT_QUEUED,
	SLOT_BEGUN, /* what may go on beside others does */
	SLOT_STARTS, /* in its turn: with the state of the one before */
	SLOT_EXPLAINS, /* it did not start, a rehearsal says why */
	SLOT_SETTLES /* it is told who watches what */
};

struct plugin_batch;

/* One attempt to load a plugin. */
struct slot_attempt {
	struct list node; /* in its batch */
	struct plugin_batch *batch;
	struct plugin_manager *m;
	struct plugin_slot *slot;
	struct plugin_manifest *manifest; /* owned until it has moved */
	bool moved; /* into a generation */
	struct plugin_copy copy;
	const struct manager_override *override;
	unsigned number;
	struct diags diags;
	bool again; /* the module changed while it was copied */
	bool conflict;
	bool said_anew; /* the operator says something else now */
	bool same; /* as what serves */
	bool waits; /* for calls of what serves to end */
	int rc; /* so far */
	enum slot_stage stage;
	struct plugin_rehearsal *rehearsal; /* owned; NULL: none */
	struct plugin_generation *generation; /* owned; not put yet, or NULL */
	struct plugin_start start;
	struct diags why; /* of a start that a rehearsal explains */
	/* exclusive.c: its gate is shut, and this attempt goes on behind it;
	 * NULL: none, or it has gone. */
	struct plugin_generation *gate;
	bool resumes;
};

/* One batch of changes.  It may go on later, beside others. */
struct plugin_batch {
	struct list node; /* in the manager's */
	struct plugin_manager *m;
	unsigned number;
	struct list attempts; /* not yet ended, in the order of their names */
	unsigned most; /* begun at once */
	bool waits; /* here, for all of it: the loop does not turn */
	struct plugin_changes changes;
	unsigned before; /* what it had done when the round began */
	struct loop_deferred go;
};

/* slot.c: one plugin through copy, check, rehearsal, open and put.  What may go
 * on beside other plugins is begun; all else is done in its turn, in steps. */
void plugin_slot_begin(struct slot_attempt *a);
/* As far as it goes without waiting for a process.  SLOT_PENDING: told, which
 * may run any number of times, says when to come again. */
enum slot_outcome plugin_slot_step(struct slot_attempt *a);
/* Nothing comes of it. */
void plugin_slot_cancel(struct slot_attempt *a);
/* Takes its entries out of the registry. */
void plugin_slot_drop(struct plugin_manager *m, struct plugin_slot *s);
/* drains.c: something drains from now on, or a look at what does. */
void plugin_manager_drains_arm(struct plugin_manager *m);
void plugin_manager_drains_look(void *arg);
/* p: who is in it; NULL: nobody knows. */
void plugin_manager_busy_log(const char *event,
    const struct plugin_generation *g, const struct plugin_presence *p);
const struct manager_override *plugin_manager_override_find(
    const struct plugin_manager *m, struct str name);
/* Of what is said of a plugin; NULL, nothing, has 0. */
unsigned plugin_manager_override_number(const struct manager_override *o);
void plugin_manager_overrides_free(struct manager_override *o, size_t len);

/* slot_check.c: each adds a diagnostic when it refuses. */

/* The module's private copy; again is set when it changed meanwhile. */
int plugin_slot_copy(struct slot_attempt *a);
/* What can be told before any code of it runs. */
int plugin_slot_check(struct slot_attempt *a);
/* slot_many.c: how many processes, by the operator's word or the manifest's. */
void plugin_slot_many_settle(struct slot_attempt *a);
int plugin_slot_many_check(struct slot_attempt *a, bool isolated);
/* Names that another plugin has by now; part of the check. */
int plugin_slot_conflicts(struct slot_attempt *a);
/* At the manifest's module; line may end with a hint. */
int plugin_slot_refuse(
    struct slot_attempt *a, const char *code, const char *line);

/* exclusive.c: new calls wait, and g with them, until none is in s->current;
 * then next_due, in a batch of its own. */
void plugin_slot_hold(struct plugin_manager *m, struct plugin_slot *s,
    struct plugin_generation *g);
/* Nothing comes of it: calls go on in the one that serves. */
void plugin_slot_hold_end(struct plugin_slot *s);
/* g serves: those that wait go there. */
void plugin_slot_hold_move(
    struct plugin_generation *old, struct plugin_generation *g);

/* reload.c: which plugins differ from the last time. */

/* Reads the folders, drops what is gone, and puts what is due into b. */
void plugin_manager_scan(struct plugin_batch *b, bool again);
/* Is there anything that a batch would do? */
bool plugin_manager_is_due(struct plugin_manager *m);
/* When what was put off is tried again. */
void plugin_manager_retry_later(struct plugin_manager *m);

/* batch.c */

/* One batch.  On the loop it goes on by itself where it has to wait, and
 * without a running loop it waits here.  The number of it; 0: there is no
 * memory, and it is tried again. */
unsigned plugin_manager_batch(struct plugin_manager *m, bool again);
/* The same, unless the manager stops. */
unsigned plugin_manager_batch_now(struct plugin_manager *m, bool again);
/* Another attempt for s, in its turn. */
int plugin_batch_add(struct plugin_batch *b, struct plugin_slot *s);
/* Nothing comes of the attempt of s, if there is one. */
void plugin_batch_give_up(struct plugin_slot *s);
/* Its turn may go on. */
void plugin_batch_wake(void *attempt);
/* All of them are given up. */
void plugin_manager_batches_end(struct plugin_manager *m);
/* One snapshot of all that was put and dropped: old ones drain. */
int plugin_manager_show(struct plugin_manager *m, struct err *err);
void plugin_manager_held(void *manager);
/* Watches the folders below those of plugins that schemas were read from. */
void plugin_manager_watch_seen(struct plugin_manager *m);
void plugin_slot_destroy(struct plugin_slot *s);

#endif
