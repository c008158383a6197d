/* SPDX-License-Identifier: Apache-2.0 */
/* The plugins: found by their manifests, loaded, replaced while serving, and
 * let go.  Everything here runs on the control thread.
 *
 * The life of a generation is that of docs/internals/plugin.md: seen, copied,
 * rehearsed, opened, warm, cooling, draining, unloaded, resident or closed. */
#ifndef PLUGIN_MANAGER_H
#define PLUGIN_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/err.h"
#include "data/settings.h"
#include "loop/loop.h"
#include "plugin/grants.h"
#include "plugin/limits.h"
#include "plugin/restart.h"
#include "plugin/user.h"
#include "registry/registry.h"

#define PLUGIN_RESIDENT_MAX 64
#define PLUGIN_FILE_MAX ((size_t)64 * 1024 * 1024)
/* Of time that passes: a machine under load is no fault of the plugin.  Its own
 * time is bounded more tightly in rehearse.c. */
#define PLUGIN_REHEARSAL_NS (5 * NS_PER_S)
#define PLUGIN_SETTLE_NS (80 * NS_PER_MS) /* quiet before a change counts */
#define PLUGIN_LONG_DRAIN_NS (30 * NS_PER_S)
#define PLUGIN_RESCAN_NS (5 * NS_PER_S)

struct plugin_census;
struct plugin_manager;

/* Where the code of a plugin runs.  The operator's word counts; without it the
 * manifest may ask for more than the default, not for less. */
enum plugin_isolation {
	PLUGIN_ISOLATION_DEFAULT,
	PLUGIN_ISOLATION_NONE, /* in this process */
	PLUGIN_ISOLATION_PROCESS /* in a runner */
};

/* What one plugin's operator wrote under plugins.NAME. */
struct plugin_override {
	struct str name;
	bool disabled;
	bool may_close; /* consent to dlclose what says TP_CLOSABLE */
	enum plugin_isolation isolation;
	struct str isolation_at; /* "file:line:column"; empty: not said */
	struct str grants_at;
	struct plugin_user user; /* of its runner */
	const struct plugin_grants
	    *grants; /* in place of the manifest's; NULL */
	struct plugin_restart restart; /* zero: the default */
	/* In place of the manifest's, key by key; NULL: none is. */
	struct plugin_limits_anew *limits;
	struct plugin_processes many;
	struct str many_at; /* "file:line:column"; empty: not said */
	const struct yaml_node
	    *config; /* given to load() as JSON; may be NULL */
};

struct plugin_manager_options {
	const struct settings_strs *dirs; /* first match of a name wins */
	struct str run_dir; /* private copies; made 0700 */
	struct str rehearse_exe; /* this program: "exe rehearse COPY" */
	struct str runner_exe; /* toolpost-runner; empty: there is none */
	unsigned reactors; /* that will call */
	unsigned workers; /* of this process; a runner has no more */
	unsigned pool_queue; /* the same */
	/* Borrowed; NULL: reactors share the table of descriptors. */
	struct plugin_passage *passage;
	bool watch;
	int64_t resident_max;
	int64_t long_drain_ns; /* worth a warning; 0: PLUGIN_LONG_DRAIN_NS */
	enum plugin_isolation isolation; /* where nobody says more */
	struct str isolation_at; /* of that; empty: the built-in default */
	bool best_effort; /* runners without what the kernel lacks */
	const struct plugin_user *user; /* of runners; NULL: this one */
	const struct plugin_override *overrides;
	size_t overrides_len;
};

/* What one reload did, for logs and the command line. */
struct plugin_changes {
	unsigned added, replaced, removed, refused, unchanged;
};

struct plugin_manager *plugin_manager_create(struct loop *control,
    struct registry *registry, const struct plugin_manager_options *o,
    struct err *err);
/* Reads all folders now (blocking; rehearsals included) and publishes.  A bad
 * plugin does not fail it: it is logged, and counted as refused. */
int plugin_manager_load_all(
    struct plugin_manager *m, struct plugin_changes *changes, struct err *err);
/* Begins to watch the folders (needs the running control loop). */
int plugin_manager_watch(struct plugin_manager *m, struct err *err);
/* The same as a file event: SIGHUP, the admin's command.  What was refused
 * is tried again.  On the running loop it goes on by itself where it has to
 * wait for a process, elsewhere it waits here.  The number of its batch; 0:
 * none. */
