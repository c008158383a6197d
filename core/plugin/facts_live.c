/* SPDX-License-Identifier: Apache-2.0 */
/* What plugins are doing, as JSON and as numbers. */
#include <string.h>

#include "crypto/digest.h"
#include "observe/process.h"
#include "plugin/facts.h"
#include "plugin/manager_priv.h"

const char *const plugin_facts_states[] = { "warm", "restarting", "quarantined",
	"refused", "seen", NULL };

const char *const plugin_doings[PLUGIN_DOINGS] = { "serving", "spare",
	"starting", "leaving" };

static struct plugin_slot *
slot_of(struct list *node)
{
	return LIST_OBJ(node, struct plugin_slot, node);
}

static struct plugin_generation *
generation_of(struct list *node)
{
	return LIST_OBJ(node, struct plugin_generation, node);
}

static bool
is_of(const struct plugin_generation *g, struct str name)
{
	return str_equal(g->manifest->name, name);
}

static const char *
state_of(const struct plugin_slot *s)
{
	const struct plugin_generation *g = s->current;

	if (g == NULL)
		return s->quarantined ? "quarantined"
		    : s->refused      ? "refused"
				      : "seen";
	if (plugin_generation_is_quarantined(g))
		return "quarantined";
	/* On this thread the state of a runner stands still. */
	return g->runner != NULL && g->runner->state != RUNNER_UP ? "restarting"
								  : "warm";
}

static long long
age_ms(int64_t since_ns)
{
	return (clock_now_ns() - since_ns) / NS_PER_MS;
}

static void
text_member(struct buf *out, const char *key, struct str text)
{
	if (text.len == 0)
		return;
	buf_printf(out, ",\"%s\":", key);
	buf_json(out, text);
}

static bool
is_draining(const struct plugin_generation *g)
{
	return g->at == PLUGIN_DRAINING;
}

static uint64_t
restarts_of(const struct plugin_generation *g)
{
	return g->runner != NULL ? plugin_runner_restarts(g->runner) : 0;
}

static struct call_breaker *
breaker_of(const struct plugin_slot *s)
{
	return s->current != NULL ? s->current->breaker : NULL;
}

static struct runner_life *
life_of(struct list *node)
{
	return LIST_OBJ(node, struct runner_life, node);
}

static enum plugin_doing
doing_of(const struct runner_life *l)
{
	const struct plugin_runner *r = l->runner;

	if (!l->ready && !l->stopping)
		return PLUGIN_STARTING;
	if (l->lane == RUNNER_NO_LANE && !l->stopping)
		return PLUGIN_SPARE;
	return l->lane != RUNNER_NO_LANE && r->lanes[l->lane] == l
	    ? PLUGIN_SERVING
	    : PLUGIN_LEAVING;
}

static void
processes_count(const struct plugin_generation *g, struct plugin_numbers *n)
{
	if (g == NULL || g->runner == NULL)
		return;
	LIST_EACH (node, &g->runner->lives) {
		n->doing[doing_of(life_of(node))]++;
		if (n->pids_len < PLUGIN_PIDS_MAX)
			n->pids[n->pids_len++] = life_of(node)->pid;
	}
}

static void
numbers_of(struct plugin_manager *m, const struct plugin_slot *s,
    const struct plugin_census *census, struct plugin_numbers *n)
{
	memset(n, 0, sizeof *n);
	n->name = str_of(s->name);
	n->state = state_of(s);
	n->up =
	    s->current != NULL && !plugin_generation_is_quarantined(s->current);
	n->breaker_open =
	    breaker_of(s) != NULL && atomic_load(&breaker_of(s)->open_ns) != 0;
	n->generation = s->current != NULL ? s->current->number : 0;
	processes_count(s->current, n);
	n->resident = s->resident;
	n->ledger = s->ledger;
	n->restarts = s->ledger->restarts;
	n->refusals = plugin_refusals_times(&s->ledger->refusals);
	LIST_EACH (node, &m->generations) {
		const struct plugin_generation *g = generation_of(node);
		const struct plugin_presence *p =
		    plugin_census_find(census, g->number);

		if (!is_of(g, n->name))
			continue;
		n->draining += is_draining(g);
		n->restarts += restarts_of(g);
		n->calls += p != NULL ? p->calls : 0;
	}
}

