/* SPDX-License-Identifier: Apache-2.0 */
/* Grants as they are written, said, and turned into a box. */
#include "plugin/grants.h"

#include <string.h>

#include "base/clock.h"
#include "plugin/box.h"
#include "plugin/codes.h"

#define CONFIG_MARK "config:"
#define PATH_LEN_MAX 4095
#define HOST_LEN_MAX 253
#define MIB ((int64_t)1024 * 1024)

/* clang-format off */
#define AT(member_) offsetof(struct plugin_grants, member_)
static const struct settings_item items[] = {
	{ .key = "read", .type = SETTINGS_STRS, .offset = AT(read) },
	{ .key = "write", .type = SETTINGS_STRS, .offset = AT(write) },
	{ .key = "network", .type = SETTINGS_STRS, .offset = AT(network) },
	{ .key = "threads", .type = SETTINGS_INT, .offset = AT(threads),
	  .fallback = "0", .min = 0, .max = PLUGIN_THREADS_MAX },
	{ .key = "memory", .type = SETTINGS_SIZE, .offset = AT(memory),
	  .fallback = "512MiB" },
	{ .key = "cpu", .type = SETTINGS_DURATION, .offset = AT(cpu_ns),
	  .fallback = "0" },
	{ .key = "exec", .type = SETTINGS_BOOL, .offset = AT(exec),
	  .fallback = "false" },
	{ .key = NULL },
};
#undef AT
/* clang-format on */

/* One reading. */
struct reader {
	const struct yaml_node *map;
	const char *prefix;
	const char *file;
	struct diags *diags;
};

void
plugin_grants_init(struct plugin_grants *g)
{
	memset(g, 0, sizeof *g);
	g->memory = PLUGIN_MEMORY_DEFAULT;
}

static struct diag_at
at_of(const struct reader *r, const char *key)
{
	const struct yaml_node *n = yaml_get(r->map, str_of(key));

	return n != NULL ? n->at : r->map->at;
}

static bool
is_word(struct str s, const char *more)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
			|| (c >= '0' && c <= '9')
			|| (c != '\0' && strchr(more, c) != NULL)))
			return false;
	}
	return s.len > 0;
}

static struct str
config_key(struct str path)
{
	return str_starts(path, S(CONFIG_MARK))
	    ? str_sub(path, sizeof CONFIG_MARK - 1, path.len)
	    : STR_NONE;
}

static bool
path_is_valid(struct str path)
{
	if (path.len > PATH_LEN_MAX || memchr(path.ptr, '\0', path.len) != NULL)
		return false;
	return str_starts(path, S("/")) || is_word(config_key(path), "_-");
}

/* Where the port begins: after the last colon. */
static struct str
host_of(struct str text, struct str *port)
{
	size_t n = text.len;

	while (n > 0 && text.ptr[n - 1] != ':')
		n--;
	*port = str_sub(text, n, text.len);
	return n > 0 ? str_sub(text, 0, n - 1) : STR_NONE;
}

static bool
is_unix(struct str text)
{
	return str_equal(text, S("unix"));
}

/* Digits, or in brackets: nothing to look up. */
static bool
is_address(struct str host)
{
	if (host.len > 0 && host.ptr[0] == '[')
		return true;
	for (size_t i = 0; i < host.len; i++)
		if (host.ptr[i] != '.'
		    && (host.ptr[i] < '0' || host.ptr[i] > '9'))
			return false;
	return host.len > 0;
}

