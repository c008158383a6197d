/* SPDX-License-Identifier: Apache-2.0 */
#include "server/config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "http/parser.h"
#include "loop/reactor.h"

/* clang-format off */
static const char *const log_formats[] = { "text", "json", NULL };
static const char *const log_levels[] = { "debug", "info", "warn", "error", NULL };

static const char *const descriptor_tables[] = { "shared", "per-reactor", NULL };

#define MINUTE (60 * NS_PER_S)
#define HOUR (60 * MINUTE)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)

#define AT(member_) offsetof(struct server_http_config, member_)
static const struct settings_item http_settings[] = {
	{ .key = "listen", .type = SETTINGS_STRS, .offset = AT(listen),
	  .help = "Addresses: ADDR:PORT, unix:PATH, line+tcp:ADDR:PORT, line+unix:PATH. Default 127.0.0.1:7423." },
	{ .key = "endpoint", .type = SETTINGS_STR, .offset = AT(endpoint), .fallback = "/mcp",
	  .help = "Path of the MCP endpoint." },
	{ .key = "legacy_sse", .type = SETTINGS_BOOL, .offset = AT(legacy_sse), .fallback = "false",
	  .help = "Also the HTTP+SSE transport of 2024-11-05, at /sse and /messages." },
	{ .key = "hosts", .type = SETTINGS_STRS, .offset = AT(hosts),
	  .help = "Host names accepted besides the loopback names." },
	{ .key = "origins", .type = SETTINGS_STRS, .offset = AT(origins),
	  .help = "Browser origins accepted besides the loopback ones: https://app.example:8443." },
	{ .key = NULL }
};
#undef AT

