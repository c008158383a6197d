/* SPDX-License-Identifier: Apache-2.0 */
/* limits: of the plugin and of its entries. */
#include <stddef.h>

#include "base/clock.h"
#include "call/call.h"
#include "plugin/codes.h"
#include "plugin/manifest_priv.h"

static const char *const retries[] = { "never", "safe", NULL };

/* clang-format off */
const struct settings_item manifest_limit_items[] = {
	{ .key = "timeout", .type = SETTINGS_DURATION, .min = NS_PER_MS,
	  .max = 24 * 3600 * NS_PER_S,
	  .offset = offsetof(struct plugin_limits, timeout_ns),
	  .help = "deadline of one call" },
	{ .key = "concurrency", .type = SETTINGS_INT, .min = 1, .max = 65536,
	  .offset = offsetof(struct plugin_limits, concurrency),
	  .help = "calls of one entry running at once" },
	{ .key = "queue", .type = SETTINGS_INT, .min = 0, .max = 65536,
	  .offset = offsetof(struct plugin_limits, queue),
	  .help = "calls of one entry waiting beyond that" },
	{ .key = "result", .type = SETTINGS_SIZE, .min = 1,
	  .max = (int64_t)CALL_MEMORY_MAX,
	  .offset = offsetof(struct plugin_limits, result_max),
	  .help = "largest answer" },
	{ .key = "rate", .type = SETTINGS_RATE,
	  .offset = offsetof(struct plugin_limits, rate_ns),
	  .help = "calls in a time" },
	{ .key = "burst", .type = SETTINGS_INT, .min = 1, .max = 1000000,
	  .offset = offsetof(struct plugin_limits, burst),
	  .help = "calls at once after a pause" },
	{ .key = "retry", .type = SETTINGS_ENUM, .names = retries,
	  .offset = offsetof(struct plugin_limits, retry),
	  .help = "safe: what had begun when its runner died runs again" },
	/* Of the whole plugin: below. */
	{ .key = "breaker", .type = SETTINGS_NODE,
	  .offset = sizeof(struct plugin_limits) },
	/* Known and refused: manifest_limits_missing. */
	{ .key = "memory", .type = SETTINGS_NODE, .refused = true,
	  .offset = sizeof(struct plugin_limits) },
	{ .key = "restarts", .type = SETTINGS_NODE, .refused = true,
	  .offset = sizeof(struct plugin_limits) },
	{ .key = "priority", .type = SETTINGS_NODE, .refused = true,
	  .offset = sizeof(struct plugin_limits) },
	{ .key = NULL },
};

static const struct manifest_missing manifest_limits_missing[] = {
	{ "memory", "write it under grants" },
	{ "restarts", "the operator writes it: plugins.NAME.restart" },
	{ "priority", "remove it" },
	{ NULL, NULL },
};
/* clang-format on */

/* An entry may narrow what the plugin says, not widen it. */
static void
check_narrow(struct manifest_reader *r, const struct yaml_node *map,
    const char *path, const char *key, int64_t value, int64_t outer)
{
	const struct yaml_node *n = yaml_get(map, str_of(key));

	if (n != NULL && outer > 0 && value > outer)
		manifest_refuse(r, TP_LIMIT, n->at,
		    "an entry may narrow a limit of its plugin only",
		    "%s.limits.%s: \"%.*s\" is more than the plugin's "
		    "limits.%s",
		    path, key, STR_FMT(n->text), key);
}

static void
check_burst(
    struct manifest_reader *r, const struct yaml_node *map, const char *path)
{
	if (yaml_get(map, S("burst")) != NULL
	    && yaml_get(map, S("rate")) == NULL)
		manifest_refuse(r, TP_LIMIT, manifest_at(map, "burst"),
		    "for example {rate: 100/s, burst: 20}",
		    "%s.burst: without a rate it means nothing", path);
}

void
manifest_read_limits(struct manifest_reader *r, const struct yaml_node *map,
    const char *path, struct plugin_limits *limits, unsigned *said)
{
	const struct plugin_limits *outer = &r->m->limits;
	struct {
		struct plugin_limits limits;
		const struct yaml_node *unavailable;
	} raw = { .limits = *outer };
	struct manifest_path below;

	/* The plugin's counts beside it, for all of them together. */
	raw.limits.rate_ns = raw.limits.burst = 0;
	*limits = raw.limits;
	*said = 0;
	if (map == NULL)
		return;
	manifest_path_set(&below, "%s.limits", path);
	if (settings_merge(manifest_limit_items, map, below.text, &raw,
		&r->m->arena, r->file, r->diags)
	    < 0)
		return;
	manifest_refuse_missing(r, map, below.text, manifest_limits_missing);
	if (yaml_get(map, S("breaker")) != NULL)
		manifest_refuse(r, TP_LIMIT, manifest_at(map, "breaker"),
		    "write it under limits of the plugin",
		    "%s.breaker: it is one of the whole plugin", below.text);
	check_burst(r, map, below.text);
	check_narrow(
	    r, map, path, "timeout", raw.limits.timeout_ns, outer->timeout_ns);
	check_narrow(r, map, path, "concurrency", raw.limits.concurrency,
	    outer->concurrency);
	check_narrow(r, map, path, "queue", raw.limits.queue, outer->queue);
	check_narrow(
	    r, map, path, "result", raw.limits.result_max, outer->result_max);
	/* Of two times between two calls the longer one is the narrower. */
	check_narrow(r, map, path, "rate", outer->rate_ns, raw.limits.rate_ns);
	*limits = raw.limits;
	for (unsigned i = 0; i < PLUGIN_LIMIT_BREAKER; i++)
		if (yaml_get(map, str_of(manifest_limit_items[i].key)) != NULL)
			*said |= 1u << i;
}