unsigned plugin_manager_reload(struct plugin_manager *m);
/* That batch has not ended. */
bool plugin_manager_goes_on(const struct plugin_manager *m, unsigned number);
/* fn is told of the end of each batch, and whether it did anything. */
void plugin_manager_on_end(struct plugin_manager *m,
    void (*fn)(void *arg, unsigned number, bool did), void *arg);
/* What was refused or quarantined is tried again, that plugin alone, with all
 * that has changed besides.  ERR_NOTFOUND: there is no such plugin, or the
 * configuration disables it; ERR_EXISTS: it serves and has no newer files;
 * ERR_CONFIG: it was refused again, err says why; ERR_AGAIN: batch goes on, and
 * plugin_manager_enabled() says that when it has ended. */
int plugin_manager_enable(struct plugin_manager *m, struct str name,
    unsigned *batch, struct err *err);
int plugin_manager_enabled(struct plugin_manager *m, struct str name,
    unsigned *batch, struct err *err);
/* fn is told, within each batch, of each plugin that changed or was refused:
 * an object with what is different (docs/internals/plugin.md). */
void plugin_manager_on_change(struct plugin_manager *m,
    void (*fn)(void *arg, struct str json), void *arg);
/* fn is told when a replaced generation has been unloaded. */
void plugin_manager_on_gone(
    struct plugin_manager *m, void (*fn)(void *arg), void *arg);
/* fn is told that replaced generations have not ended for long, to answer with
 * plugin_manager_drains_say(): who is in them is known on the reactors. */
void plugin_manager_on_drains(
    struct plugin_manager *m, void (*fn)(void *arg), void *arg);
void plugin_manager_drains_say(
    struct plugin_manager *m, const struct plugin_census *census);
/* New overrides in place of the old ones, copied; counts with the next
 * reload. */
int plugin_manager_override(struct plugin_manager *m,
    const struct plugin_override *overrides, size_t len);
/* fn is told after each batch of changes that did something. */
void plugin_manager_on_batch(struct plugin_manager *m,
    void (*fn)(void *arg, const struct plugin_changes *changes), void *arg);
/* A plugin said that a resource has new content; fn runs on the control
 * thread. */
void plugin_manager_on_changed(
    struct plugin_manager *m, void (*fn)(void *arg, struct str uri), void *arg);
/* Drops all entries; done runs when every generation has been unloaded, or
 * at the deadline with those still busy named in the log. */
void plugin_manager_stop(struct plugin_manager *m, int64_t deadline_ns,
    void (*done)(void *arg), void *arg);
/* Before registry_destroy() and loop_destroy(): what the registry still holds
 * is unloaded by messages to the loop. */
void plugin_manager_destroy(struct plugin_manager *m);

/* On the thread of a reactor that has left its loop, while the control thread
 * waits for it: nothing of that reactor may be left. */
void plugin_manager_leave(struct plugin_manager *m, unsigned reactor);

/* One line a plugin: name, version, generation, state, origin, entries. */
struct plugin_status {
	struct str name, version, manifest_path, state, last_error;
	unsigned generation;
	unsigned tools, resources, templates, prompts;
	unsigned resident; /* older generations still mapped */
};
void plugin_manager_each(struct plugin_manager *m,
    void (*fn)(const struct plugin_status *s, void *arg), void *arg);

/* "toolpost rehearse COPY [MANIFEST]": runs in the throw-away child; prints the
 * plugin's description as JSON on standard output, or the reason on standard
 * error; with a manifest its load() is run, too.  Returns the exit status. */
int plugin_rehearse_main(const char *copy, const char *manifest);

/* "toolpost check": reads one manifest (and rehearses its module when
 * rehearse_exe is not empty) with no effect on anything.  Findings go to diags.
 */
int plugin_check(
    const char *manifest_path, struct str rehearse_exe, struct diags *diags);
/* What a runner's box needs and this kernel does not have; NULL: nothing. */
const char *plugin_box_lacks(void);
/* Every manifest path below dir: <dir>/<name>.yaml, <dir>/<name>/<name>.yaml.
 */
int plugin_find_manifests(const char *dir,
    int (*fn)(void *arg, const char *path), void *arg, struct err *err);

#endif