#define AT(member_) offsetof(struct server_limits_config, member_)
static const struct settings_item limits_settings[] = {
	{ .key = "body", .type = SETTINGS_SIZE, .offset = AT(body), .fallback = "4MiB", .min = 1 * KIB, .max = 8 * MIB,
	  .help = "Largest request body; a larger one gets 413." },
	{ .key = "head", .type = SETTINGS_SIZE, .offset = AT(head), .fallback = "16KiB", .min = 1 * KIB, .max = 60 * KIB,
	  .help = "All header fields of a request; more gets 431." },
	{ .key = "request_line", .type = SETTINGS_SIZE, .offset = AT(request_line), .fallback = "8KiB", .min = 256, .max = 16 * KIB,
	  .help = "The request line; a longer target gets 414." },
	{ .key = "fields", .type = SETTINGS_INT, .offset = AT(fields), .fallback = "100", .min = 8, .max = HTTP_FIELDS_MAX,
	  .help = "Header fields of a request; more get 431." },
	{ .key = "message", .type = SETTINGS_SIZE, .offset = AT(message), .fallback = "4MiB", .min = 1 * KIB, .max = 8 * MIB,
	  .help = "Longest line on stdio, Unix and TCP line streams; a longer one gets -32700." },
	{ .key = "connections", .type = SETTINGS_INT, .offset = AT(connections), .fallback = "0", .min = 0, .max = 10000000,
	  .help = "Connections at once; 0: 90 % of the descriptor limit. Beyond it 503." },
	{ .key = "memory", .type = SETTINGS_SIZE, .offset = AT(memory), .fallback = "0", .min = 0, .max = 1048576 * MIB,
	  .help = "Budget of this process; 0: that of its control group, if it has one. From 85 % new sessions and streams get 503, from 95 % new connections too." },
	{ .key = "streams", .type = SETTINGS_INT, .offset = AT(streams), .fallback = "100000", .min = 1, .max = 10000000,
	  .help = "Open GET and listen streams at once; beyond it 503." },
	{ .key = "sessions", .type = SETTINGS_INT, .offset = AT(sessions), .fallback = "1000000", .min = 1, .max = 10000000,
	  .help = "Sessions at once; beyond it 503." },
	{ .key = "stream_buffer", .type = SETTINGS_SIZE, .offset = AT(stream_buffer), .fallback = "1MiB", .min = 64 * KIB, .max = 64 * MIB,
	  .help = "Bytes a slow reader of a stream may owe before it is closed." },
	{ .key = "head_timeout", .type = SETTINGS_DURATION, .offset = AT(head_timeout), .fallback = "10s", .min = 100 * NS_PER_MS, .max = HOUR,
	  .help = "From the first byte of a request, or a new connection, to the end of its head; then 408." },
	{ .key = "body_timeout", .type = SETTINGS_DURATION, .offset = AT(body_timeout), .fallback = "60s", .min = 100 * NS_PER_MS, .max = HOUR,
	  .help = "For the body of a request, which must come at 500 bytes a second after 5 s; then 408." },
	{ .key = "idle_timeout", .type = SETTINGS_DURATION, .offset = AT(idle_timeout), .fallback = "75s", .min = 100 * NS_PER_MS, .max = 24 * HOUR,
	  .help = "A connection between requests." },
	{ .key = "keep_alive", .type = SETTINGS_DURATION, .offset = AT(keep_alive), .fallback = "15s", .min = 100 * NS_PER_MS, .max = HOUR,
	  .help = "Between comments on an idle stream." },
	{ .key = "stream_after", .type = SETTINGS_DURATION, .offset = AT(stream_after), .fallback = "1s", .min = 0, .max = HOUR,
	  .help = "A call of a 2025-11-25 session that takes longer gets a stream that can be resumed; 0: only when it has something to say." },
	{ .key = "stream_life", .type = SETTINGS_DURATION, .offset = AT(stream_life), .fallback = "0", .min = 0, .max = 168 * HOUR,
	  .help = "Longest life of a GET stream, whose client then comes back; 0: no end." },
	{ .key = "replay", .type = SETTINGS_SIZE, .offset = AT(replay), .fallback = "64MiB", .min = 0, .max = 64 * 1024 * MIB,
	  .help = "What streams of all sessions have sent, kept for clients whose connection broke; 0: streams cannot be resumed." },
	{ .key = "replay_session", .type = SETTINGS_SIZE, .offset = AT(replay_session), .fallback = "4MiB", .min = 4 * KIB, .max = 1024 * MIB,
	  .help = "The same of one session; a larger answer that nobody reads becomes an error." },
	{ .key = "replay_age", .type = SETTINGS_DURATION, .offset = AT(replay_age), .fallback = "5m", .min = 100 * NS_PER_MS, .max = 24 * HOUR,
	  .help = "How long a broken stream waits for its client." },
	{ .key = "session_idle", .type = SETTINGS_DURATION, .offset = AT(session_idle), .fallback = "30m", .min = NS_PER_S, .max = 168 * HOUR,
	  .help = "A session without requests and without a stream." },
	{ .key = "input_wait", .type = SETTINGS_DURATION, .offset = AT(input_wait), .fallback = "5m", .min = 100 * NS_PER_MS, .max = 24 * HOUR,
	  .help = "For a client's answer to a request of a handler; sessions and line streams." },
	{ .key = "state_life", .type = SETTINGS_DURATION, .offset = AT(state_life), .fallback = "1h", .min = 100 * NS_PER_MS, .max = 168 * HOUR,
	  .help = "How long a client may take to bring back a requestState." },
	{ .key = "pool_queue", .type = SETTINGS_INT, .offset = AT(pool_queue), .fallback = "1024", .min = 1, .max = 1000000,
	  .help = "Calls that wait for a worker; beyond it 503." },
	{ .key = "handler_block", .type = SETTINGS_DURATION, .offset = AT(handler_block), .fallback = "50ms", .min = 0, .max = HOUR,
	  .help = "A handler marked non-blocking that holds its thread longer is named in the log, and runs in the pool from then on; 0: none is." },
	{ .key = "reactor_stuck", .type = SETTINGS_DURATION, .offset = AT(reactor_stuck), .fallback = "5s", .min = 0, .max = HOUR,
	  .help = "A reactor that does not come round for so long ends the process with a report of what it does; 0: never." },
	{ .key = NULL }
};
#undef AT

#define AT(member_) offsetof(struct server_identity_config, member_)
static const struct settings_item identity_settings[] = {
	{ .key = "name", .type = SETTINGS_STR, .offset = AT(name), .fallback = "toolpost",
	  .help = "Name told to clients." },
	{ .key = "title", .type = SETTINGS_STR, .offset = AT(title),
	  .help = "Name for people." },
	{ .key = "description", .type = SETTINGS_STR, .offset = AT(description),
	  .help = "What this server is for; told to clients of 2025-11-25 and later, as are the next two." },
	{ .key = "websiteUrl", .type = SETTINGS_STR, .offset = AT(website_url),
	  .help = "Where to read more about it: an http or https address." },
	{ .key = "icons", .type = SETTINGS_NODE, .offset = AT(icons),
	  .help = "A list of {src, mimeType, sizes, theme}, as in a manifest." },
	{ .key = "apps", .type = SETTINGS_BOOL, .offset = AT(apps), .fallback = "false",
	  .help = "Say to clients that tools of this server have pages (MCP Apps, io.modelcontextprotocol/ui)." },
	{ .key = "instructions", .type = SETTINGS_STR, .offset = AT(instructions),
	  .help = "What a model should know about this server." },
	{ .key = "state_keys", .type = SETTINGS_STR, .offset = AT(state_keys),
	  .help = "File of the keys that seal what clients carry for us: 32 random bytes a line, as 64 hexadecimal digits or 43 letters of base64url; mode 0600. The first key seals, all of them open; read again on SIGHUP. Default: a key of its own for each run." },
	{ .key = NULL }
};
#undef AT

