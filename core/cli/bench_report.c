/* SPDX-License-Identifier: Apache-2.0 */
/* Figures as a table of lines, and as JSON. */
#include "cli/bench.h"

#include <ctype.h>

#define CLIENT_BUSY 0.95 /* above it the client is the bottleneck */

static const char *const mode_names[] = {
	[BENCH_CALL] = "call",
	[BENCH_CHURN] = "churn",
	[BENCH_IDLE] = "idle",
	[BENCH_STREAMS] = "streams",
	[BENCH_STDIO] = "stdio",
};

static double
per_second(const struct bench_result *r, uint64_t n)
{
	return r->seconds > 0 ? (double)n / r->seconds : 0;
}

static double
client_share(const struct bench_result *r)
{
	return r->seconds > 0 ? r->client_cpu_s / r->seconds : 0;
}

static double
cost_100k(const struct bench_result *r)
{
	return r->answers > 0 ? r->server_cpu_s * 1e5 / (double)r->answers : 0;
}

/* Of one connection, against the time before there was any. */
static double
user_kb_each(const struct bench_result *r)
{
	int64_t more = r->after.user_kb - r->before.user_kb;

	return r->opened > 0 ? (double)more / r->opened : 0;
}

static bool
has_answers(const struct bench_options *o)
{
	return o->mode != BENCH_IDLE && o->mode != BENCH_STREAMS;
}

/* Stdio with a window tells nothing of one message. */
static bool
has_latency(const struct bench_result *r)
{
	return r->latency.count > 0;
}

/* "1234567" -> "1,234,567" */
static void
grouped(struct buf *out, uint64_t n)
{
	if (n >= 1000) {
		grouped(out, n / 1000);
		buf_printf(out, ",%03u", (unsigned)(n % 1000));
	} else {
		buf_printf(out, "%u", (unsigned)n);
	}
}

static void
table_what(struct buf *out, const struct bench_options *o,
    const struct bench_result *r)
{
	buf_printf(out, "%-10s %.*s", mode_names[o->mode], STR_FMT(o->method));
	if (o->tool.len > 0)
		buf_printf(out, " of %.*s", STR_FMT(o->tool));
	buf_printf(out, ", %.*s, ", STR_FMT(o->revision));
	if (o->mode == BENCH_STDIO)
		buf_printf(out, "%u in flight\n", o->window);
	else
		buf_printf(out, "%s, %u connections, %s\n",
		    r->events ? "events" : "JSON", r->opened,
		    o->rate > 0 ? "open loop" : "closed loop");
}

static void
table_latency(struct buf *out, const struct bench_result *r)
{
	static const struct {
		const char *name;
		double q;
	} rows[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 },
		{ "p99.9", 0.999 } };
	size_t i;

	for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
		buf_printf(out, "%-10s %.1f us\n", rows[i].name,
		    bench_histogram_us(&r->latency, rows[i].q));
	buf_printf(
	    out, "%-10s %.1f us\n", "max", (double)r->latency.max_ns / 1e3);
}

static void
table_server(struct buf *out, const struct bench_options *o,
    const struct bench_result *r)
{
	if (r->after.processes == 0)
		return;
	if (has_answers(o))
		buf_printf(out, "%-10s %.3f CPU s per 100,000 requests\n",
		    "server", cost_100k(r));
	buf_printf(out,
	    "%-10s RSS %.1f MB, PSS %.1f MB, user %.1f MB in %u "
	    "process%s\n",
	    "memory", (double)r->after.rss_kb / 1024,
	    (double)r->after.pss_kb / 1024, (double)r->after.user_kb / 1024,
	    r->after.processes, r->after.processes > 1 ? "es" : "");
	if (!has_answers(o))
		buf_printf(out, "%-10s %.2f kB of user memory a connection\n",
		    "", user_kb_each(r));
}

static void
table_rounds(struct buf *out, const struct bench_result *r)
{
	unsigned i;

	for (i = 0; i < r->rounds; i++)
		buf_printf(out,
		    "%-10s first after %.1f ms, last after %.1f ms: %.2f us a "
		    "stream\n",
		    i == 0 ? "told" : "", r->round[i].first_ms,
		    r->round[i].last_ms,
		    (r->round[i].last_ms - r->round[i].first_ms) * 1e3
			/ r->opened);
}

void
cli_bench_table(struct buf *out, const struct bench_options *o,
    const struct bench_result *r)
{
	table_what(out, o, r);
	if (has_answers(o)) {
		buf_printf(out, "%-10s ", "rate");
		grouped(out, (uint64_t)per_second(r, r->answers));
		BUF_LIT(out, " requests/s");
		if (o->mode == BENCH_CHURN)
			buf_printf(
			    out, ", %.0f cycles/s", per_second(r, r->cycles));
		buf_char(out, '\n');
		if (has_latency(r))
			table_latency(out, r);
		buf_printf(out, "%-10s 0 wrong of ", "answers");
		grouped(out, r->all);
		buf_char(out, '\n');
	} else {
		buf_printf(out, "%-10s %u after %.2f s, all still open\n",
		    "opened", r->opened, r->open_s);
		table_rounds(out, r);
	}
	if (r->late > 0)
		buf_printf(out,
		    "%-10s %llu requests were due and never sent: the rate is "
		    "too high\n",
		    "behind", (unsigned long long)r->late);
	if (r->start_ms > 0)
		buf_printf(out, "%-10s %.1f ms to the answer of initialize\n",
		    "start", r->start_ms);
	table_server(out, o, r);
	buf_printf(out, "%-10s %.0f %% of a core%s\n", "client",
	    client_share(r) * 100,
	    client_share(r) > CLIENT_BUSY ? ": it was the bottleneck" : "");
}

