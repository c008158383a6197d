/* SPDX-License-Identifier: Apache-2.0 */
/* The time now, and the time elsewhere. */
#include <stdlib.h>
#include <time.h>
#include <toolpost/json.h>
#include <toolpost/plugin.h>
#include <unistd.h>

#include "zone.h"

#define ZONES "/usr/share/zoneinfo"

struct clock {
	int zones; /* the folder; -1: none, UTC alone is known */
};

static const char *const weekdays[] = { "Sunday", "Monday", "Tuesday",
	"Wednesday", "Thursday", "Friday", "Saturday" };

/* JSON wants UTF-8, a message wants to be short. */
static int
is_printable(struct tp_str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e)
			return 0;
	return s.len > 0 && s.len <= ZONE_NAME_MAX;
}

static int
unknown_zone(struct tp_call *call, const struct clock *k, struct tp_str name)
{
	struct zone_near near;

	if (k->zones < 0)
		return tp_fail(call, TP_EFAIL,
		    "only UTC is known here: "
		    "there are no zone files in " ZONES);
	if (!is_printable(name))
		return tp_fail(call, TP_EPARAMS,
		    "unknown time zone: a name "
		    "looks like Europe/Berlin");
	zone_near_find(&near, k->zones, name.ptr, name.len);
	if (near.len == 0)
		return tp_failf(call, TP_EPARAMS,
		    "unknown time zone \"%.*s\": "
		    "a name looks like Europe/Berlin",
		    TP_FMT(name));
	return tp_failf(call, TP_EPARAMS,
	    "unknown time zone \"%.*s\" (did you mean %s%s%s%s%s?)",
	    TP_FMT(name), near.names[0], near.len > 1 ? ", " : "",
	    near.len > 1 ? near.names[1] : "", near.len > 2 ? ", " : "",
	    near.len > 2 ? near.names[2] : "");
}

static int
zone_of(struct tp_call *call, const struct clock *k, struct tp_str name,
    struct zone *z)
{
	if (zone_open(z, k->zones, name.ptr, name.len) == 0)
		return TP_OK;
	return unknown_zone(call, k, name);
}

/* Names as the zone's own files say them. */
static void
put_moment(struct tp_json_text *w, const char *key, int64_t t,
    struct tp_str name, const struct zone_offset *o)
{
	char text[48];

	if (key != NULL)
		tp_json_open(w, key, '{');
	civil_print(text, sizeof text, t + o->offset, o->offset);
	tp_json_put_str(w, "time", tp_cstr(text));
	tp_json_put_str(w, "timezone", name);
	civil_print_offset(text, sizeof text, o->offset);
	tp_json_put_str(w, "offset", tp_cstr(text));
	tp_json_put_str(w, "abbreviation", tp_cstr(o->name));
	tp_json_put_bool(w, "dst", o->dst);
	tp_json_put_str(
	    w, "weekday", tp_cstr(weekdays[civil_weekday(t + o->offset)]));
	if (key != NULL)
		tp_json_close(w, '}');
}

static int
time_now(struct tp_call *call, void *state)
{
	struct tp_str name = tp_arg_str(call, "timezone", "UTC");
	struct tp_json_text w = tp_json_begin(call);
	struct zone_offset o;
	struct timespec now;
	struct zone z;
	char text[48];
	int rc = zone_of(call, state, name, &z);

	if (rc != TP_OK)
		return rc;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	zone_lookup(&z, now.tv_sec, &o);
	zone_close(&z);
	tp_json_open(&w, NULL, '{');
	put_moment(&w, NULL, now.tv_sec, name, &o);
	civil_print(text, sizeof text, now.tv_sec, 0);
	tp_json_put_str(&w, "utc", tp_cstr(text));
	tp_json_put_int(&w, "unix", now.tv_sec);
	tp_json_close(&w, '}');
	return tp_json_answer(&w);
}

/* What was asked for, as one moment. */
struct moment {
	int64_t t;
	int64_t other; /* the second one of an overlap */
	enum zone_fit fit;
};

