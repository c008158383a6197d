/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of verbs and flags. */
#include "cli/cli_priv.h"

#define AT(member_) offsetof(struct cli, member_)
#define NO_MAX SIZE_MAX

/* clang-format off */
static const char *const colors[] = { "auto", "always", "never", NULL };
static const char *const log_formats[] = { "text", "json", NULL };
static const char *const modes[] = {
	"call", "churn", "idle", "streams", NULL
};
static const char *const probes[] = { "live", "ready", NULL };
static const char *const kinds[] = { "c", NULL };
const char *const cli_revisions[] = {
	"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28",
	NULL
};

const struct cli_flag cli_flags[] = {
	{ "url", 0, CLI_FLAG_STR, AT(url), "URL", NULL,
	  "the server: http://HOST:PORT/PATH or unix:PATH" },
	{ "json", 0, CLI_FLAG_SWITCH, AT(json), NULL, NULL,
	  "one JSON document on stdout; errors as JSON on stderr" },
	{ "quiet", 'q', CLI_FLAG_COUNT, AT(quiet), NULL, NULL,
	  "only results and errors" },
	{ "verbose", 'v', CLI_FLAG_COUNT, AT(verbose), NULL, NULL,
	  "also what is done on the way" },
	{ "timeout", 0, CLI_FLAG_TIME, AT(timeout), "TIME", NULL,
	  "for one answer of a server: 500ms 10s 5m (60s)" },
	{ "color", 0, CLI_FLAG_CHOICE, AT(color), "WHEN", colors,
	  "auto, always or never" },
	{ "help", 'h', CLI_FLAG_SWITCH, AT(help), NULL, NULL,
	  "this text, or that of a verb" },
	{ "version", 0, CLI_FLAG_SWITCH, AT(version), NULL, NULL,
	  "version, protocol revisions, ABI, libraries" },
	{ NULL, 0, CLI_FLAG_SWITCH, 0, NULL, NULL, NULL }
};

#define FLAGS_END { NULL, 0, CLI_FLAG_SWITCH, 0, NULL, NULL, NULL }
#define FLAG_CONFIG \
	{ "config", 0, CLI_FLAG_STR, AT(config), "FILE", NULL, \
	  "the configuration, with conf.d/ beside it" }
#define FLAG_PLUGINS \
	{ "plugins", 0, CLI_FLAG_STRS, AT(plugins), "DIR", NULL, \
	  "a folder of plugins; may be repeated" }
#define FLAG_NO_WATCH \
	{ "no-watch", 0, CLI_FLAG_SWITCH, AT(no_watch), NULL, NULL, \
	  "changes of plugins wait for SIGHUP" }
#define FLAG_LOG \
	{ "log", 0, CLI_FLAG_CHOICE, AT(log_format), "FORMAT", log_formats, \
	  "text or json, on standard error" }
#define FLAG_PROTOCOL \
	{ "protocol", 0, CLI_FLAG_CHOICE, AT(protocol), "REV", cli_revisions, \
	  "speak this protocol revision only: 2026-07-28, .." }