#define AT(member_) offsetof(struct server_features_config, member_)
static const struct settings_item features_settings[] = {
	{ .key = "logging", .type = SETTINGS_BOOL, .offset = AT(logging), .fallback = "true",
	  .help = "Messages of handlers to the log of a client; false: logging is not offered, and what handlers say goes nowhere." },
	{ .key = "sampling", .type = SETTINGS_BOOL, .offset = AT(sampling), .fallback = "true",
	  .help = "Handlers may ask the model of a client; false: no client has one." },
	{ .key = "roots", .type = SETTINGS_BOOL, .offset = AT(roots), .fallback = "true",
	  .help = "Handlers may ask for the roots of a client; false: no client has any." },
	{ .key = NULL }
};
#undef AT

#define AT(member_) offsetof(struct server_admin_config, member_)
static const struct settings_item admin_settings[] = {
	{ .key = "enabled", .type = SETTINGS_BOOL, .offset = AT(enabled), .fallback = "true",
	  .help = "false: no socket for the operator; toolpost status, plugin list and reload find no server." },
	{ .key = "socket", .type = SETTINGS_STR, .offset = AT(socket),
	  .help = "Path of the operator's Unix socket, mode 0660: state, metrics, reload. Default: admin.sock in the runtime folder of systemd, else in the server's private folder below /run or /tmp; with stdio none." },
	{ .key = "group", .type = SETTINGS_STR, .offset = AT(group),
	  .help = "Group whose members may use it, besides the user of the server and root; they must be able to reach its folder." },
	{ .key = NULL }
};
#undef AT

#define AT(member_) offsetof(struct server_log_config, member_)
static const struct settings_item log_settings[] = {
	{ .key = "format", .type = SETTINGS_ENUM, .offset = AT(format), .names = log_formats, .fallback = "json",
	  .help = "text or json; on a terminal text is the default." },
	{ .key = "level", .type = SETTINGS_ENUM, .offset = AT(level), .names = log_levels, .fallback = "info",
	  .help = "The least level that is written." },
	{ .key = NULL }
};
#undef AT

#define AT(member_) offsetof(struct server_tasks_config, member_)
static const struct settings_item tasks_settings[] = {
	{ .key = "enabled", .type = SETTINGS_BOOL, .offset = AT(enabled), .fallback = "true",
	  .help = "false: no tool runs as a task, whatever its manifest says." },
	{ .key = "max", .type = SETTINGS_INT, .offset = AT(max), .fallback = "10000", .min = 1, .max = 10000000,
	  .help = "Tasks that are kept at once, those that have ended among them; beyond it 503." },
	{ .key = "per_principal", .type = SETTINGS_INT, .offset = AT(per_principal), .fallback = "1000", .min = 1, .max = 10000000,
	  .help = "The same of one principal: who has authenticated, else a session, else all others together." },
	{ .key = "result", .type = SETTINGS_SIZE, .offset = AT(result), .fallback = "4MiB", .min = 1 * KIB, .max = 64 * MIB,
	  .help = "Largest result of a task; a larger one fails it." },
	{ .key = "memory", .type = SETTINGS_SIZE, .offset = AT(memory), .fallback = "256MiB", .min = 1 * MIB, .max = 1048576 * MIB,
	  .help = "Of all tasks with their results; beyond it a new one gets 503, and a result that does not fit fails its task." },
	{ .key = "ttl", .type = SETTINGS_DURATION, .offset = AT(ttl), .fallback = "15m", .min = NS_PER_S, .max = 720 * HOUR,
	  .help = "How long a task is kept from its start, where neither the client nor the manifest says it." },
	{ .key = "ttl_max", .type = SETTINGS_DURATION, .offset = AT(ttl_max), .fallback = "24h", .min = NS_PER_S, .max = 720 * HOUR,
	  .help = "The longest that a client or a manifest may say." },
	{ .key = "poll", .type = SETTINGS_DURATION, .offset = AT(poll), .fallback = "1s", .min = NS_PER_MS, .max = HOUR,
	  .help = "How often clients are told to ask, where the manifest does not say it." },
	{ .key = NULL }
};
#undef AT

