/* SPDX-License-Identifier: Apache-2.0 */
/* The manager's own life, its timers, and what it tells others. */
#include "plugin/manager.h"

#include <sys/file.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "data/yaml.h"
#include "plugin/manager_priv.h"
#include "plugin/watchers.h"

static char *
dup_str(struct str s)
{
	return strndup(s.ptr != NULL ? s.ptr : "", s.len);
}

static struct plugin_manager *
manager_of(void *arg)
{
	return OBJ_CAST(arg, struct plugin_manager, MANAGER_MAGIC);
}

static void
stop_finished(struct plugin_manager *m)
{
	void (*stopped)(void *arg) = m->stopped;

	loop_timer_clear(&m->stopping);
	m->stopped = NULL;
	if (stopped != NULL)
		stopped(m->stopped_arg);
}

/* [control] A generation has been unloaded. */
static void
generation_gone(void *owner, struct plugin_generation *g)
{
	struct plugin_manager *m = manager_of(owner);

	list_drop(&g->node);
	m->generations_len--;
	if (g->ledger != NULL && g->runner != NULL)
		g->ledger->restarts += plugin_runner_restarts(g->runner);
	if (g->at == PLUGIN_RESIDENT) {
		m->resident++;
		LIST_EACH (node, &m->slots) {
			struct plugin_slot *s =
			    LIST_OBJ(node, struct plugin_slot, node);

			if (str_equal(str_of(s->name), g->manifest->name))
				s->resident++;
		}
	}
	if (m->on_gone != NULL)
		m->on_gone(m->on_gone_arg);
	if (m->stop && m->generations_len == 0)
		stop_finished(m);
}

/* [control] Plugins say that their lists changed. */
static void
lists_touched(void *owner, unsigned kinds)
{
	struct plugin_manager *m = manager_of(owner);
	struct err err;

	if ((kinds & 1u << TP_KIND_TOOL) != 0)
		registry_touch(m->registry, REGISTRY_TOOL);
	if ((kinds & 1u << TP_KIND_RESOURCE) != 0) {
		registry_touch(m->registry, REGISTRY_RESOURCE);
		registry_touch(m->registry, REGISTRY_TEMPLATE);
	}
	if ((kinds & 1u << TP_KIND_PROMPT) != 0)
		registry_touch(m->registry, REGISTRY_PROMPT);
	if (plugin_manager_show(m, &err) < 0)
		LOG_ERROR("registry not published", F_CSTR("reason", err.text));
}

/* [control] A plugin has added entries, or dropped some. */
static void
entries_changed(void *owner, struct plugin_generation *g)
{
	struct plugin_manager *m = manager_of(owner);
	struct err err;
	int rc = plugin_dynamic_update(g, m->registry, &err);

	if (rc == 0)
		rc = plugin_manager_show(m, &err);
	/* What was there goes on; the next commit, reload or rescan brings
	 * all. */
	m->behind = m->behind || rc < 0;
	if (rc < 0)
		LOG_ERROR("plugin entries not published",
		    F_STR("plugin", g->manifest->name),
		    F_CSTR("reason", err.text));
	plugin_watchers_settle(m);
}

static void
resource_changed(void *owner, struct str uri)
{
	struct plugin_manager *m = manager_of(owner);

	if (m->on_changed != NULL)
		m->on_changed(m->on_changed_arg, uri);
}

/* [control] It knows nothing of what the one before was told. */
static void
generation_restarted(void *owner, struct plugin_generation *g)
{
	plugin_watchers_again(manager_of(owner), g);
}

/* The entries of a plugin in quarantine leave the lists. */
static void
slot_hide(struct plugin_manager *m, struct plugin_slot *s)
{
	struct plugin_generation *g = s->current;
	struct err err;

	if (s->before != NULL) /* it was not shown yet */
		plugin_manager_held(m);
	plugin_slot_drop(m, s);
	s->before = NULL;
	if (plugin_manager_show(m, &err) < 0)
		LOG_ERROR("registry not published", F_CSTR("reason", err.text));
	plugin_generation_enter(g, PLUGIN_DRAINING);
	plugin_manager_drains_arm(m);
}

/* [control] A new file, or a word of the operator, brings it back.  Where its
 * entries stay until then, the runner answers for them that it is gone. */