static bool
hint_is(const struct yaml_node *hints, const char *key, const char *value)
{
	const struct yaml_node *n = yaml_get(hints, str_of(key));

	return n != NULL && str_equal(n->text, str_of(value));
}

void
manifest_check_retry(struct manifest_reader *r, const struct yaml_node *hints,
    const char *path, const struct plugin_limits *limits)
{
	const char *key = hint_is(hints, "destructiveHint", "true")
	    ? "destructiveHint: true"
	    : "idempotentHint: false";

	if (limits->retry != PLUGIN_RETRY_SAFE || hints == NULL
	    || hint_is(hints, "readOnlyHint", "true")
	    || hint_is(hints, "idempotentHint", "true")
	    || (!hint_is(hints, "destructiveHint", "true")
		&& !hint_is(hints, "idempotentHint", "false")))
		return;
	manifest_warn(r, TP_LIMIT, hints->at,
	    "a call whose runner died would run twice: retry: never, or "
	    "idempotentHint: true",
	    "%s.annotations: %s, but its limits say retry: safe", path, key);
}

/* clang-format off */
static const struct settings_item breaker_items[] = {
	{ .key = "failures", .type = SETTINGS_INT, .min = 1, .max = 1000000,
	  .offset = offsetof(struct call_breaker_limits, failures),
	  .help = "in a row that open it" },
	{ .key = "percent", .type = SETTINGS_INT, .min = 1, .max = 100,
	  .offset = offsetof(struct call_breaker_limits, percent),
	  .help = "of the calls of the window that open it" },
	{ .key = "calls", .type = SETTINGS_INT, .min = 1, .max = 1000000000,
	  .offset = offsetof(struct call_breaker_limits, calls),
	  .help = "at least so many in the window" },
	{ .key = "window", .type = SETTINGS_DURATION, .min = 100 * NS_PER_MS,
	  .max = 3600 * NS_PER_S,
	  .offset = offsetof(struct call_breaker_limits, window_ns),
	  .help = "that is looked at" },
	{ .key = "probe", .type = SETTINGS_DURATION, .min = 10 * NS_PER_MS,
	  .max = 3600 * NS_PER_S,
	  .offset = offsetof(struct call_breaker_limits, probe_ns),
	  .help = "between two attempts while it is open" },
	{ .key = "close", .type = SETTINGS_INT, .min = 1, .max = 1000,
	  .offset = offsetof(struct call_breaker_limits, good),
	  .help = "attempts in a row that close it" },
	{ .key = NULL },
};
/* clang-format on */

void
manifest_read_breaker(struct manifest_reader *r, const struct yaml_node *node,
    const char *path, struct arena *arena, struct call_breaker_limits *b)
{
	*b = call_breaker_default;
	if (node == NULL)
		return;
	if (node->type == YAML_SCALAR && str_equal(node->text, S("off")))
		b->off = true;
	else if (node->type == YAML_MAP)
		(void)settings_merge(breaker_items, node, path, b, arena,
		    r->file, r->diags); /* it has reported */
	else
		manifest_refuse(r, TP_LIMIT, node->at,
		    "for example {failures: 5, probe: 1s}",
		    "%s: expected off, or a map of numbers", path);
}

void
manifest_breaker_print(const struct call_breaker_limits *b, struct buf *out)
{
	struct str rest;
	struct buf lines;

	if (b->off) {
		BUF_LIT(out, "off");
		return;
	}
	buf_init(&lines);
	settings_print(breaker_items, b, "", &lines);
	rest = buf_view(&lines);
	while (rest.len > 0) {
		buf_str(out, str_split(rest, '\n', &rest));
		if (rest.len > 0)
			BUF_LIT(out, ", ");
	}
	out->failed = out->failed || lines.failed;
	buf_finish(&lines);
}

void
manifest_refuse_limits(
    struct manifest_reader *r, const struct yaml_node *map, const char *path)
{
	manifest_refuse_missing(r, map, path, manifest_limits_missing);
}

void
manifest_check_limits(struct manifest_reader *r, const struct yaml_node *map)
{
	manifest_read_breaker(r,
	    map != NULL ? yaml_get(map, S("breaker")) : NULL, "limits.breaker",
	    &r->m->arena, &r->m->breaker);
	if (map == NULL)
		return;
	manifest_refuse_limits(r, map, "limits");
	check_burst(r, map, "limits");
}