#define AT(member_) offsetof(struct server_config, member_)
const struct settings_item server_settings[] = {
	{ .key = "server", .type = SETTINGS_MAP, .offset = AT(identity), .items = identity_settings,
	  .help = "Who this server says it is." },
	{ .key = "http", .type = SETTINGS_MAP, .offset = AT(http), .items = http_settings,
	  .help = "Where and how it is reached." },
	{ .key = "limits", .type = SETTINGS_MAP, .offset = AT(limits), .items = limits_settings,
	  .help = "Every bound of the server." },
	{ .key = "tasks", .type = SETTINGS_MAP, .offset = AT(tasks), .items = tasks_settings,
	  .help = "Calls that outlive their request." },
	{ .key = "features", .type = SETTINGS_MAP, .offset = AT(features), .items = features_settings,
	  .help = "Deprecated features, each with its switch; that of HTTP+SSE is http.legacy_sse." },
	{ .key = "admin", .type = SETTINGS_MAP, .offset = AT(admin), .items = admin_settings,
	  .help = "The operator's socket." },
	{ .key = "log", .type = SETTINGS_MAP, .offset = AT(log), .items = log_settings,
	  .help = "The log on standard error." },
	{ .key = "reactors", .type = SETTINGS_INT, .offset = AT(reactors), .fallback = "0", .min = 0, .max = LOOP_REACTORS_MAX,
	  .help = "Threads that serve connections; 0: one a core." },
	{ .key = "descriptor_tables", .type = SETTINGS_ENUM, .offset = AT(descriptor_tables), .names = descriptor_tables, .fallback = "shared",
	  .help = "shared: all threads have one table of descriptors; per-reactor: each reactor has its own, so that the descriptor limit counts for each of them." },
	{ .key = "workers", .type = SETTINGS_INT, .offset = AT(workers), .fallback = "0", .min = 0, .max = 1024,
	  .help = "Threads for handlers that may block; 0: twice the cores, at least 4." },
	{ .key = "drain", .type = SETTINGS_DURATION, .offset = AT(drain), .fallback = "30s", .min = 0, .max = HOUR,
	  .help = "How long a stop waits for calls in flight." },
	{ .key = "plugins", .type = SETTINGS_NODE, .offset = AT(plugins_node),
	  .help = "Folders of plugins, and what the operator says of each by name." },
	{ .key = NULL }
};

static const char *const default_isolations[] = { "none", "process", NULL };
static const char *const sandboxes[] = { "required", "best-effort", NULL };

/* Keys of plugins that are no plugin names. */
const struct settings_item server_plugin_settings[] = {
	{ .key = "dirs", .type = SETTINGS_STRS, .offset = AT(plugin_dirs),
	  .help = "Folders of plugins; the first match of a name wins. Default: ~/.local/share/toolpost/plugins (not for root), /etc/toolpost/plugins.d, /usr/local/lib/toolpost/plugins, /usr/lib/toolpost/plugins, as far as they exist." },
	{ .key = "watch", .type = SETTINGS_BOOL, .offset = AT(watch), .fallback = "true",
	  .help = "Load what changes in the folders while serving." },
	{ .key = "max_resident_generations", .type = SETTINGS_INT, .offset = AT(resident_max), .fallback = "64", .min = 1, .max = 100000,
	  .help = "Replaced generations that stay mapped; beyond it a reload is refused." },
	{ .key = "long_drain", .type = SETTINGS_DURATION, .offset = AT(long_drain), .fallback = "30s", .min = NS_PER_MS, .max = 24 * HOUR,
	  .help = "Calls that keep a replaced generation for so long are named in the log." },
	{ .key = "isolation", .type = SETTINGS_ENUM, .offset = AT(isolation), .names = default_isolations, .fallback = "process",
	  .help = "Where plugins run of which nothing else is said: process: each in a supervised runner; none: in this process." },
	{ .key = "sandbox", .type = SETTINGS_ENUM, .offset = AT(sandbox), .names = sandboxes, .fallback = "required",
	  .help = "Of runners: required: none starts where the kernel lacks a part of it; best-effort: they go without that part, and the log says so." },
	{ .key = "user", .type = SETTINGS_STR, .offset = AT(user.user),
	  .help = "Whom runners belong to, by name or number, where the server is root; by default toolpost-runner if /etc/passwd has such a user, else the server's." },
	{ .key = "group", .type = SETTINGS_STR, .offset = AT(user.group),
	  .help = "The one group of runners; by default that of their user." },
	{ .key = "run_dir", .type = SETTINGS_STR, .offset = AT(run_dir),
	  .help = "Where private copies of modules are made; by default a folder of its own under /run or /tmp." },
	{ .key = NULL }
};
#undef AT