static bool
host_is_valid(struct str host)
{
	if (str_equal(host, S("*")))
		return true;
	if (host.len > HOST_LEN_MAX)
		return false;
	if (host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
		return is_word(str_sub(host, 1, host.len - 1), ":.");
	return is_word(host, "._-");
}

/* 0: any port. */
static bool
port_parse(struct str text, uint64_t *port)
{
	*port = 0;
	if (str_equal(text, S("*")))
		return true;
	return text.len <= 5 && is_word(text, "") && str_to_u64(text, port) == 0
	    && *port > 0 && *port <= UINT16_MAX;
}

static bool
network_is_valid(struct str text)
{
	struct str port;
	struct str host = host_of(text, &port);
	uint64_t number;

	return is_unix(text)
	    || (host_is_valid(host) && port_parse(port, &number));
}

static int
list_check(const struct reader *r, const char *key,
    const struct settings_strs *list, bool (*is_valid)(struct str),
    const char *what, const char *hint)
{
	int rc = 0;

	if (list->len > PLUGIN_GRANTS_ITEMS_MAX)
		rc = diags_add(r->diags, DIAG_ERROR, TP_LIMIT, r->file,
		    at_of(r, key), "grant a folder that holds them",
		    "%s.%s: more than %d entries", r->prefix, key,
		    PLUGIN_GRANTS_ITEMS_MAX);
	for (size_t i = 0; i < list->len; i++)
		if (!is_valid(list->items[i]))
			rc = diags_add(r->diags, DIAG_ERROR, TP_GRANT, r->file,
			    at_of(r, key), hint, "%s.%s[%zu]: \"%.*s\" is %s",
			    r->prefix, key, i, STR_FMT(list->items[i]), what);
	return rc;
}

static int
numbers_check(const struct reader *r, const struct plugin_grants *g)
{
	int rc = 0;

	if (g->memory < PLUGIN_MEMORY_MIN)
		rc = diags_add(r->diags, DIAG_ERROR, TP_LIMIT, r->file,
		    at_of(r, "memory"), "a runner itself needs as much",
		    "%s.memory: less than 64MiB", r->prefix);
	if (g->cpu_ns > 0 && g->cpu_ns < NS_PER_S)
		rc = diags_add(r->diags, DIAG_ERROR, TP_LIMIT, r->file,
		    at_of(r, "cpu"), "whole seconds of one process's life",
		    "%s.cpu: less than 1s", r->prefix);
	return rc;
}

int
plugin_grants_read(const struct yaml_node *map, const char *prefix,
    struct plugin_grants *g, struct arena *arena, const char *file,
    struct diags *diags)
{
	static const char path_hint[] =
	    "an absolute path, or config:KEY for what that key of the "
	    "plugin's configuration says";
	struct reader r = { map, prefix, file, diags };
	int rc;

	plugin_grants_init(g);
	rc = settings_read(items, map, prefix, g, arena, file, diags);
	if (rc < 0)
		return rc;
	if (list_check(
		&r, "read", &g->read, path_is_valid, "no path", path_hint)
	    < 0)
		rc = ERR_CONFIG;
	if (list_check(
		&r, "write", &g->write, path_is_valid, "no path", path_hint)
	    < 0)
		rc = ERR_CONFIG;
	if (list_check(&r, "network", &g->network, network_is_valid,
		"no place in a network",
		"HOST:PORT, HOST:*, or unix for sockets of this machine")
	    < 0)
		rc = ERR_CONFIG;
	return numbers_check(&r, g) < 0 ? ERR_CONFIG : rc;
}

static bool
list_copy(
    struct settings_strs *to, const struct settings_strs *from, struct arena *a)
{
	to->len = 0;
	to->items = arena_zalloc(a, (from->len + 1) * sizeof *to->items);
	for (size_t i = 0; to->items != NULL && i < from->len; i++)
		to->items[to->len++] = arena_dup(a, from->items[i]);
	return !a->failed;
}

bool
plugin_grants_copy(
    struct plugin_grants *to, const struct plugin_grants *from, struct arena *a)
{
	*to = *from;
	return list_copy(&to->read, &from->read, a)
	    && list_copy(&to->write, &from->write, a)
	    && list_copy(&to->network, &from->network, a);
}

static bool
list_equal(const struct settings_strs *a, const struct settings_strs *b)
{
	for (size_t i = 0; i < a->len && i < b->len; i++)
		if (!str_equal(a->items[i], b->items[i]))
			return false;
	return a->len == b->len;
}

bool
plugin_grants_equal(
    const struct plugin_grants *a, const struct plugin_grants *b)
{
	return list_equal(&a->read, &b->read)
	    && list_equal(&a->write, &b->write)
	    && list_equal(&a->network, &b->network) && a->threads == b->threads
	    && a->memory == b->memory && a->cpu_ns == b->cpu_ns
	    && a->exec == b->exec;
}

static void
list_print(const char *word, const struct settings_strs *list, struct buf *out)
{
	for (size_t i = 0; i < list->len; i++)
		buf_printf(out, "%s %.*s, ", word, STR_FMT(list->items[i]));
}

void
plugin_grants_print(const struct plugin_grants *g, struct buf *out)
{
	list_print("read", &g->read, out);
	list_print("write", &g->write, out);
	list_print("network", &g->network, out);
	if (g->threads > 0)
		buf_printf(out, "threads %lld, ", (long long)g->threads);
	if (g->exec)
		BUF_LIT(out, "exec (weak), ");
	if (g->cpu_ns > 0)
		buf_printf(
		    out, "cpu %llds, ", (long long)(g->cpu_ns / NS_PER_S));
	buf_printf(out, "memory %lldMiB", (long long)(g->memory / MIB));
}

static int
path_add(struct box *b, struct str path, bool write)
{
	if (path.len == 0 || path.ptr[0] != '/' || path.len > PATH_LEN_MAX)
		return 0; /* the plugin will say what it misses */
	if (b->paths_len == BOX_PATHS_MAX)
		return ERR_LIMIT;
	b->paths[b->paths_len].path = path;
	b->paths[b->paths_len++].write = write;
	return 0;
}

/* A path, or those of the plugin's configuration. */
static int
paths_add(struct box *b, const struct settings_strs *list,
    const struct json_node *config, bool write)
{
	int rc = 0;

	for (size_t i = 0; i < list->len && rc == 0; i++) {
		struct str key = config_key(list->items[i]);
		const struct json_node *n;

		if (key.len == 0) {
			rc = path_add(b, list->items[i], write);
			continue;
		}
		n = config != NULL ? json_get(config, key) : NULL;
		if (n != NULL && n->type == JSON_STRING)
			rc = path_add(b, json_str(n), write);
		for (size_t k = 0; n != NULL && n->type == JSON_ARRAY && rc == 0
		     && k < n->count;
		     k++)
			if (json_at(n, k)->type == JSON_STRING)
				rc =
				    path_add(b, json_str(json_at(n, k)), write);
	}
	return rc;
}

static int
network_add(struct box *b, struct str text)
{
	struct str port_text;
	struct str host = host_of(text, &port_text);
	uint64_t port;

	if (is_unix(text)) {
		b->flags |= BOX_UNIX;
		return 0;
	}
	b->flags |= BOX_TCP;
	if (!is_address(host))
		b->flags |= BOX_NAMES;
	if (!port_parse(port_text, &port))
		return ERR_CONFIG;
	if (port == 0) {
		b->flags |= BOX_ANY_PORT;
		return 0;
	}
	if (b->ports_len == BOX_PORTS_MAX)
		return ERR_LIMIT;
	b->ports[b->ports_len++] = (uint32_t)port;
	return 0;
}

int
plugin_grants_box(const struct plugin_grants *g, const struct json_node *config,
    struct box *b)
{
	int rc;

	memset(b, 0, sizeof *b);
	b->memory = (uint64_t)g->memory;
	b->cpu_s = (uint64_t)(g->cpu_ns / NS_PER_S);
	b->flags = (g->exec ? BOX_EXEC : 0u)
	    | (g->threads > 0 || g->exec ? BOX_THREADS : 0u);
	rc = paths_add(b, &g->read, config, false);
	if (rc == 0)
		rc = paths_add(b, &g->write, config, true);
	for (size_t i = 0; i < g->network.len && rc == 0; i++)
		rc = network_add(b, g->network.items[i]);
	return rc;
}