void
plugin_facts_each(struct plugin_manager *m, const struct plugin_census *census,
    void (*fn)(void *arg, const struct plugin_numbers *n), void *arg)
{
	LIST_EACH (node, &m->slots) {
		struct plugin_numbers n;

		numbers_of(m, slot_of(node), census, &n);
		fn(arg, &n);
	}
}

/* Why it is still there, for a person. */
static void
reason_member(const struct plugin_generation *g,
    const struct plugin_presence *p, struct buf *out)
{
	BUF_LIT(out, ",\"reason\":\"");
	if (p != NULL)
		buf_printf(out, "%u call%s %s in it", p->calls,
		    p->calls == 1 ? "" : "s", p->calls == 1 ? "is" : "are");
	else if (g->runner != NULL && g->runner->state == RUNNER_STOPPING)
		BUF_LIT(out, "its runner was asked to end");
	else
		BUF_LIT(out,
		    "a reactor has not turned since, or one of its entries "
		    "is still held");
	buf_char(out, '"');
}

/* Who is in it; calls of more entries than these are only counted. */
static void
present_member(const struct plugin_presence *p, struct buf *out)
{
	if (p == NULL)
		return;
	BUF_LIT(out, ",\"entries\":[");
	for (size_t i = 0; i < p->named_len; i++) {
		const struct plugin_present *e = &p->named[i];

		buf_cstr(out, i > 0 ? ",{\"entry\":" : "{\"entry\":");
		buf_json(out, str_of(e->entry));
		buf_printf(out, ",\"calls\":%u,\"ageMs\":%lld}", e->calls,
		    age_ms(e->oldest_ns));
	}
	buf_char(out, ']');
}

static void
draining_object(const struct plugin_generation *g,
    const struct plugin_presence *p, struct buf *out)
{
	BUF_LIT(out, "{\"plugin\":");
	buf_json(out, g->manifest->name);
	buf_printf(out, ",\"generation\":%u", g->number);
	text_member(out, "version", g->manifest->version);
	buf_printf(out, ",\"ageMs\":%lld,\"calls\":%u", age_ms(g->draining_ns),
	    p != NULL ? p->calls : 0);
	if (p != NULL) {
		BUF_LIT(out, ",\"oldest\":{\"entry\":");
		buf_json(out, str_of(p->oldest));
		buf_printf(out, ",\"ageMs\":%lld}", age_ms(p->oldest_ns));
	}
	present_member(p, out);
	reason_member(g, p, out);
	buf_char(out, '}');
}

size_t
plugin_facts_draining(struct plugin_manager *m, struct str name,
    const struct plugin_census *census, struct buf *out)
{
	size_t n = 0;

	LIST_EACH (node, &m->generations) {
		const struct plugin_generation *g = generation_of(node);

		if (!is_draining(g) || (name.len > 0 && !is_of(g, name)))
			continue;
		if (n++ > 0)
			buf_char(out, ',');
		draining_object(g, plugin_census_find(census, g->number), out);
	}
	return n;
}

size_t
plugin_facts_draining_since(const struct plugin_manager *m, int64_t since_ns)
{
	size_t n = 0;

	LIST_EACH (node, &m->generations)
		n += is_draining(generation_of(node))
		    && generation_of(node)->draining_ns >= since_ns;
	return n;
}