struct override_settings {
	bool enabled;
	bool close;
	int isolation;
	struct str user, group;
	struct plugin_processes many;
	struct plugin_restart restart;
	const struct yaml_node *grants;
	const struct yaml_node *limits;
	const struct yaml_node *tools;
	const struct yaml_node *config;
};
static const char *const isolations[] = { "default", "none", "process", NULL };
#define AT(member_) offsetof(struct plugin_restart, member_)
static const struct settings_item restart_items[] = {
	{ .key = "intensity", .type = SETTINGS_INT, .offset = AT(intensity), .fallback = "5", .min = 0, .max = PLUGIN_DEATHS_MAX,
	  .help = "Deaths of a runner within the period that put the plugin into quarantine; 0: none do." },
	{ .key = "period", .type = SETTINGS_DURATION, .offset = AT(period_ns), .fallback = "10s", .min = NS_PER_MS, .max = HOUR,
	  .help = "What intensity counts within." },
	{ .key = "pause", .type = SETTINGS_DURATION, .offset = AT(pause_ns), .fallback = "100ms", .min = 0, .max = HOUR,
	  .help = "Before the next runner is started; doubles with each death until a minute passes without one." },
	{ .key = "longest_pause", .type = SETTINGS_DURATION, .offset = AT(pause_max_ns), .fallback = "30s", .min = 0, .max = HOUR,
	  .help = "What the pause doubles up to." },
	{ .key = NULL }
};
#undef AT
#define AT(member_) offsetof(struct override_settings, member_)
static const struct settings_item override_items[] = {
	{ .key = "enabled", .type = SETTINGS_BOOL, .offset = AT(enabled), .fallback = "true",
	  .help = "false: the plugin is not loaded." },
	{ .key = "isolation", .type = SETTINGS_ENUM, .offset = AT(isolation), .names = isolations, .fallback = "default",
	  .help = "process: in a supervised runner; none: in this process; default: process where the manifest asks for it, else plugins.isolation." },
	{ .key = "user", .type = SETTINGS_STR, .offset = AT(user),
	  .help = "Whom its runner belongs to, in place of plugins.user." },
	{ .key = "group", .type = SETTINGS_STR, .offset = AT(group),
	  .help = "The one group of its runner; by default that of its user." },
	{ .key = "close", .type = SETTINGS_BOOL, .offset = AT(close), .fallback = "false",
	  .help = "Unmap replaced generations of a plugin that says TP_CLOSABLE; otherwise they stay resident." },
	{ .key = "runners", .type = SETTINGS_INT, .offset = AT(many.runners), .min = 1, .max = PLUGIN_RUNNERS_MAX,
	  .help = "Processes that serve it at once, each with the whole plugin; a call goes to the one with the fewest. By default what the manifest says, else 1." },
	{ .key = "spare", .type = SETTINGS_INT, .offset = AT(many.spare), .min = 0, .max = PLUGIN_SPARE_MAX,
	  .help = "Processes that are loaded and stand by for one that dies. By default what the manifest says, else 0." },
	{ .key = "restart", .type = SETTINGS_MAP, .offset = AT(restart), .items = restart_items,
	  .help = "How its runner comes back when it has died." },
	{ .key = "grants", .type = SETTINGS_NODE, .offset = AT(grants),
	  .help = "What its runner may do, in place of what its manifest asks for; {}: nothing." },
	{ .key = "limits", .type = SETTINGS_NODE, .offset = AT(limits),
	  .help = "Limits in place of its manifest's, key by key." },
	{ .key = "tools", .type = SETTINGS_NODE, .offset = AT(tools),
	  .help = "The same of one tool: tools.TOOL.limits." },
	{ .key = "config", .type = SETTINGS_NODE, .offset = AT(config),
	  .help = "Given to the plugin; checked by its configSchema." },
	{ .key = NULL }
};
#undef AT
/* clang-format on */

void
server_config_init(struct server_config *c)
{
	memset(c, 0, sizeof *c);
	arena_init(&c->arena, 0);
}

void
server_config_finish(struct server_config *c)
{
	arena_finish(&c->arena);
}

