/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the server: start, serve, drain, stop. */
#include "server/server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/panic.h"
#include "server/server_priv.h"

/* As many descriptors as we may have; connections stay below that, since
 * plugins, logs and listeners need some too (security.md 2.4). */
static void
descriptors_raise(struct server *s)
{
	bool each = s->config.descriptor_tables == 1 && !s->stdio;
	struct rlimit limit;
	int64_t fits;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* else the soft limit holds */
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	fits = limit.rlim_cur > 10000000 ? 9000000
					 : (int64_t)limit.rlim_cur * 9 / 10;
	fits = fits > 64 ? fits - 32 : fits / 2;
	if (each) {
		/* Every table has the descriptors of all loops. */
		fits -= s->config.reactors * LOOP_DESCRIPTORS;
		fits = fits > 1 ? fits : 1;
		s->table_max = fits;
		fits *= s->config.reactors;
	}
	if (s->config.limits.connections == 0)
		s->config.limits.connections = fits;
	if (s->config.limits.connections > fits)
		LOG_WARN("limits.connections does not fit the descriptor "
			 "limit (hint: raise LimitNOFILE or ulimit -n)",
		    F_INT("connections", s->config.limits.connections),
		    F_INT("descriptors", limit.rlim_cur));
}

static void
threads_choose(struct server *s)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (cores < 1)
		cores = 1;
	if (s->stdio)
		s->config.reactors = 1;
	else if (s->config.reactors == 0)
		s->config.reactors =
		    cores < LOOP_REACTORS_MAX ? cores : LOOP_REACTORS_MAX;
	if (s->config.reactors > LOOP_REACTORS_MAX) {
		LOG_WARN("more reactors than there can be",
		    F_INT("asked", s->config.reactors),
		    F_INT("max", LOOP_REACTORS_MAX));
		s->config.reactors = LOOP_REACTORS_MAX;
	}
	if (s->config.workers == 0)
		s->config.workers = cores * 2 > 4 ? cores * 2 : 4;
}

static void
shared_fill(struct server *s)
{
	const struct server_limits_config *c = &s->config.limits;
	struct transport_limits *l = &s->shared.limits;

	*l = transport_limits_default;
	l->http.request_line = (uint32_t)c->request_line;
	l->http.head = (uint32_t)c->head;
	l->http.fields = (uint32_t)c->fields;
	l->http.body = (uint64_t)c->body;
	l->message_max = (size_t)c->message;
	l->head_ns = c->head_timeout;
	l->body_ns = c->body_timeout;
	l->idle_ns = c->idle_timeout;
	l->keep_alive_ns = c->keep_alive;
	l->stream_max = (size_t)c->stream_buffer;
	l->connections_max = (size_t)c->connections;
	l->table_max = (size_t)s->table_max;
	l->streams_max = (size_t)c->streams;
	l->stream_after_ns = c->stream_after;
	l->stream_life_ns = c->stream_life;
	s->shared.endpoint = s->config.http.endpoint;
	s->shared.legacy_sse = s->config.http.legacy_sse;
	s->shared.hosts = s->config.http.hosts.items;
	s->shared.hosts_len = s->config.http.hosts.len;
	s->shared.origins = s->config.http.origins.items;
	s->shared.origins_len = s->config.http.origins.len;
	s->shared.sessions = s->sessions;
	s->identity = (struct mcp_identity){ s->config.identity.name,
		s->config.identity.title, S(TOOLPOST_VERSION),
		s->config.identity.instructions, s->config.identity.description,
		s->config.identity.website_url, s->config.identity.icons_json,
		s->config.identity.apps };
	s->rounds = (struct mcp_rounds){ s->seal, c->input_wait, c->state_life,
		s->nonces };
}

/* Our own name, for the child that rehearses a module. */
static struct str
own_executable(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);

	return n > 0 ? (struct str){ path, (size_t)n } : STR_NONE;
}

/* The runner lies beside us, or where packages put it. */
static struct str
runner_executable(struct str own, char *path, size_t size)
{
	static const char installed[] = TOOLPOST_LIBEXEC "/toolpost-runner";
	size_t dir = own.len;

	while (dir > 0 && own.ptr[dir - 1] != '/')
		dir--;
	if (snprintf(path, size, "%.*stoolpost-runner", (int)dir, own.ptr)
		< (int)size
	    && access(path, X_OK) == 0)
		return str_of(path);
	return access(installed, X_OK) == 0 ? str_of(installed) : STR_NONE;
}