static void
counts_member(const struct plugin_slot *s, struct buf *out)
{
	unsigned counts[REGISTRY_KINDS];

	if (s->current == NULL)
		return;
	plugin_dynamic_count(s->current, counts);
	buf_printf(out,
	    ",\"counts\":{\"tools\":%u,\"resources\":%u,\"templates\":%u,"
	    "\"prompts\":%u}",
	    counts[REGISTRY_TOOL], counts[REGISTRY_RESOURCE],
	    counts[REGISTRY_TEMPLATE], counts[REGISTRY_PROMPT]);
}

static void
calls_members(const struct plugin_numbers *n, struct buf *out)
{
	buf_printf(out, ",\"calls\":{\"inflight\":%u", n->calls);
	for (unsigned i = 0; i < CALL_OUTCOMES; i++)
		buf_printf(out, ",\"%s\":%llu", plugin_outcomes[i],
		    (unsigned long long)plugin_ledger_calls(
			n->ledger, (enum call_outcome)i));
	buf_printf(out,
	    "},\"restarts\":%llu,\"reloads\":{\"ok\":%llu,\"rejected\":%llu},"
	    "\"resident\":%u,\"draining\":%u",
	    (unsigned long long)n->restarts,
	    (unsigned long long)n->ledger->reloads_ok,
	    (unsigned long long)n->ledger->reloads_rejected, n->resident,
	    n->draining);
}

static void
breaker_member(const struct plugin_slot *s, struct buf *out)
{
	struct call_breaker *b = breaker_of(s);

	if (b == NULL)
		return;
	buf_printf(out,
	    ",\"breaker\":{\"open\":%s,\"opened\":%u,\"refused\":%llu}",
	    atomic_load(&b->open_ns) != 0 ? "true" : "false",
	    atomic_load(&b->opened),
	    (unsigned long long)atomic_load(&b->refused));
}

static void
death_member(const struct plugin_runner *r, struct buf *out)
{
	if (r == NULL || r->died_ns == 0)
		return;
	BUF_LIT(out, ",\"lastDeath\":{\"reason\":");
	buf_json(out, str_of(r->died_reason));
	buf_printf(out, ",\"ageMs\":%lld", age_ms(r->died_ns));
	text_member(out, "words", str_trim(buf_view(&r->died_words)));
	buf_char(out, '}');
}

static void
runners_members(const struct plugin_runner *r, const struct plugin_numbers *n,
    struct buf *out)
{
	if (r == NULL)
		return;
	buf_printf(out,
	    ",\"runners\":%u,\"serving\":%u,\"spare\":%u,\"standingBy\":%u",
	    r->lanes_len, n->doing[PLUGIN_SERVING], r->spare,
	    n->doing[PLUGIN_SPARE]);
}

/* What each line of a list has; the object stays open. */
static void
slot_open(struct plugin_manager *m, const struct plugin_slot *s,
    const struct plugin_census *census, struct buf *out)
{
	const struct plugin_generation *g = s->current;
	struct plugin_numbers n;

	numbers_of(m, s, census, &n);
	BUF_LIT(out, "{\"name\":");
	buf_json(out, n.name);
	buf_printf(out, ",\"state\":\"%s\"", n.state);
	if (g != NULL) {
		text_member(out, "version", g->manifest->version);
		buf_printf(out, ",\"generation\":%u,\"ageMs\":%lld", g->number,
		    age_ms(g->since_ns));
		buf_printf(out, ",\"isolation\":\"%s\"",
		    g->runner != NULL ? "process" : "none");
		runners_members(g->runner, &n, out);
	} else if (s->tried_ns > 0) {
		buf_printf(out, ",\"ageMs\":%lld", age_ms(s->tried_ns));
	}
	counts_member(s, out);
	calls_members(&n, out);
	breaker_member(s, out);
	text_member(out, "lastError", str_of(s->last_error));
}

void
plugin_facts_list(struct plugin_manager *m, const struct plugin_census *census,
    struct buf *out)
{
	bool more = false;