static const struct cli_flag serve_flags[] = {
	{ "listen", 0, CLI_FLAG_STRS, AT(listen), "ADDR", NULL,
	  "HOST:PORT, unix:PATH, line+tcp:.., line+unix:..; repeatable" },
	FLAG_PLUGINS, FLAG_CONFIG, FLAG_NO_WATCH, FLAG_LOG,
	{ "reactors", 0, CLI_FLAG_NUMBER, AT(reactors), "N", NULL,
	  "threads that serve connections (one a core)" },
	{ "legacy-sse", 0, CLI_FLAG_SWITCH, AT(legacy_sse), NULL, NULL,
	  "also the HTTP+SSE transport of 2024-11-05: /sse, /messages" },
	FLAGS_END
};
static const struct cli_flag stdio_flags[] = {
	FLAG_PLUGINS, FLAG_CONFIG, FLAG_NO_WATCH, FLAG_LOG, FLAGS_END
};
static const struct cli_flag call_flags[] = {
	{ "args", 0, CLI_FLAG_STR, AT(args), "JSON", NULL,
	  "all arguments as one object: JSON, @FILE, or - for stdin" },
	{ "resource", 0, CLI_FLAG_STR, AT(resource), "URI", NULL,
	  "read this resource instead" },
	{ "prompt", 0, CLI_FLAG_STR, AT(prompt), "NAME", NULL,
	  "get this prompt instead; its arguments are name=value" },
	FLAG_PROTOCOL, FLAGS_END
};
static const struct cli_flag list_flags[] = {
	{ "long", 'l', CLI_FLAG_SWITCH, AT(full), NULL, NULL,
	  "also the size in a model's context, in tokens (estimated)" },
	FLAG_PROTOCOL, FLAGS_END
};
static const struct cli_flag check_flags[] = {
	FLAG_PLUGINS, FLAG_CONFIG, FLAGS_END
};
static const struct cli_flag new_flags[] = {
	{ "kind", 0, CLI_FLAG_CHOICE, AT(kind), "KIND", kinds,
	  "what it is written in: c" },
	FLAGS_END
};
static const struct cli_flag build_flags[] = {
	{ "asan", 0, CLI_FLAG_SWITCH, AT(asan), NULL, NULL,
	  "with AddressSanitizer, for the author's own tests" },
	{ "pin", 0, CLI_FLAG_SWITCH, AT(pin), NULL, NULL,
	  "write the module's SHA-256 into the manifest" },
	FLAGS_END
};
static const struct cli_flag schema_flags[] = {
	{ "format-assertion", 0, CLI_FLAG_SWITCH, AT(format_assertion), NULL,
	  NULL, "\"format\" is checked, not only noted" },
	FLAGS_END
};
static const struct cli_flag bench_flags[] = {
	{ "mode", 0, CLI_FLAG_CHOICE, AT(bench.mode), "MODE", modes,
	  "call (the default), churn, idle or streams" },
	{ "connections", 0, CLI_FLAG_LARGE, AT(bench.connections), "N", NULL,
	  "how many, each with a session of its own (64; churn: 16)" },
	{ "rate", 0, CLI_FLAG_LARGE, AT(bench.rate), "N", NULL,
	  "requests a second by a schedule; else the answer decides" },
	{ "warm", 0, CLI_FLAG_TIME, AT(bench.warm), "TIME", NULL,
	  "before the clock starts (1s)" },
	{ "duration", 0, CLI_FLAG_TIME, AT(bench.duration), "TIME", NULL,
	  "that is measured, or held (5s)" },
	{ "tool", 0, CLI_FLAG_STR, AT(bench.tool), "NAME", NULL,
	  "the tool that is called (echo)" },
	{ "method", 0, CLI_FLAG_STR, AT(bench.method), "NAME", NULL,
	  "call this method instead, with --args as params" },
	{ "args", 0, CLI_FLAG_STR, AT(args), "JSON", NULL,
	  "arguments, an object (echo: {\"message\":\"hello world\"})" },
	{ "expect", 0, CLI_FLAG_STR, AT(bench.expect), "TEXT", NULL,
	  "the text of a right answer (echo: hello world)" },
	{ "progress", 0, CLI_FLAG_SWITCH, AT(bench.progress), NULL, NULL,
	  "ask for progress: then a stream of events may answer" },
	FLAG_PROTOCOL,
	{ "pid", 0, CLI_FLAG_LARGE, AT(bench.pid), "PID", NULL,
	  "the server: its CPU and memory, with its descendants" },
	{ "threads", 0, CLI_FLAG_NUMBER, AT(bench.threads), "N", NULL,
	  "idle, streams: each with descriptors of its own (as needed)" },
	{ "sources", 0, CLI_FLAG_LARGE, AT(bench.sources), "N", NULL,
	  "connect from 127.0.0.2 and N - 1 more; one for each 4000" },
	{ "first-source", 0, CLI_FLAG_LARGE, AT(bench.first_source), "N", NULL,
	  "which of them comes first: 127.0.0.N (2)" },
	{ "rounds", 0, CLI_FLAG_NUMBER, AT(bench.rounds), "N", NULL,
	  "streams: notifications to wait for (3 with --trigger)" },
	{ "trigger", 0, CLI_FLAG_STR, AT(bench.trigger), "PROGRAM", NULL,
	  "streams: what makes the tool list change; an absolute path" },
	{ "hold", 0, CLI_FLAG_SWITCH, AT(bench.hold), NULL, NULL,
	  "idle, streams: until standard input ends" },
	{ "messages", 0, CLI_FLAG_LARGE, AT(bench.messages), "N", NULL,
	  "how many, instead of --duration (a command: 100000)" },
	{ "window", 0, CLI_FLAG_NUMBER, AT(bench.window), "N", NULL,
	  "stdio: in flight (256; 1 measures latency)" },
	{ "any-id", 0, CLI_FLAG_SWITCH, AT(bench.any_id), NULL, NULL,
	  "the server answers constants, with the first id" },
	{ "no-handshake", 0, CLI_FLAG_SWITCH, AT(bench.no_handshake), NULL, NULL,
	  "no initialize: for servers that answer constants" },
	FLAGS_END
};
#define FLAG_SOCKET \
	{ "socket", 0, CLI_FLAG_STR, AT(socket), "PATH", NULL, \
	  "the server's admin socket, where there are several" }