static void
resource_changed(void *arg, struct str uri)
{
	struct server *s = arg;

	server_resource_changed(s, uri);
}

/* Before anything listens: otherwise every plugin would be refused. */
static int
sandbox_check(const struct server_config *c, struct err *err)
{
	const char *lacks = plugin_box_lacks();

	if (c->isolation != 1 || c->sandbox == 1 || lacks == NULL)
		return 0;
	return err_set(err, ERR_CONFIG,
	    "this kernel has no %s, which the sandbox of plugins needs (hint: "
	    "plugins.sandbox: best-effort runs them without it, each still in "
	    "a process of its own; plugins.isolation: none in this one)",
	    lacks);
}

static int
plugins_start(struct server *s, struct err *err)
{
	char exe[4096], runner[4096];
	struct str own = own_executable(exe, sizeof exe);
	struct plugin_user user = s->config.user;
	struct plugin_manager_options o = {
		.dirs = &s->config.plugin_dirs,
		.run_dir = s->config.run_dir,
		.rehearse_exe = own,
		.runner_exe = runner_executable(own, runner, sizeof runner),
		.reactors = (unsigned)s->config.reactors,
		.workers = (unsigned)s->config.workers,
		.pool_queue = (unsigned)s->config.limits.pool_queue,
		.passage = s->passage,
		.watch = s->config.watch,
		.resident_max = s->config.resident_max,
		.long_drain_ns = s->config.long_drain,
		.isolation = s->config.isolation == 1 ? PLUGIN_ISOLATION_PROCESS
						      : PLUGIN_ISOLATION_NONE,
		.isolation_at = s->config.isolation_at,
		.best_effort = s->config.sandbox == 1,
		.user = &user,
		.overrides = s->config.overrides,
		.overrides_len = s->config.overrides_len,
	};
	struct plugin_changes changes;
	int rc;

	if (sandbox_check(&s->config, err) < 0
	    || server_users_check(&s->config, err) < 0)
		return ERR_CONFIG;
	if (s->config.isolation == 1)
		server_user_default(&user);
	server_plugin_dirs_check(&s->config);
	s->plugins = plugin_manager_create(s->control, s->registry, &o, err);
	if (s->plugins == NULL)
		return ERR_CONFIG;
	plugin_manager_on_changed(s->plugins, resource_changed, s);
	server_drains_start(s);
	rc = plugin_manager_load_all(s->plugins, &changes, err);
	if (rc < 0)
		return rc;
	LOG_INFO("plugins loaded", F_INT("loaded", changes.added),
	    F_INT("refused", changes.refused));
	return 0;
}

static void stop_begin(struct server *s);

unsigned
server_reload(struct server *s, const char *by)
{
	LOG_INFO("reload", F_CSTR("by", by));
	server_seal_reload(s);
	if (s->phase != SERVER_SERVING)
		return 0;
	server_reconfigure(s);
	return plugin_manager_reload(s->plugins);
}

static void
signalled(void *arg, int signo)
{
	struct server *s = OBJ_CAST(arg, struct server, SERVER_MAGIC);

	if (signo == SIGHUP) {
		(void)server_reload(s, "SIGHUP");
		return;
	}
	if (s->phase == SERVER_DRAINING) /* impatience (reliability.md 4) */
		s->drain_until_ns = loop_now(s->control) + NS_PER_S;
	stop_begin(s);
}

static const int signal_numbers[] = { SIGTERM, SIGINT, SIGHUP };

static int
signals_start(struct server *s, struct err *err)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(signal_numbers); i++) {
		s->signals[i] = loop_signal_start(
		    s->control, signal_numbers[i], signalled, s, err);
		if (s->signals[i] == NULL)
			return ERR_IO;
	}
	return 0;
}

static void
session_expired(struct session *session, void *arg)
{
	struct server *s = arg;

	ref_take(&session->ref);
	transport_session_ended(&s->shared, session);
}

/* SES-06: nobody outlives its time by more than once that time. */
static int64_t
sweep_ns(const struct server *s)
{
	int64_t ns = SERVER_SESSION_SWEEP_NS;

	if (s->config.limits.session_idle < ns)
		ns = s->config.limits.session_idle;
	if (s->config.limits.replay_age < ns)
		ns = s->config.limits.replay_age;
	return ns;
}

