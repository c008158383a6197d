/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/metrics.h"

#include "base/check.h"
#include "base/clock.h"

/* clang-format off */
#define PLUGIN { "plugin", NULL }
const struct metrics_family metrics_families[METRICS_COUNT] = {
	[METRICS_BUILD_INFO] = { "toolpost_build_info", METRICS_GAUGE, { "version", "abi", NULL },
	  "Always 1; the labels say what runs." },
	[METRICS_READY] = { "toolpost_ready", METRICS_GAUGE, { NULL },
	  "1 while requests are accepted; 0 at the start and while draining." },
	[METRICS_REACTORS] = { "toolpost_reactors", METRICS_GAUGE, { NULL },
	  "Threads that serve connections." },
	[METRICS_REACTORS_TURNING] = { "toolpost_reactors_turning", METRICS_GAUGE, { NULL },
	  "Those of them that answered this scrape within a second; fewer than all: a handler blocks one." },
	[METRICS_CONNECTIONS] = { "toolpost_connections", METRICS_GAUGE, { NULL },
	  "Connections of clients." },
	[METRICS_STREAMS] = { "toolpost_streams_active", METRICS_GAUGE, { NULL },
	  "Open GET and listen streams." },
	[METRICS_SESSIONS] = { "toolpost_sessions_active", METRICS_GAUGE, { NULL },
	  "Sessions of the stateful protocol revisions." },
	[METRICS_CALLS_INFLIGHT] = { "toolpost_calls_inflight", METRICS_GAUGE, { NULL },
	  "Calls that have begun and are not over, in all plugins." },
	[METRICS_LOG_DROPPED] = { "toolpost_log_dropped_total", METRICS_COUNTER, { NULL },
	  "Lines of the log that nobody read in time." },
	[METRICS_PLUGIN_UP] = { "toolpost_plugin_up", METRICS_GAUGE, PLUGIN,
	  "1 while a generation of the plugin takes calls." },
	[METRICS_PLUGIN_STATE] = { "toolpost_plugin_state", METRICS_GAUGE, { "plugin", "state", NULL },
	  "1 for the state the plugin is in, 0 for the others: warm, restarting, quarantined, refused, seen." },
	[METRICS_PLUGIN_GENERATION] = { "toolpost_plugin_generation", METRICS_GAUGE, PLUGIN,
	  "Number of the generation that serves; 0: none." },
	[METRICS_PLUGIN_RESIDENT] = { "toolpost_plugin_generations_resident", METRICS_GAUGE, PLUGIN,
	  "Replaced generations that were unloaded and stay mapped." },
	[METRICS_PLUGIN_DRAINING] = { "toolpost_plugin_generations_draining", METRICS_GAUGE, PLUGIN,
	  "Replaced generations that are not unloaded yet." },
	[METRICS_PLUGIN_INFLIGHT] = { "toolpost_plugin_calls_inflight", METRICS_GAUGE, PLUGIN,
	  "Calls that have begun and are not over, in all its generations." },
	[METRICS_PLUGIN_CALLS] = { "toolpost_plugin_calls_total", METRICS_COUNTER, { "plugin", "outcome", NULL },
	  "Calls that are over: ok, error (the handler's), busy (no place), deadline, cancelled, lost (the runner died)." },
	[METRICS_PLUGIN_BREAKER] = { "toolpost_plugin_breaker_open", METRICS_GAUGE, PLUGIN,
	  "1 while its circuit breaker refuses calls." },
	[METRICS_PLUGIN_RUNNERS] = { "toolpost_plugin_runners", METRICS_GAUGE, { "plugin", "state", NULL },
	  "Processes of the generation that serves: serving, spare (ready, and not used yet), starting, leaving (take no new calls)." },
	[METRICS_PLUGIN_RUNNER] = { "toolpost_plugin_runner_resident_bytes", METRICS_GAUGE, PLUGIN,
	  "Resident memory of its runners, shared pages included; 0: it has none." },
	[METRICS_PLUGIN_RESTARTS] = { "toolpost_plugin_restarts_total", METRICS_COUNTER, PLUGIN,
	  "Runner processes that took the place of one before." },
	[METRICS_PLUGIN_QUARANTINES] = { "toolpost_plugin_quarantines_total", METRICS_COUNTER, PLUGIN,
	  "How often its runner died too often." },
	[METRICS_PLUGIN_REFUSED] = { "toolpost_plugin_refused_calls_total", METRICS_COUNTER, PLUGIN,
	  "System calls that the sandbox of its runners refused; what Landlock refuses is not seen." },
	[METRICS_PLUGIN_RELOADS] = { "toolpost_plugin_reloads_total", METRICS_COUNTER, { "plugin", "result", NULL },
	  "Replacements: ok; rejected: what was new was refused." },
	[METRICS_RELOAD_TIME] = { "toolpost_reload_timestamp_seconds", METRICS_GAUGE, { NULL },
	  "When plugins changed last, since 1970; 0: not since the start." },
	[METRICS_PROCESS_CPU] = { "process_cpu_seconds_total", METRICS_COUNTER, { NULL },
	  "Processor time of the server, user and system; runners are processes of their own." },
	[METRICS_PROCESS_RESIDENT] = { "process_resident_memory_bytes", METRICS_GAUGE, { NULL },
	  "Resident memory of the server." },
	[METRICS_PROCESS_VIRTUAL] = { "process_virtual_memory_bytes", METRICS_GAUGE, { NULL },
	  "Address space of the server." },
	[METRICS_PROCESS_FDS] = { "process_open_fds", METRICS_GAUGE, { NULL },
	  "Open descriptors." },
	[METRICS_PROCESS_FDS_MAX] = { "process_max_fds", METRICS_GAUGE, { NULL },
	  "Descriptors that it may have." },
	[METRICS_PROCESS_START] = { "process_start_time_seconds", METRICS_GAUGE, { NULL },
	  "When the server started, since 1970." },
};
#undef PLUGIN
/* clang-format on */