static struct plugin_override *
override_of(struct server_config *c, struct str name)
{
	struct plugin_override *bigger;
	size_t i;

	for (i = 0; i < c->overrides_len; i++)
		if (str_equal(c->overrides[i].name, name))
			return &c->overrides[i];
	bigger =
	    arena_zalloc(&c->arena, (c->overrides_len + 1) * sizeof *bigger);
	if (bigger == NULL)
		return NULL;
	if (c->overrides_len > 0)
		memcpy(bigger, c->overrides, c->overrides_len * sizeof *bigger);
	c->overrides = bigger;
	bigger[c->overrides_len].name = name;
	return &bigger[c->overrides_len++];
}

/* NULL: this file does not say. */
static int
grants_read(struct server_config *c, struct plugin_override *o,
    const struct yaml_node *node, const char *prefix, const char *file,
    struct diags *diags)
{
	struct plugin_grants *g;
	char path[160];

	if (node == NULL)
		return 0;
	g = arena_zalloc(&c->arena, sizeof *g);
	if (g == NULL)
		return ERR_NOMEM;
	(void)snprintf(path, sizeof path, "%s.grants", prefix);
	o->grants = g;
	return plugin_grants_read(node, path, g, &c->arena, file, diags);
}

/* "file:line:column" of that key. */
static struct str
place_text(struct server_config *c, const struct yaml_node *map,
    const char *key, const char *file)
{
	const struct yaml_node *n = yaml_get(map, str_of(key));
	struct buf b;
	struct str s;

	buf_init(&b);
	buf_printf(&b, "%s:%u:%u", file, n->at.line, n->at.column);
	s = arena_dup(&c->arena, buf_view(&b));
	buf_finish(&b);
	return s;
}

static int
user_read(struct server_config *c, struct plugin_user *u,
    const struct yaml_node *node, const char *prefix, const char *file,
    struct diags *diags)
{
	if (yaml_get(node, S("group")) != NULL)
		u->at = place_text(c, node, "group", file);
	if (yaml_get(node, S("user")) != NULL)
		u->at = place_text(c, node, "user", file);
	return server_user_find(u, node, prefix, file, diags);
}

static int
override_read(struct server_config *c, const struct yaml_node *node,
    const char *file, struct diags *diags)
{
	struct plugin_override *o = override_of(c, node->key);
	struct override_settings s = { .enabled = true };
	const struct plugin_restart restart = PLUGIN_RESTART_DEFAULT;
	char prefix[128];
	int rc;

	if (o == NULL)
		return ERR_NOMEM;
	s.enabled = !o->disabled;
	s.close = o->may_close;
	s.isolation = (int)o->isolation;
	s.user = o->user.user;
	s.group = o->user.group;
	s.many = o->many;
	s.restart = o->restart.period_ns > 0 ? o->restart : restart;
	s.config = o->config;
	(void)snprintf(
	    prefix, sizeof prefix, "plugins.%.*s", STR_FMT(node->key));
	rc = settings_merge(
	    override_items, node, prefix, &s, &c->arena, file, diags);
	if (grants_read(c, o, s.grants, prefix, file, diags) < 0)
		rc = ERR_CONFIG;
	if (plugin_limits_read(
		s.limits, s.tools, prefix, &o->limits, &c->arena, file, diags)
	    < 0)
		rc = ERR_CONFIG;
	o->disabled = !s.enabled;
	o->may_close = s.close;
	o->isolation = (enum plugin_isolation)s.isolation;
	o->user.user = s.user;
	o->user.group = s.group;
	if (user_read(c, &o->user, node, prefix, file, diags) < 0)
		rc = ERR_CONFIG;
	o->restart = s.restart;
	o->many = s.many;
	if (yaml_get(node, S("spare")) != NULL) {
		o->many.spare_said = true;
		o->many_at = place_text(c, node, "spare", file);
	}
	if (yaml_get(node, S("runners")) != NULL)
		o->many_at = place_text(c, node, "runners", file);
	if (yaml_get(node, S("isolation")) != NULL)
		o->isolation_at = place_text(c, node, "isolation", file);
	if (yaml_get(node, S("grants")) != NULL)
		o->grants_at = place_text(c, node, "grants", file);
	o->config = s.config;
	return rc;
}

/* The node with the named keys alone, or without them. */
static bool
is_plugin_setting(struct str key)
{
	const struct settings_item *i;

	for (i = server_plugin_settings; i->key != NULL; i++)
		if (str_equal(str_of(i->key), key))
			return true;
	return false;
}