/* RSM-09 */
static void
streams_sweep(struct server *s, int64_t now)
{
	struct replay *replay = session_table_replay(s->sessions);
	size_t lost;

	if (replay == NULL)
		return;
	lost = replay_expire(replay, now - s->config.limits.replay_age, now);
	if (lost > 0)
		LOG_DEBUG(
		    "streams let go: nobody came back", F_INT("streams", lost));
}

static void
sessions_sweep(void *arg)
{
	struct server *s = OBJ_CAST(arg, struct server, SERVER_MAGIC);
	int64_t now = loop_now(s->control);

	session_expire(s->sessions, now - s->config.limits.session_idle,
	    session_expired, s);
	streams_sweep(s, now);
	loop_timer_set(s->control, &s->sweep, now + sweep_ns(s));
}

/* Those that have expired read as gone already: this gives memory back. */
static void
tasks_sweep(void *arg)
{
	struct server *s = OBJ_CAST(arg, struct server, SERVER_MAGIC);
	int64_t again = SERVER_TASK_SWEEP_NS;

	if (store_expire(s->store, clock_wall_ns(), SERVER_TASK_SWEEP_ROWS)
	    == SERVER_TASK_SWEEP_ROWS)
		again = 0;
	loop_timer_set(
	    s->control, &s->task_sweep, loop_now(s->control) + again);
}

static int
tasks_start(struct server *s, struct err *err)
{
	const struct server_tasks_config *c = &s->config.tasks;
	struct store_limits bounds = { (size_t)c->max, (size_t)c->per_principal,
		(size_t)c->memory };
	struct mcp_task_limits limits = { c->ttl < c->ttl_max ? c->ttl
							      : c->ttl_max,
		c->ttl_max, c->poll, (size_t)c->result };

	if (!c->enabled)
		return 0;
	s->store = store_memory_create(&bounds, err);
	if (s->store == NULL)
		return ERR_NOMEM;
	s->tasks = mcp_tasks_create(
	    s->store, &limits, (unsigned)s->config.reactors, err);
	if (s->tasks == NULL)
		return ERR_NOMEM;
	tasks_sweep(s);
	return 0;
}

/* Stopping: every reactor drains; a probe counts what is left until nothing
 * is, or the deadline has passed. */

static void
reactor_drain(struct loop_reactor *r, void *arg)
{
	struct server *s = arg;
	struct server_reactor *h = &s->held[r->index];

	if (s->stdio) /* nobody is there to ask for them */
		mcp_tasks_end(h->mcp);
	(void)mcp_drain(h->mcp, s->phase == SERVER_CLOSING);
	transport_reactor_drain(
	    h->transport, s->probes + 1 >= SERVER_PROBES_MIN);
	if (s->passage != NULL && s->probes + 1 >= SERVER_PROBES_MIN)
		server_listen_leave(s, r->index);
	if (s->phase == SERVER_CLOSING)
		transport_reactor_close(h->transport);
	atomic_fetch_add(&s->busy_conns, transport_reactor_busy(h->transport));
	atomic_fetch_add(&s->busy_calls, h->calls.running_len);
}

static void
unloaded(void *arg)
{
	struct server *s = arg;

	s->phase = SERVER_STOPPED;
	loop_stop(s->control);
}

/* The drain time is over: calls are cancelled, and after a further while those
 * that do not end are left behind. */
static void
drain_escalate(struct server *s, int64_t now)
{
	if (s->phase == SERVER_CLOSING) {
		LOG_ERROR("a handler does not return: ending without it",
		    F_INT("calls", atomic_load(&s->busy_calls)));
		_exit(SERVER_FAILED);
	}
	LOG_WARN("calls are cancelled: the drain time is over",
	    F_INT("calls", atomic_load(&s->busy_calls)),
	    F_INT("connections", atomic_load(&s->busy_conns)));
	s->phase = SERVER_CLOSING;
	s->drain_until_ns = now + SERVER_CLOSING_NS;
}

/* Connections alone keep nobody from stopping: their peers do not read. */
static bool
is_drained(const struct server *s, bool late)
{
	if ((s->listens_len > 0 && s->probes < SERVER_PROBES_MIN)
	    || atomic_load(&((struct server *)(uintptr_t)s)->busy_calls) > 0)
		return false;
	return (late && s->phase == SERVER_CLOSING)
	    || atomic_load(&((struct server *)(uintptr_t)s)->busy_conns) == 0;
}