	LIST_EACH (node, &m->slots) {
		if (more)
			buf_char(out, ',');
		more = true;
		slot_open(m, slot_of(node), census, out);
		buf_char(out, '}');
	}
}

static void
processes_member(const struct plugin_runner *r, struct buf *out)
{
	bool more = false;

	BUF_LIT(out, ",\"processes\":[");
	LIST_EACH (node, &r->lives) {
		const struct runner_life *l = life_of(node);

		buf_printf(out,
		    "%s{\"pid\":%ld,\"life\":%u,\"state\":\"%s\",\"calls\":%u,"
		    "\"residentBytes\":%llu}",
		    more ? "," : "", (long)l->pid, l->number,
		    plugin_doings[doing_of(l)], runner_life_calls(l),
		    (unsigned long long)process_resident_of(l->pid));
		more = true;
	}
	buf_char(out, ']');
}

static void
runner_member(const struct plugin_generation *g, struct buf *out)
{
	const struct plugin_runner *r = g->runner;
	const struct runner_life *first =
	    r != NULL ? plugin_runner_first(r) : NULL;

	if (r == NULL)
		return;
	buf_printf(out,
	    ",\"runner\":{\"lives\":%u,\"deaths\":%u,\"refusals\":\"%s\"",
	    r->lives_made, r->deaths_len,
	    first != NULL && first->refusals != NULL ? "logged" : "untold");
	buf_printf(out, ",\"network\":\"%s\"",
	    g->grants.network.len > 0            ? "granted"
		: first != NULL && first->walled ? "namespace"
						 : "filter");
	BUF_LIT(out, ",\"user\":");
	buf_json(out, str_of(g->identity.name));
	buf_printf(
	    out, ",\"uid\":%u,\"gid\":%u", g->identity.uid, g->identity.gid);
	if (first != NULL)
		buf_printf(out, ",\"pid\":%ld,\"residentBytes\":%llu",
		    (long)first->pid,
		    (unsigned long long)process_resident_of(first->pid));
	processes_member(r, out);
	buf_char(out, '}');
}

/* What only the whole of one has. */
static void
generation_members(const struct plugin_generation *g, struct buf *out)
{
	const struct plugin_manifest *mf = g->manifest;
	char digest[2 * CRYPTO_SHA256_LEN + 1];

	crypto_hex(g->digest, sizeof g->digest, digest);
	buf_printf(out, ",\"sha256\":\"%s\"", digest);
	text_member(out, "isolationAt", g->isolation_at);
	runner_member(g, out);
	if (g->ledger != NULL)
		plugin_refusals_print(&g->ledger->refusals, out);
	BUF_LIT(out, ",\"manifest\":{\"name\":");
	buf_json(out, mf->name);
	plugin_facts_manifest(mf, out);
	buf_char(out, '}');
	plugin_facts_grants(&g->grants, g->runner != NULL, g->grants_at, out);
}

int
plugin_facts_one(struct plugin_manager *m, struct str name,
    const struct plugin_census *census, struct buf *out)
{
	LIST_EACH (node, &m->slots) {
		const struct plugin_slot *s = slot_of(node);
		struct buf old;

		if (!str_equal(str_of(s->name), name))
			continue;
		slot_open(m, s, census, out);
		text_member(out, "path", str_of(s->path));
		text_member(out, "modulePath", str_of(s->module_path));
		text_member(out, "shadows", str_of(s->shadow));
		if (s->current != NULL) {
			generation_members(s->current, out);
			death_member(s->current->runner, out);
		} else {
			text_member(out, "lastWords", str_of(s->last_words));
		}
		buf_init(&old);
		(void)plugin_facts_draining(m, name, census, &old);
		BUF_LIT(out, ",\"old\":[");
		buf_str(out, buf_view(&old));
		BUF_LIT(out, "]}");
		out->failed = out->failed || old.failed;
		buf_finish(&old);
		return 0;
	}
	return ERR_NOTFOUND;
}