static void
generation_quarantined(
    void *owner, struct plugin_generation *g, const char *reason)
{
	struct plugin_manager *m = manager_of(owner);

	LIST_EACH (node, &m->slots) {
		struct plugin_slot *s =
		    LIST_OBJ(node, struct plugin_slot, node);

		if (s->current != g)
			continue;
		s->refused = s->quarantined = true;
		free(s->last_error);
		s->last_error = strdup(reason);
		s->tried_ns = clock_now_ns();
		s->ledger->quarantines++;
		free(s->last_words);
		s->last_words =
		    dup_str(str_trim(buf_view(&g->runner->died_words)));
		if (!g->manifest->stays)
			slot_hide(m, s);
		return;
	}
}

static void
settled(void *arg)
{
	(void)plugin_manager_batch_now(manager_of(arg), false);
}

/* Something happened: wait until it is quiet, but not for ever. */
static void
stirred(void *arg)
{
	struct plugin_manager *m = manager_of(arg);
	int64_t now = clock_now_ns();
	int64_t due = now + PLUGIN_SETTLE_NS;

	if (m->stop)
		return;
	if (m->unquiet_ns == 0)
		m->unquiet_ns = now;
	if (due > m->unquiet_ns + MANAGER_UNQUIET_NS)
		due = m->unquiet_ns + MANAGER_UNQUIET_NS;
	loop_timer_set(m->loop, &m->settle, due);
}

/* What there was no memory for. */
static void
leftovers_publish(struct plugin_manager *m)
{
	struct err err;
	int rc = 0;

	LIST_EACH (node, &m->slots) {
		struct plugin_slot *s =
		    LIST_OBJ(node, struct plugin_slot, node);

		if (m->behind && rc == 0 && s->current != NULL
		    && s->current->manifest->dynamic.max > 0)
			rc = plugin_dynamic_update(
			    s->current, m->registry, &err);
	}
	if (rc == 0)
		rc = plugin_manager_show(m, &err);
	m->behind = m->behind && rc < 0;
	if (rc < 0)
		LOG_ERROR("registry not published", F_CSTR("reason", err.text));
}

static void
rescan(void *arg)
{
	struct plugin_manager *m = manager_of(arg);

	leftovers_publish(m);
	if (!loop_timer_is_set(&m->settle) && plugin_manager_is_due(m))
		stirred(m);
	loop_timer_set(m->loop, &m->rescan, clock_now_ns() + PLUGIN_RESCAN_NS);
}

static void
stop_late(void *arg)
{
	struct plugin_manager *m = manager_of(arg);

	LIST_EACH (node, &m->generations) {
		plugin_manager_busy_log("plugin still busy",
		    LIST_OBJ(node, struct plugin_generation, node), NULL);
	}
	stop_finished(m);
}

/* Copies that a process which is gone left behind. */
static void
leftovers_remove(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char path[4096];

	/* cppcheck-suppress readdirCalled ; its stream is this thread's own */
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (!str_ends(str_of(e->d_name), S(".so"))
		    || snprintf(path, sizeof path, "%s/%s", dir, e->d_name)
			>= (int)sizeof path)
			continue;
		(void)unlink(path); /* a name that stays is passed over */
	}
	if (d != NULL)
		(void)closedir(d); /* only read */
}

static int
copy_dir_make(struct plugin_manager *m, struct err *err)
{
	size_t size = strlen(m->run_dir) + sizeof "/gen";
	int rc;

	m->copy_dir = malloc(size);
	if (m->copy_dir == NULL)
		return err_set(err, ERR_NOMEM, "out of memory");
	(void)snprintf(m->copy_dir, size, "%s/gen", m->run_dir); /* it fits */
	rc = file_mkdirs(m->copy_dir, 0700, err);
	if (rc < 0)
		return rc;
	m->lock_fd = open(m->copy_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->lock_fd < 0)
		return err_set_errno(err, ERR_IO, errno, "%s", m->copy_dir);
	/* Nobody else lives here: what lies there is of the dead. */
	if (flock(m->lock_fd, LOCK_EX | LOCK_NB) == 0)
		leftovers_remove(m->copy_dir);
	if (flock(m->lock_fd, LOCK_SH | LOCK_NB) < 0 && errno != EWOULDBLOCK)
		return err_set_errno(err, ERR_IO, errno, "%s", m->copy_dir);
	return 0;
}

static int
options_take(struct plugin_manager *m, const struct plugin_manager_options *o,
    struct err *err)
{
	size_t n = o->dirs != NULL ? o->dirs->len : 0;