static void
drained(void *arg)
{
	struct server *s = OBJ_CAST(arg, struct server, SERVER_MAGIC);
	int64_t now = loop_now(s->control);
	bool late = now >= s->drain_until_ns;

	s->probing = false;
	/* What the kernel had queued has been accepted between the first two
	 * probes (reliability.md 4). */
	if (++s->probes == SERVER_PROBES_MIN)
		server_listen_shut(s);
	if (is_drained(s, late)) {
		plugin_manager_stop(s->plugins, now + NS_PER_S, unloaded, s);
		return;
	}
	if (late && s->probes >= SERVER_PROBES_MIN)
		drain_escalate(s, now);
	loop_timer_set(s->control, &s->probe, now + SERVER_PROBE_NS);
}

static void
probe(void *arg)
{
	struct server *s = OBJ_CAST(arg, struct server, SERVER_MAGIC);

	if (s->probing)
		return;
	s->probing = true;
	atomic_store(&s->busy_calls, 0);
	atomic_store(&s->busy_conns, 0);
	if (loop_reactors_barrier(
		&s->reactors, s->control, reactor_drain, drained, s)
	    < 0) {
		s->probing = false;
		loop_timer_set(s->control, &s->probe,
		    loop_now(s->control) + SERVER_PROBE_NS);
	}
}

static void
stop_begin(struct server *s)
{
	if (s->phase != SERVER_SERVING)
		return;
	s->phase = SERVER_DRAINING;
	LOG_INFO("draining");
	s->drain_until_ns = loop_now(s->control) + s->config.drain;
	loop_timer_clear(&s->sweep);
	loop_timer_clear(&s->task_sweep);
	probe(s);
}

void
server_opened(void *arg)
{
	struct server *s = OBJ_CAST(arg, struct server, SERVER_MAGIC);

	if (atomic_load(&s->open_failed)) {
		s->exit_status = SERVER_FAILED;
		stop_begin(s);
		return;
	}
	s->opened = true;
	server_listen_log(s);
}

static void
stdio_ended(struct loop_msg *msg)
{
	stop_begin(CONTAINER_OF(msg, struct server, stdio_ended));
}

/* STD-02: nothing but messages on standard output, whatever a plugin prints:
 * the stream moves to a descriptor of our own, the old one is the log's. */