static int
moment_read(struct tp_call *call, const struct zone *from, struct moment *m)
{
	struct tp_str time = tp_arg_str(call, "time", "");
	struct civil_text text;
	struct civil today;

	m->fit = ZONE_EXACT;
	if (civil_parse(time.ptr, time.len, &text) < 0)
		return tp_fail(call, TP_EPARAMS,
		    "time: must look like "
		    "2026-11-25T14:30, 2026-11-25T14:30:00+01:00, or 14:30 "
		    "for today");
	if (text.has_offset) {
		m->t = civil_seconds(&text.at) - text.offset;
		return TP_OK;
	}
	if (!text.has_date) {
		struct timespec now;
		struct zone_offset o;

		(void)clock_gettime(CLOCK_REALTIME, &now);
		zone_lookup(from, now.tv_sec, &o);
		today = civil_of(now.tv_sec + o.offset);
		text.at.year = today.year;
		text.at.month = today.month;
		text.at.day = today.day;
	}
	m->t =
	    zone_from_local(from, civil_seconds(&text.at), &m->fit, &m->other);
	return TP_OK;
}

static void
put_rule(
    struct tp_json_text *w, const struct moment *m, const struct zone *from)
{
	struct zone_offset o;
	char text[48];

	if (m->fit == ZONE_EXACT) {
		tp_json_put_str(w, "rule", tp_cstr("exact"));
		return;
	}
	if (m->fit == ZONE_GAP) {
		tp_json_put_str(w, "rule", tp_cstr("gap"));
		tp_json_put_str(w, "note",
		    tp_cstr("Clocks skipped this time: "
			    "it was moved on by as much as was skipped."));
		return;
	}
	zone_lookup(from, m->other, &o);
	civil_print(text, sizeof text, m->other + o.offset, o.offset);
	tp_json_put_str(w, "rule", tp_cstr("overlap"));
	tp_json_put_str(w, "note",
	    tp_cstr("Clocks showed this time twice: "
		    "the first was taken, \"other\" is the second."));
	tp_json_put_str(w, "other", tp_cstr(text));
}

static int
convert(struct tp_call *call, const struct zone *from, struct tp_str from_name,
    const struct zone *to, struct tp_str to_name)
{
	struct tp_json_text w = tp_json_begin(call);
	struct zone_offset here, there;
	struct moment m = { 0 };
	char text[16];
	int rc = moment_read(call, from, &m);

	if (rc != TP_OK)
		return rc;
	zone_lookup(from, m.t, &here);
	zone_lookup(to, m.t, &there);
	tp_json_open(&w, NULL, '{');
	put_moment(&w, "from", m.t, from_name, &here);
	put_moment(&w, "to", m.t, to_name, &there);
	civil_print_offset(text, sizeof text, there.offset - here.offset);
	tp_json_put_str(&w, "difference", tp_cstr(text));
	put_rule(&w, &m, from);
	tp_json_close(&w, '}');
	return tp_json_answer(&w);
}

static int
time_convert(struct tp_call *call, void *state)
{
	struct tp_str from_name = tp_arg_str(call, "from", "UTC");
	struct tp_str to_name = tp_arg_str(call, "to", "UTC");
	struct zone from, to;
	int rc = zone_of(call, state, from_name, &from);

	if (rc != TP_OK)
		return rc;
	rc = zone_of(call, state, to_name, &to);
	if (rc == TP_OK) {
		rc = convert(call, &from, from_name, &to, to_name);
		zone_close(&to);
	}
	zone_close(&from);
	return rc;
}

static int
load(struct tp_plugin *plugin, const struct tp_json *config,
    const struct tp_snapshot *previous, void **state)
{
	struct clock *k = malloc(sizeof *k);

	(void)config;
	(void)previous;
	if (k == NULL)
		return TP_ENOMEM;
	k->zones = zone_folder_open(ZONES);
	if (k->zones < 0)
		tp_log(plugin, TP_WARN,
		    "no zone files in " ZONES
		    ": only UTC is known (install tzdata)");
	*state = k;
	return TP_OK;
}

static void
unload(struct tp_plugin *plugin, void *state)
{
	struct clock *k = state;

	(void)plugin;
	if (k->zones >= 0)
		(void)close(k->zones);
	free(k);
}

static const struct tp_entry entries[] = {
	TP_TOOL("time_now", time_now),
	TP_TOOL("time_convert", time_convert),
};

TP_PLUGIN_STATE("time", "1.0.0", entries, TP_CLOSABLE, load, NULL, unload);