	/* The loader takes absolute paths only; a child has no folder. */
	if (o->run_dir.len == 0 || o->run_dir.ptr[0] != '/'
	    || o->rehearse_exe.len == 0 || o->rehearse_exe.ptr[0] != '/')
		return err_set(err, ERR_PARAMS,
		    "run_dir and rehearse_exe must be absolute paths");
	m->run_dir = dup_str(o->run_dir);
	m->rehearse_exe = dup_str(o->rehearse_exe);
	m->runner_exe = dup_str(o->runner_exe);
	m->isolation_at = dup_str(o->isolation_at);
	m->place.exe = m->runner_exe;
	m->place.reactors = o->reactors;
	m->place.workers = o->workers;
	m->place.pool_queue = o->pool_queue > 0 ? o->pool_queue : 1;
	m->place.passage = o->passage;
	m->dirs = calloc(n + 1, sizeof *m->dirs);
	if (m->run_dir == NULL || m->rehearse_exe == NULL
	    || m->runner_exe == NULL || m->isolation_at == NULL
	    || m->dirs == NULL)
		return err_set(err, ERR_NOMEM, "out of memory");
	for (; m->dirs_len < n; m->dirs_len++) {
		m->dirs[m->dirs_len] = dup_str(o->dirs->items[m->dirs_len]);
		if (m->dirs[m->dirs_len] == NULL)
			return err_set(err, ERR_NOMEM, "out of memory");
	}
	m->long_drain_ns =
	    o->long_drain_ns > 0 ? o->long_drain_ns : PLUGIN_LONG_DRAIN_NS;
	m->resident_max =
	    o->resident_max > 0 ? o->resident_max : PLUGIN_RESIDENT_MAX;
	m->isolation = o->isolation;
	m->place.best_effort = o->best_effort;
	arena_init(&m->arena, MANAGER_TEXT_MAX);
	if (o->user != NULL)
		plugin_user_copy(&m->user, o->user, &m->arena);
	m->place.refusals = refusals_thread_create();
	m->place.network = plugin_network_create();
	if (m->place.refusals == NULL || m->place.network == NULL
	    || m->arena.failed)
		return err_set(err, ERR_NOMEM, "out of memory");
	if (plugin_manager_override(m, o->overrides, o->overrides_len) < 0)
		return err_set(err, ERR_NOMEM, "out of memory");
	return 0;
}

struct plugin_manager *
plugin_manager_create(struct loop *control, struct registry *registry,
    const struct plugin_manager_options *o, struct err *err)
{
	struct plugin_manager *m = calloc(1, sizeof *m);
	int rc;

	if (m == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory");
		return NULL;
	}
	OBJ_INIT(m, MANAGER_MAGIC);
	m->loop = control;
	m->registry = registry;
	m->lock_fd = -1;
	list_init(&m->slots);
	list_init(&m->generations);
	list_init(&m->batches);
	loop_timer_init(&m->held, plugin_manager_held, m);
	loop_timer_init(&m->settle, settled, m);
	loop_timer_init(&m->rescan, rescan, m);
	loop_timer_init(&m->drains, plugin_manager_drains_look, m);
	loop_timer_init(&m->stopping, stop_late, m);
	m->hub = plugin_hub_create(control, m);
	rc = options_take(m, o, err);
	if (rc == 0)
		rc = copy_dir_make(m, err);
	if (m->hub == NULL)
		(void)err_set(err, ERR_NOMEM, "out of memory");
	if (rc < 0 || m->hub == NULL) {
		plugin_manager_destroy(m);
		return NULL;
	}
	m->hub->reactors = m->place.reactors;
	m->hub->gone = generation_gone;
	m->hub->touched = lists_touched;
	m->hub->resource = resource_changed;
	m->hub->dynamic = entries_changed;
	m->hub->describe = registry_describer(registry);
	plugin_watchers_begin(m);
	m->hub->restarted = generation_restarted;
	m->hub->quarantined = generation_quarantined;
	return m;
}

int
plugin_manager_load_all(
    struct plugin_manager *m, struct plugin_changes *changes, struct err *err)
{
	(void)err; /* a bad plugin is not an error of the server */
	(void)plugin_manager_batch(m, false);
	if (changes != NULL)
		*changes = m->last;
	return 0;
}

int
plugin_manager_watch(struct plugin_manager *m, struct err *err)
{
	m->watch = plugin_watch_create(m->loop, stirred, m, err);
	if (m->watch == NULL)
		return err != NULL ? err->code : ERR_IO;
	plugin_watch_folders(m->watch, m->dirs, m->dirs_len);
	plugin_manager_watch_seen(m);
	/* What changed between the first reading and now. */
	if (plugin_manager_is_due(m))
		stirred(m);
	loop_timer_set(m->loop, &m->rescan, clock_now_ns() + PLUGIN_RESCAN_NS);
	return 0;
}

unsigned
plugin_manager_reload(struct plugin_manager *m)
{
	return plugin_manager_batch_now(m, true);
}