static int
plugins_read(struct server_config *c, const char *file, struct diags *diags)
{
	const struct yaml_node *node = c->plugins_node, *child;
	struct yaml_node own = { .type = YAML_MAP };
	struct yaml_node **tail = &own.first;
	int rc = 0;

	c->plugins_node = NULL;
	if (node == NULL)
		return 0;
	if (node->type != YAML_MAP)
		return diags_add(diags, DIAG_ERROR, "TP1002", file, node->at,
		    "write plugins: {dirs: [..], NAME: {..}}",
		    "plugins: must be a map");
	own.at = node->at;
	if (yaml_get(node, S("isolation")) != NULL)
		c->isolation_at = place_text(c, node, "isolation", file);
	for (child = node->first; child != NULL; child = child->next) {
		struct yaml_node *copy;

		if (!is_plugin_setting(child->key)) {
			if (override_read(c, child, file, diags) < 0)
				rc = ERR_CONFIG;
			continue;
		}
		copy = arena_alloc(&c->arena, sizeof *copy);
		if (copy == NULL)
			return ERR_NOMEM;
		*copy = *child;
		copy->next = NULL;
		*tail = copy;
		tail = &copy->next;
		own.count++;
	}
	if (settings_merge(server_plugin_settings, &own, "plugins", c,
		&c->arena, file, diags)
	    < 0)
		rc = ERR_CONFIG;
	if (user_read(c, &c->user, node, "plugins", file, diags) < 0)
		rc = ERR_CONFIG;
	return rc;
}

static int
file_read(struct server_config *c, const char *path, struct diags *diags)
{
	struct yaml_node *root;
	struct buf text;
	struct err err;
	int rc = ERR_CONFIG;

	buf_init(&text);
	if (file_read_trusted(&text, path, YAML_FILE_MAX, &err) < 0) {
		(void)diags_add(diags, DIAG_ERROR, "TP1001", path,
		    (struct diag_at){ 0, 0 }, NULL, "%s", err.text);
		goto out;
	}
	if (str_trim(buf_view(&text)).len == 0) {
		rc = 0;
		goto out;
	}
	root = yaml_parse(&c->arena, buf_view(&text), path, diags);
	if (root == NULL)
		goto out;
	rc = settings_merge(
	    server_settings, root, "", c, &c->arena, path, diags);
	if (plugins_read(c, path, diags) < 0)
		rc = ERR_CONFIG;
	if (server_identity_check(c, yaml_get(root, S("server")), path, diags)
	    < 0)
		rc = ERR_CONFIG;
out:
	buf_finish(&text);
	return rc;
}

static int
name_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* conf.d beside the file, in byte order. */
static int
folder_read(struct server_config *c, const char *main_file, struct diags *diags)
{
	char *names[SERVER_CONFIG_FILES_MAX];
	const char *slash = strrchr(main_file, '/');
	size_t n = 0, i;
	char path[4096];
	struct dirent *entry;
	DIR *dir;
	int rc = 0;

	(void)snprintf(path, sizeof path, "%.*sconf.d",
	    slash != NULL ? (int)(slash - main_file) + 1 : 0, main_file);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL && n < SERVER_CONFIG_FILES_MAX) {
		struct str name = str_of(entry->d_name);

		if (!str_ends(name, S(".yaml")) || name.ptr[0] == '.')
			continue;
		names[n] = strdup(entry->d_name);
		if (names[n] != NULL)
			n++;
	}
	(void)closedir(dir); /* it was only read */
	qsort(names, n, sizeof names[0], name_order);
	for (i = 0; i < n; i++) {
		char file[8192];

		(void)snprintf(file, sizeof file, "%s/%s", path, names[i]);
		if (file_read(c, file, diags) < 0)
			rc = ERR_CONFIG;
		free(names[i]);
	}
	return rc;
}

/* The file to begin with; false: there is none, and none was named. */
static bool
main_file_find(const struct server_options *o, char *path, size_t size)
{
	const char *home = getenv("XDG_CONFIG_HOME");

	if (o->config != NULL) {
		(void)snprintf(path, size, "%s", o->config);
		return true;
	}
	if (home != NULL)
		(void)snprintf(path, size, "%s/toolpost/toolpost.yaml", home);
	else if ((home = getenv("HOME")) != NULL)
		(void)snprintf(
		    path, size, "%s/.config/toolpost/toolpost.yaml", home);
	if (home != NULL && geteuid() != 0 && access(path, F_OK) == 0)
		return true;
	(void)snprintf(path, size, "/etc/toolpost/toolpost.yaml");
	return access(path, F_OK) == 0;
}

