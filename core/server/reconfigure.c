/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration read again while serving.  What it says of each plugin
 * counts with the reload that follows; of the rest it is said that it takes a
 * restart. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "server/config.h"
#include "server/server_priv.h"

/* "key: value" of every setting, as the files and the command line say it. */
static void
settings_text(const struct server_config *c, struct buf *out)
{
	settings_print(server_settings, c, "", out);
	settings_print(server_plugin_settings, c, "plugins", out);
}

void
server_settings_note(struct server *s)
{
	buf_init(&s->settings);
	buf_init(&s->reread);
	settings_text(&s->config, &s->settings);
}

void
server_settings_forget(struct server *s)
{
	buf_finish(&s->settings);
	buf_finish(&s->reread);
}

static struct str
key_of(struct str line)
{
	return str_split(line, ':', &line);
}

/* Both have the same keys in the same order. */
static void
changes_say(struct server *s, const struct server_config *fresh)
{
	struct str was = buf_view(&s->settings), now;
	struct buf text;
	size_t n = 0;

	buf_init(&text);
	settings_text(fresh, &text);
	now = buf_view(&text);
	while (!text.failed && was.len > 0 && now.len > 0) {
		struct str a = str_split(was, '\n', &was);
		struct str b = str_split(now, '\n', &now);

		if (str_equal(a, b))
			continue;
		LOG_WARN("setting takes a restart", F_STR("setting", key_of(b)),
		    F_CSTR("hint", "a reload changes plugins.NAME alone"));
		buf_cstr(&s->reread, n++ == 0 ? ",\"restart\":[" : ",");
		buf_json(&s->reread, key_of(b));
	}
	if (n > 0)
		buf_char(&s->reread, ']');
	buf_finish(&text);
}

/* One line a finding; the first one is also for who has asked. */
static void
findings_say(struct server *s, const struct diags *diags)
{
	struct buf text;
	struct str rest, first;

	buf_init(&text);
	diags_print(diags, &text);
	rest = buf_view(&text);
	first = str_split(rest, '\n', &rest);
	if (first.len == 0)
		first = S("out of memory");
	BUF_LIT(&s->reread, ",\"error\":");
	buf_json(&s->reread, first);
	LOG_WARN("configuration refused", F_STR("reason", first),
	    F_INT("errors", diags->errors),
	    F_CSTR("counts", "what was read before"));
	buf_finish(&text);
}

void
server_reconfigure(struct server *s)
{
	struct server_config fresh;
	struct diags diags;
	int rc;

	buf_clear(&s->reread);
	diags_init(&diags);
	server_config_init(&fresh);
	rc = server_config_read(&fresh, s->options, &diags);
	if (rc == 0)
		rc = plugin_manager_override(
		    s->plugins, fresh.overrides, fresh.overrides_len);
	if (rc < 0)
		findings_say(s, &diags);
	else
		changes_say(s, &fresh);
	server_config_finish(&fresh);
	diags_finish(&diags);
}