void
plugin_manager_on_changed(
    struct plugin_manager *m, void (*fn)(void *arg, struct str uri), void *arg)
{
	m->on_changed = fn;
	m->on_changed_arg = arg;
}

void
plugin_manager_on_batch(struct plugin_manager *m,
    void (*fn)(void *arg, const struct plugin_changes *changes), void *arg)
{
	m->on_batch = fn;
	m->on_batch_arg = arg;
}

static void
watching_end(struct plugin_manager *m)
{
	plugin_watch_destroy(m->watch);
	m->watch = NULL;
	loop_timer_clear(&m->settle);
	loop_timer_clear(&m->rescan);
	loop_timer_clear(&m->drains);
}

static void
drop_all(struct plugin_manager *m)
{
	struct err err;

	plugin_manager_batches_end(m);
	if (m->unshown && plugin_manager_show(m, &err) < 0)
		LOG_ERROR("registry not published", F_CSTR("reason", err.text));
	LIST_EACH_SAFE (node, &m->slots) {
		struct plugin_slot *s =
		    LIST_OBJ(node, struct plugin_slot, node);

		plugin_slot_drop(m, s);
		if (s->before != NULL)
			plugin_generation_enter(s->before, PLUGIN_DRAINING);
		plugin_slot_destroy(s);
	}
	if (plugin_manager_show(m, &err) < 0)
		LOG_ERROR("registry not published", F_CSTR("reason", err.text));
}

void
plugin_manager_stop(struct plugin_manager *m, int64_t deadline_ns,
    void (*done)(void *arg), void *arg)
{
	m->stop = true;
	m->stopped = done;
	m->stopped_arg = arg;
	watching_end(m);
	drop_all(m);
	/* With nothing to wait for it is told in a turn of its own, too. */
	loop_timer_set(m->loop, &m->stopping,
	    m->generations_len > 0 ? deadline_ns : clock_now_ns());
}

void
plugin_manager_destroy(struct plugin_manager *m)
{
	if (m == NULL)
		return;
	OBJ_CHECK(m, MANAGER_MAGIC);
	watching_end(m);
	loop_timer_clear(&m->stopping);
	plugin_watchers_end(m);
	drop_all(m);
	if (m->hub != NULL)
		plugin_hub_leave(m->hub);
	refusals_thread_destroy(m->place.refusals);
	plugin_network_destroy(m->place.network);
	plugin_manager_overrides_free(m->overrides, m->overrides_len);
	for (size_t i = 0; i < m->dirs_len; i++)
		free(m->dirs[i]);
	free(m->dirs);
	if (m->lock_fd >= 0)
		(void)close(m->lock_fd); /* nothing is written */
	free(m->copy_dir);
	free(m->run_dir);
	free(m->rehearse_exe);
	free(m->runner_exe);
	free(m->isolation_at);
	arena_finish(&m->arena);
	OBJ_WIPE(m);
	free(m);
}

void
plugin_manager_leave(struct plugin_manager *m, unsigned reactor)
{
	LIST_EACH (node, &m->generations) {
		struct plugin_generation *g =
		    LIST_OBJ(node, struct plugin_generation, node);

		if (g->runner != NULL)
			plugin_runner_leave(g->runner, reactor);
	}
}

static void
status_of(const struct plugin_slot *s, struct plugin_status *out)
{
	struct plugin_generation *g = s->current;
	unsigned counts[REGISTRY_KINDS];

	memset(out, 0, sizeof *out);
	out->name = str_of(s->name);
	out->manifest_path = str_of(s->path);
	out->last_error = str_of(s->last_error);
	out->resident = s->resident;
	if (g == NULL) {
		out->state = s->quarantined ? S("quarantined")
		    : s->refused            ? S("refused")
					    : S("seen");
		return;
	}
	out->version = g->manifest->version;
	out->state = plugin_generation_is_quarantined(g)
	    ? S("quarantined")
	    : str_of(plugin_state_name(g->at));
	out->generation = g->number;
	plugin_dynamic_count(g, counts);
	out->tools = counts[REGISTRY_TOOL];
	out->resources = counts[REGISTRY_RESOURCE];
	out->templates = counts[REGISTRY_TEMPLATE];
	out->prompts = counts[REGISTRY_PROMPT];
}

void
plugin_manager_each(struct plugin_manager *m,
    void (*fn)(const struct plugin_status *s, void *arg), void *arg)
{
	LIST_EACH (node, &m->slots) {
		struct plugin_status status;

		status_of(LIST_OBJ(node, struct plugin_slot, node), &status);
		fn(&status, arg);
	}
}
