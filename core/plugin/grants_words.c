/* SPDX-License-Identifier: Apache-2.0 */
/* Grants as sentences: what a plugin may do, said so that a person can
 * judge it. */
#include <string.h>

#include "base/clock.h"
#include "plugin/facts.h"

#define MIB ((int64_t)1024 * 1024)
#define CONFIG_MARK "config:"

struct speaker {
	void (*fn)(void *arg, struct str line);
	void *arg;
	struct buf line;
};

static void
say(struct speaker *s)
{
	s->fn(s->arg, buf_view(&s->line));
	buf_clear(&s->line);
}

static void
say_text(struct speaker *s, const char *text)
{
	s->fn(s->arg, str_of(text));
}

static void
paths_say(struct speaker *s, const struct settings_strs *list, const char *verb)
{
	static const struct str mark = STR(CONFIG_MARK);

	for (size_t i = 0; i < list->len; i++) {
		struct str path = list->items[i];

		if (str_starts(path, mark))
			buf_printf(&s->line,
			    "%s what \"%.*s\" of its configuration names", verb,
			    STR_FMT(str_sub(path, mark.len, path.len)));
		else
			buf_printf(&s->line, "%s %.*s and what is below", verb,
			    STR_FMT(path));
		say(s);
	}
}

static void
network_say(struct speaker *s, struct str text)
{
	size_t n = text.len;

	if (str_equal(text, S("unix"))) {
		say_text(s,
		    "connects to every Unix socket that the user of its "
		    "runner may use");
		return;
	}
	while (n > 0 && text.ptr[n - 1] != ':')
		n--;
	if (n < text.len && text.ptr[n] == '*')
		buf_printf(&s->line,
		    "connects to every port, for %.*s (the kernel checks no "
		    "hosts)",
		    STR_FMT(str_sub(text, 0, n - 1)));
	else
		buf_printf(&s->line,
		    "connects to port %.*s, for %.*s (the kernel checks no "
		    "hosts)",
		    STR_FMT(str_sub(text, n, text.len)),
		    STR_FMT(str_sub(text, 0, n > 0 ? n - 1 : 0)));
	say(s);
}

static void
rest_say(struct speaker *s, const struct plugin_grants *g)
{
	if (g->exec)
		say_text(s,
		    "starts programs (weak: system calls are a list of what "
		    "is refused)");
	if (g->threads > 0) {
		buf_printf(&s->line, "starts threads (it asks for %lld)",
		    (long long)g->threads);
		say(s);
	}
	if (g->read.len + g->write.len == 0)
		say_text(s, "no files");
	if (g->network.len == 0)
		say_text(s, "no network");
	buf_printf(&s->line, "at most %lld MiB of memory",
	    (long long)(g->memory / MIB));
	say(s);
	if (g->cpu_ns <= 0)
		return;
	buf_printf(&s->line, "at most %lld s of processor time in one process",
	    (long long)(g->cpu_ns / NS_PER_S));
	say(s);
}

void
plugin_grants_words(const struct plugin_grants *g, bool isolated,
    void (*fn)(void *arg, struct str line), void *arg)
{
	struct speaker s = { .fn = fn, .arg = arg };

	if (!isolated) {
		say_text(&s,
		    "all that the server may do: it runs in the server's "
		    "process");
		return;
	}
	buf_init(&s.line);
	paths_say(&s, &g->read, "reads");
	paths_say(&s, &g->write, "reads and changes");
	for (size_t i = 0; i < g->network.len; i++)
		network_say(&s, g->network.items[i]);
	rest_say(&s, g);
	buf_finish(&s.line);
}