static int
stdio_take(struct server *s, struct err *err)
{
	s->stdio_in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	s->stdio_out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (s->stdio_in < 0 || s->stdio_out < 0
	    || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return err_set(
		    err, ERR_IO, "standard input and output must be open");
	return 0;
}

static int
replay_start(struct server *s)
{
	const struct server_limits_config *c = &s->config.limits;
	struct replay_limits limits = { (size_t)c->replay,
		(size_t)c->replay_session, c->replay_age };

	return session_table_replay_set(s->sessions, &limits);
}

/* Reactors with tables of descriptors of their own come before the plugins:
 * what those open is the control thread's and the workers', whenever they are
 * loaded. */
static int
threads_start(struct server *s, struct err *err)
{
	int rc = 0;

	if (s->config.descriptor_tables == 1 && !s->stdio) {
		s->passage =
		    plugin_passage_create((unsigned)s->config.reactors, err);
		if (s->passage == NULL)
			return ERR_IO;
		rc = server_reactors_start(s, err);
	}
	if (rc == 0)
		rc = plugins_start(s, err);
	if (rc == 0 && s->passage == NULL)
		rc = server_reactors_start(s, err);
	if (rc == 0)
		server_reactors_read(s);
	return rc;
}

static int
start(struct server *s, struct err *err)
{
	int rc;

	threads_choose(s);
	descriptors_raise(s);
	rc = server_run_dir_make(s, err);
	if (rc < 0)
		return rc;
	s->seal = server_seal_create(&s->config, err);
	if (s->seal == NULL)
		return err->code;
	s->nonces = store_nonces_create(
	    MCP_NONCES_MAX, s->config.limits.state_life, err);
	s->control = loop_create(err);
	s->sessions =
	    session_table_create((size_t)s->config.limits.sessions, err);
	s->registry = registry_create(mcp_describe, err);
	s->pool = loop_pool_create((unsigned)s->config.workers,
	    (size_t)s->config.limits.pool_queue, panic_thread_init,
	    panic_thread_finish, err);
	if (s->control == NULL || s->sessions == NULL || s->registry == NULL
	    || s->pool == NULL || s->nonces == NULL || replay_start(s) < 0)
		return ERR_NOMEM;
	shared_fill(s);
	server_memory_start(s);
	loop_timer_init(&s->sweep, sessions_sweep, s);
	loop_timer_init(&s->task_sweep, tasks_sweep, s);
	loop_timer_init(&s->probe, probe, s);
	loop_timer_init(&s->watchdog, NULL, s);
	s->stdio_ended.run = stdio_ended;
	rc = tasks_start(s, err);
	if (rc < 0)
		return rc;
	/* Addresses first: a port in use is said before plugins are loaded. */
	rc = server_listen_all(s, err);
	if (rc == 0)
		rc = server_admin_open(s, err);
	if (rc == 0 && s->stdio)
		rc = stdio_take(s, err);
	if (rc == 0)
		rc = signals_start(s, err);
	if (rc == 0)
		rc = threads_start(s, err);
	if (rc == 0 && s->config.watch)
		rc = plugin_manager_watch(s->plugins, err);
	if (rc == 0)
		rc = server_admin_start(s, err);
	if (rc == 0)
		rc = server_reactors_open(s, err);
	if (rc == 0)
		server_watchdog_start(s);
	return rc;
}

static void
finish(struct server *s)
{
	size_t i;

	server_admin_close(s);
	/* A worker may still be inside loop_post(): it ends before the loops
	 * do, and the pool stays for what reactors may yet submit. */
	loop_pool_stop(s->pool);
	loop_reactors_stop(&s->reactors);
	server_drains_stop(s);
	for (i = 0; i < ARRAY_LEN(s->signals); i++)
		if (s->signals[i] != NULL) {
			/* One more of them must not turn a clean end into a
			 * death. */
			(void)signal(signal_numbers[i], SIG_IGN);
			loop_signal_stop(s->signals[i]);
		}
	loop_pool_destroy(s->pool);
	if (s->registry != NULL)
		registry_readers_set(s->registry, NULL, NULL);
	mcp_tasks_destroy(s->tasks);
	store_destroy(s->store);
	plugin_manager_destroy(s->plugins);
	plugin_passage_destroy(s->passage);
	registry_destroy(s->registry);
	session_table_destroy(s->sessions);
	crypto_seal_destroy(s->seal);
	store_nonces_destroy(s->nonces);
	if (s->control != NULL) {
		loop_timer_clear(&s->sweep);
		loop_timer_clear(&s->task_sweep);
		server_watchdog_stop(s);
		loop_timer_clear(&s->probe);
		server_memory_stop(s);
		loop_destroy(s->control);
	}
	server_listen_close(s);
	server_run_dir_remove(s);
	server_settings_forget(s);
	server_config_finish(&s->config);
	OBJ_WIPE(s);
	free(s);
}

/* Findings say FILE:LINE:COLUMN themselves, each on its line. */
static void
findings_print(const struct diags *diags)
{
	struct buf text;

	buf_init(&text);
	diags_print(diags, &text);
	(void)!write(STDERR_FILENO, text.ptr, text.len); /* the last word */
	buf_finish(&text);
}

int
server_run(const struct server_options *o, bool stdio, struct err *err)
{
	struct server *s = calloc(1, sizeof *s);
	struct diags diags;
	int rc;

	if (s == NULL) {
		(void)err_set(err, ERR_NOMEM, "out of memory");
		return SERVER_FAILED;
	}
	OBJ_INIT(s, SERVER_MAGIC);
	s->stdio = stdio;
	s->started_ns = clock_now_ns();
	s->started_wall_ns = clock_wall_ns();
	diags_init(&diags);
	server_config_init(&s->config);
	rc = server_config_read(&s->config, o, &diags);
	if (rc < 0) {
		findings_print(&diags);
		(void)err_set(err, ERR_CONFIG, "%s", "");
		diags_finish(&diags);
		server_config_finish(&s->config);
		free(s);
		return SERVER_CONFIG;
	}
	diags_finish(&diags);
	s->options = o;
	server_settings_note(s);
	log_open(STDERR_FILENO, (enum log_format)s->config.log.format,
	    (enum log_level)s->config.log.level);
	panic_install();
	rc = start(s, err);
	if (rc < 0) {
		finish(s);
		return rc == ERR_CONFIG ? SERVER_CONFIG : SERVER_FAILED;
	}
	s->phase = SERVER_SERVING;
	loop_timer_set(
	    s->control, &s->sweep, loop_now(s->control) + sweep_ns(s));
	loop_run(s->control);
	rc = s->exit_status;
	LOG_INFO("stopped");
	finish(s);
	return rc;
}