#define FLAG_WAIT \
	{ "wait", 0, CLI_FLAG_SWITCH, AT(wait), NULL, NULL, \
	  "until what was replaced has ended, at most --timeout" }
static const struct cli_flag status_flags[] = {
	FLAG_SOCKET,
	{ "probe", 0, CLI_FLAG_CHOICE, AT(probe), "WHAT", probes,
	  "only whether it is live or ready: exit 0, 1 or 4" },
	FLAGS_END
};
static const struct cli_flag socket_flags[] = { FLAG_SOCKET, FLAGS_END };
static const struct cli_flag reload_flags[] = {
	FLAG_SOCKET, FLAG_WAIT, FLAGS_END
};
static const struct cli_flag no_flags[] = { FLAGS_END };

const struct cli_verb cli_verbs[] = {
	{ "serve", "", 0, 0, "Serves the plugins until it is told to stop.",
	  "SIGHUP reads the plugins again; SIGTERM and SIGINT finish the calls and stop.\n"
	  "Without --listen: 127.0.0.1:7423, endpoint /mcp.\n",
	  serve_flags,
	  { "toolpost serve",
	    "toolpost serve --plugins ./plugins --listen 127.0.0.1:8080",
	    "toolpost serve --listen unix:/run/user/1000/toolpost/mcp.sock" },
	  cli_serve, false },
	{ "stdio", "", 0, 0, "A whole server on stdin and stdout, for one client.",
	  NULL, stdio_flags,
	  { "toolpost stdio",
	    "toolpost stdio --plugins ./plugins",
	    "claude mcp add toolpost -- toolpost stdio" },
	  cli_stdio, false },
	{ "call", "TOOL [name=value | name:=json]...", 0, NO_MAX,
	  "Calls a tool and prints what it answers.",
	  "name=value is typed by the tool's input schema; name:=json is JSON as it stands.\n",
	  call_flags,
	  { "toolpost call hello name=Ada",
	    "toolpost call files_read path=notes.txt --json",
	    "toolpost call --resource 'file:///notes.txt'" },
	  cli_call, false },
	{ "list", "[tools|resources|templates|prompts]", 0, 1,
	  "Lists what a client sees; tools when nothing is named.",
	  NULL, list_flags,
	  { "toolpost list",
	    "toolpost list --long",
	    "toolpost list resources --json" },
	  cli_list, false },
	{ "check", "[FILE|DIR]...", 0, NO_MAX,
	  "Checks manifests, modules, configuration; changes nothing.",
	  "Findings are FILE:LINE:COLUMN: error: ..., on standard error.  Nothing named:\n"
	  "the configuration and every plugin it finds.\n",
	  check_flags,
	  { "toolpost check",
	    "toolpost check weather/weather.yaml",
	    "toolpost check --json /etc/toolpost/toolpost.yaml" },
	  cli_check, false },
	{ "status", "", 0, 0, "What a server on this machine is doing.",
	  "Asks its admin socket: --socket, $TOOLPOST_ADMIN, or the one server that there is.\n",
	  status_flags,
	  { "toolpost status", "toolpost status --json", "toolpost status --probe ready" },
	  cli_status, false },
	{ "reload", "[PLUGIN]", 0, 1, "Reads the plugins again and says what has changed.",
	  "Also what was refused before; exit 6 when something is refused.  With a name only\n"
	  "what became of that plugin counts.\n",
	  reload_flags,
	  { "toolpost reload", "toolpost reload --wait --timeout 30s", "toolpost reload weather" },
	  cli_reload, false },
	{ "plugin new", "NAME", 1, 1, "Writes a plugin that works into the folder NAME.",
	  NULL, new_flags,
	  { "toolpost plugin new weather",
	    "toolpost plugin new weather && toolpost plugin build weather",
	    "toolpost plugin new disk-space --kind c" },
	  cli_plugin_new, false },
	{ "plugin build", "[DIR] [-- FLAG...]", 0, NO_MAX,
	  "Compiles the C files of DIR into its module.",
	  "Honours CC, CFLAGS, LDFLAGS and LDLIBS; what follows -- goes to the compiler.\n"
	  "-v prints the command.\n",
	  build_flags,
	  { "toolpost plugin build weather",
	    "toolpost plugin build -v",
	    "toolpost plugin build weather -- -lcurl" },
	  cli_plugin_build, false },
	{ "plugin list", "", 0, 0, "The plugins of a server, with their states.",
	  NULL, socket_flags,
	  { "toolpost plugin list", "toolpost plugin list --json",
	    "toolpost plugin list --socket /run/toolpost/admin.sock" },
	  cli_plugin_list, false },
	{ "plugin inspect", "NAME|FILE.yaml", 1, 1, "What a plugin may do, its limits, what became of it.",
	  "NAME is a plugin of a server; FILE.yaml a manifest that needs no server.\n",
	  socket_flags,
	  { "toolpost plugin inspect weather", "toolpost plugin inspect weather/weather.yaml",
	    "toolpost plugin inspect weather --json" },
	  cli_plugin_inspect, false },
	{ "plugin enable", "NAME", 1, 1, "Ends a quarantine, or tries a refused plugin again.",
	  NULL, reload_flags,
	  { "toolpost plugin enable weather", "toolpost plugin enable weather --wait",
	    "toolpost plugin enable weather --json" },
	  cli_plugin_enable, false },
	{ "plugin reload", "[PLUGIN]", 0, 1, "The same as \"toolpost reload\".",
	  NULL, reload_flags,
	  { "toolpost plugin reload", "toolpost plugin reload weather",
	    "toolpost plugin reload weather --wait" },
	  cli_reload, false },
	{ "schema check", "FILE...", 1, NO_MAX, "Checks JSON Schemas, written as JSON or YAML.",
	  "Draft 2020-12, or draft-07 by $schema.  References lead to files in the folder of\n"
	  "FILE and below; nothing is fetched.\n",
	  schema_flags,
	  { "toolpost schema check order.schema.json",
	    "toolpost schema check schemas/*.yaml",
	    "toolpost schema check --json order.schema.json" },
	  cli_schema_check, false },
	{ "schema validate", "SCHEMA INSTANCE", 2, 2, "Checks a value against a JSON Schema; exit 5: invalid.",
	  "INSTANCE is JSON or YAML; - is standard input.  One line a fault: where, and what\n"
	  "was expected.  --json: [{\"pointer\", \"keyword\", \"message\"}].\n",
	  schema_flags,
	  { "toolpost schema validate order.schema.json order.json",
	    "toolpost list --json | toolpost schema validate tools.schema.json -",
	    "toolpost schema validate --format-assertion order.schema.yaml order.yaml" },
	  cli_schema_validate, false },
	{ "bench", "[URL | -- COMMAND...]", 0, NO_MAX,
	  "Loads a server, checks every answer, prints rate, latency, cost.",
	  "Any MCP server: at a URL, or a command that speaks on stdin and stdout.  A run\n"
	  "with one wrong answer is refused: exit 5.\n",
	  bench_flags,
	  { "toolpost bench http://127.0.0.1:7423/mcp --pid 4711",
	    "toolpost bench --rate 20000 --protocol 2026-07-28 --json",
	    "toolpost bench --window 1 -- toolpost stdio" },
	  cli_bench, false },
	{ "version", "", 0, 0, "Version, protocol revisions, ABI range, libraries.",
	  NULL, no_flags,
	  { "toolpost version", "toolpost version --json", "toolpost --version" },
	  cli_version, false },
	{ "help", "[VERB]", 0, 2, "Help on a verb.",
	  NULL, no_flags,
	  { "toolpost help", "toolpost help call", "toolpost help plugin build" },
	  cli_help, false },
	{ "rehearse", "COPY [MANIFEST]", 1, 2, "Loads a module in a process that is thrown away.",
	  NULL, no_flags, { NULL, NULL, NULL }, cli_rehearse, true },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL, { NULL, NULL, NULL }, NULL, false }
};
/* clang-format on */