void
metrics_begin(struct buf *out, enum metrics_id id)
{
	const struct metrics_family *f = &metrics_families[id];

	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help,
	    f->name, f->type == METRICS_COUNTER ? "counter" : "gauge");
}

/* The format escapes these three; what is no UTF-8 a scraper would refuse
 * with all the rest. */
static void
value_append(struct buf *out, struct str s)
{
	while (s.len > 0) {
		size_t n = str_utf8_len(s);

		if (n == 0)
			BUF_LIT(out, "\xef\xbf\xbd");
		else if (s.ptr[0] == '\n')
			BUF_LIT(out, "\\n");
		else if (s.ptr[0] == '"' || s.ptr[0] == '\\')
			buf_printf(out, "\\%c", s.ptr[0]);
		else
			buf_append(out, s.ptr, n);
		s = str_sub(s, n > 0 ? n : 1, s.len);
	}
}

static void
sample_begin(struct buf *out, enum metrics_id id, const struct str *values)
{
	const struct metrics_family *f = &metrics_families[id];

	buf_cstr(out, f->name);
	for (size_t i = 0; values != NULL && f->labels[i] != NULL; i++) {
		buf_printf(out, "%c%s=\"", i == 0 ? '{' : ',', f->labels[i]);
		value_append(out, values[i]);
		buf_char(out, '"');
	}
	buf_cstr(out, f->labels[0] != NULL ? "} " : " ");
}

void
metrics_count(
    struct buf *out, enum metrics_id id, const struct str *values, uint64_t n)
{
	sample_begin(out, id, values);
	buf_u64(out, n);
	buf_char(out, '\n');
}

void
metrics_seconds(
    struct buf *out, enum metrics_id id, const struct str *values, int64_t ns)
{
	sample_begin(out, id, values);
	buf_printf(out, "%lld.%03lld\n", (long long)(ns / NS_PER_S),
	    (long long)(ns % NS_PER_S / NS_PER_MS));
}

void
metrics_single(struct buf *out, enum metrics_id id, uint64_t n)
{
	metrics_begin(out, id);
	metrics_count(out, id, NULL, n);
}