static void
json_latency(struct buf *out, const struct bench_result *r)
{
	const struct bench_histogram *h = &r->latency;

	buf_printf(out, "\"p50_us\":%.2f,\"p90_us\":%.2f,\"p99_us\":%.2f,",
	    bench_histogram_us(h, 0.5), bench_histogram_us(h, 0.9),
	    bench_histogram_us(h, 0.99));
	buf_printf(out, "\"p999_us\":%.2f,\"max_us\":%.2f,",
	    bench_histogram_us(h, 0.999), (double)h->max_ns / 1e3);
}

static void
json_memory(struct buf *out, const char *name, const struct bench_cost *c)
{
	buf_printf(out,
	    "\"%s\":{\"rss_kb\":%lld,\"pss_kb\":%lld,\"user_kb\":%lld,"
	    "\"processes\":%u},",
	    name, (long long)c->rss_kb, (long long)c->pss_kb,
	    (long long)c->user_kb, c->processes);
}

static void
json_rounds(struct buf *out, const struct bench_result *r)
{
	unsigned i;

	BUF_LIT(out, "\"rounds\":[");
	for (i = 0; i < r->rounds; i++)
		buf_printf(out, "%s{\"first_ms\":%.3f,\"last_ms\":%.3f}",
		    i > 0 ? "," : "", r->round[i].first_ms,
		    r->round[i].last_ms);
	BUF_LIT(out, "],");
}

static void
json_errors(struct buf *out, const struct bench_result *r)
{
	int f;

	buf_printf(
	    out, "\"errors\":{\"total\":%llu", (unsigned long long)r->errors);
	for (f = BENCH_RIGHT + 1; f < BENCH_FAULTS; f++)
		buf_printf(out, ",\"%s\":%llu", bench_fault_names[f],
		    (unsigned long long)r->faults[f]);
	BUF_LIT(out, "}");
}

void
cli_bench_json(struct buf *out, const struct bench_options *o,
    const struct bench_result *r)
{
	buf_printf(out, "{\"mode\":\"%s\",\"protocol\":\"%.*s\",\"method\":",
	    mode_names[o->mode], STR_FMT(o->revision));
	buf_json(out, o->method);
	BUF_LIT(out, ",\"tool\":");
	buf_json(out, o->tool);
	buf_printf(out,
	    ",\"answer\":\"%s\",\"connections\":%u,\"open_s\":%.3f,",
	    r->events ? "events" : "json", r->opened, r->open_s);
	buf_printf(out,
	    "\"answers\":%llu,\"all\":%llu,\"cycles\":%llu,\"late\":%llu,"
	    "\"seconds\":%.3f,\"rate\":%.0f,\"offered\":%.0f,"
	    "\"cycle_rate\":%.0f,",
	    (unsigned long long)r->answers, (unsigned long long)r->all,
	    (unsigned long long)r->cycles, (unsigned long long)r->late,
	    r->seconds, per_second(r, r->answers), o->rate,
	    per_second(r, r->cycles));
	json_latency(out, r);
	buf_printf(out,
	    "\"client_cpu\":%.3f,\"server_cpu_s\":%.2f,"
	    "\"cpu_per_100k\":%.4f,\"user_kb_each\":%.3f,\"start_ms\":%.1f,",
	    client_share(r), r->server_cpu_s, cost_100k(r), user_kb_each(r),
	    r->start_ms);
	json_memory(out, "before", &r->before);
	json_memory(out, "after", &r->after);
	json_rounds(out, r);
	buf_printf(out, "\"fewest\":%llu,\"most\":%llu,",
	    (unsigned long long)r->fewest, (unsigned long long)r->most);
	json_errors(out, r);
	BUF_LIT(out, "}\n");
}

void
cli_bench_refusal(struct buf *out, const struct bench_result *r)
{
	size_t i, start;
	int f;

	buf_printf(out, "no figures: %llu error%s (",
	    (unsigned long long)r->errors, r->errors > 1 ? "s" : "");
	start = out->len;
	for (f = BENCH_RIGHT + 1; f < BENCH_FAULTS; f++)
		if (r->faults[f] > 0)
			buf_printf(out, "%s%s %llu",
			    out->len > start ? ", " : "", bench_fault_names[f],
			    (unsigned long long)r->faults[f]);
	BUF_LIT(out, "); the first: ");
	for (i = 0; r->wrong[i] != '\0'; i++)
		buf_char(out,
		    isprint((unsigned char)r->wrong[i]) ? r->wrong[i] : ' ');
}