/* A list of the command line replaces that of the files. */
static int
list_take(struct server_config *c, struct settings_strs *list,
    const char *const *items, size_t n)
{
	size_t i;

	if (n == 0)
		return 0;
	list->items = arena_alloc(&c->arena, n * sizeof *list->items);
	if (list->items == NULL)
		return ERR_NOMEM;
	for (i = 0; i < n; i++)
		list->items[i] = arena_dup(&c->arena, str_of(items[i]));
	list->len = n;
	return c->arena.failed ? ERR_NOMEM : 0;
}

static int
usual_dir_add(struct server_config *c, const char *path)
{
	struct str copy;

	if (access(path, R_OK | X_OK) < 0)
		return 0;
	copy = arena_dup(&c->arena, str_of(path));
	if (copy.ptr == NULL)
		return ERR_NOMEM;
	c->plugin_dirs.items[c->plugin_dirs.len++] = copy;
	return 0;
}

/* Where plugins are looked for when nobody says where. */
static int
usual_dirs_take(struct server_config *c)
{
	static const char *const system_dirs[] = { "/etc/toolpost/plugins.d",
		"/usr/local/lib/toolpost/plugins",
		"/usr/lib/toolpost/plugins" };
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	char path[4096];
	size_t i;
	int rc = 0;

	if (c->plugin_dirs.len > 0)
		return 0;
	c->plugin_dirs_usual = true;
	c->plugin_dirs.items = arena_alloc(&c->arena,
	    (ARRAY_LEN(system_dirs) + 1) * sizeof *c->plugin_dirs.items);
	if (c->plugin_dirs.items == NULL)
		return ERR_NOMEM;
	path[0] = '\0';
	if (data != NULL && data[0] == '/')
		(void)snprintf(path, sizeof path, "%s/toolpost/plugins", data);
	else if (home != NULL)
		(void)snprintf(path, sizeof path,
		    "%s/.local/share/toolpost/plugins", home);
	if (geteuid() != 0 && path[0] != '\0')
		rc = usual_dir_add(c, path);
	for (i = 0; i < ARRAY_LEN(system_dirs) && rc == 0; i++)
		rc = usual_dir_add(c, system_dirs[i]);
	return rc;
}

void
server_plugin_dirs_check(const struct server_config *c)
{
	size_t i;

	for (i = 0; i < c->plugin_dirs.len && !c->plugin_dirs_usual; i++) {
		struct str path = c->plugin_dirs.items[i];
		DIR *dir = opendir(path.ptr);

		if (dir == NULL)
			LOG_WARN("plugin folder not read", F_STR("dir", path),
			    F_CSTR("reason", strerror(errno)),
			    F_CSTR("hint",
				"make it, or correct --plugins or "
				"plugins.dirs"));
		else
			(void)closedir(dir); /* it was only looked at */
	}
}

int
server_config_read(struct server_config *c, const struct server_options *o,
    struct diags *diags)
{
	char path[4096];
	int rc;

	rc = settings_defaults(server_settings, c, &c->arena);
	if (rc == 0)
		rc = settings_defaults(server_plugin_settings, c, &c->arena);
	if (rc < 0)
		return rc;
	if (o->log_format < 0 && isatty(STDERR_FILENO))
		c->log.format = LOG_FORMAT_TEXT;
	if (main_file_find(o, path, sizeof path)) {
		if (file_read(c, path, diags) < 0)
			rc = ERR_CONFIG;
		if (folder_read(c, path, diags) < 0)
			rc = ERR_CONFIG;
	}
	if (rc < 0)
		return rc;
	if (list_take(c, &c->http.listen, o->listen, o->listen_len) < 0
	    || list_take(c, &c->plugin_dirs, o->plugins, o->plugins_len) < 0)
		return ERR_NOMEM;
	if (usual_dirs_take(c) < 0)
		return ERR_NOMEM;
	if (o->legacy_sse)
		c->http.legacy_sse = true;
	if (o->no_watch)
		c->watch = false;
	if (o->log_format >= 0)
		c->log.format = o->log_format;
	if (o->reactors > 0)
		c->reactors = o->reactors;
	return 0;
}

int
server_config_check(const char *path, struct diags *diags)
{
	struct server_options o = { .config = path, .log_format = -1 };
	struct server_config c;
	int rc;

	server_config_init(&c);
	rc = server_config_read(&c, &o, diags);
	server_config_finish(&c);
	return rc;
}
