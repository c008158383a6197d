/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* dl_iterate_phdr */
#include "plugin/pointers.h"

#include <link.h>
#include <string.h>

#include <toolpost/ext/complete.h>
#include <toolpost/ext/watch.h>

#define SEGMENTS_MAX 256
#define HINT " (hint: name a function of the module itself)"

struct segment {
	uintptr_t at;
	size_t len;
	unsigned flags; /* PF_R, PF_W, PF_X */
};

/* The segments of the object that holds an address. */
struct object {
	uintptr_t address;
	struct segment segments[SEGMENTS_MAX];
	size_t len;
};

static bool
holds(const struct segment *s, uintptr_t at, size_t len)
{
	return at >= s->at && at - s->at <= s->len
	    && len <= s->len - (at - s->at);
}

static int
look(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct object *o = arg;
	bool found = false;

	(void)size;
	o->len = 0;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		struct segment s = { info->dlpi_addr + p->p_vaddr, p->p_memsz,
			p->p_flags };

		if (p->p_type != PT_LOAD || o->len == SEGMENTS_MAX)
			continue;
		o->segments[o->len++] = s;
		found = found || holds(&s, o->address, 1);
	}
	return found ? 1 : 0;
}

static bool
is_in(const struct object *o, uintptr_t at, size_t len, unsigned flags)
{
	for (size_t i = 0; i < o->len; i++)
		if ((o->segments[i].flags & flags) == flags
		    && holds(&o->segments[i], at, len))
			return true;
	return false;
}

static bool
is_code(const struct object *o, uintptr_t function)
{
	return function == 0 || is_in(o, function, 1, PF_X);
}

static bool
is_data(const struct object *o, const void *at, size_t len)
{
	return at == NULL || is_in(o, (uintptr_t)at, len, PF_R);
}

static int
refuse(const char *what, struct err *err)
{
	return err_set(err, ERR_SYNTAX,
	    "%s of its descriptor is not in the module's own code" HINT, what);
}

static int
functions_check(
    const struct object *o, const struct tp_plugin_desc *d, struct err *err)
{
	if (!is_code(o, (uintptr_t)d->load))
		return refuse("load()", err);
	if (!is_code(o, (uintptr_t)d->save))
		return refuse("save()", err);
	if (!is_code(o, (uintptr_t)d->unload))
		return refuse("unload()", err);
	return 0;
}

static int
entries_check(
    const struct object *o, const struct plugin_module *m, struct err *err)
{
	const struct tp_plugin_desc *d = &m->desc;

	if (d->entries_len > PLUGIN_ENTRIES_MAX)
		return 0;
	if (!is_data(o, d->entries, d->entries_len * d->abi.entry_size))
		return err_set(err, ERR_SYNTAX,
		    "the entries of its descriptor are not in the module "
		    "itself (hint: declare them as a static array)");
	for (size_t i = 0; d->entries != NULL && i < d->entries_len; i++)
		if (!is_code(o, (uintptr_t)plugin_module_entry(m, i)->call))
			return err_set(err, ERR_SYNTAX,
			    "the function of entry %zu of its descriptor is "
			    "not in the module's own code" HINT,
			    i);
	return 0;
}

/* The functions of a table that this host knows. */
static bool
table_is_code(const struct object *o, const struct tp_offer *offer)
{
	union {
		struct tp_complete complete;
		struct tp_watch watch;
	} t;
	size_t need = strcmp(offer->id, TP_EXT_COMPLETE) == 0
	    ? sizeof t.complete
	    : strcmp(offer->id, TP_EXT_WATCH) == 0 ? sizeof t.watch
						   : 0;
	uint32_t size;

	memcpy(&size, offer->table, sizeof size);
	if (need == 0 || size < need)
		return true; /* nothing of it is called */
	if (!is_data(o, offer->table, need))
		return false;
	memcpy(&t, offer->table, need);
	if (need == sizeof t.complete && strcmp(offer->id, TP_EXT_WATCH) != 0)
		return is_code(o, (uintptr_t)t.complete.complete);
	return is_code(o, (uintptr_t)t.watch.watch)
	    && is_code(o, (uintptr_t)t.watch.unwatch);
}

static int
offers_check(
    const struct object *o, const struct tp_plugin_desc *d, struct err *err)
{
	if (d->offers_len > PLUGIN_OFFERS_MAX)
		return 0;
	if (!is_data(o, d->offers, d->offers_len * sizeof d->offers[0]))
		return err_set(err, ERR_SYNTAX,
		    "the offers of its descriptor are not in the module "
		    "itself (hint: declare them as a static array)");
	for (size_t i = 0; d->offers != NULL && i < d->offers_len; i++) {
		const struct tp_offer *offer = &d->offers[i];

		if (offer->id == NULL || !is_data(o, offer->id, 1)
		    || offer->table == NULL)
			continue; /* refused by what reads them */
		if (!is_data(o, offer->table, sizeof(uint32_t)))
			return err_set(err, ERR_SYNTAX,
			    "the table of offer %zu of its descriptor is not "
			    "in the module itself (hint: declare it static)",
			    i);
		if (!table_is_code(o, offer))
			return err_set(err, ERR_SYNTAX,
			    "a function of offer %zu of its descriptor is not "
			    "in the module's own code" HINT,
			    i);
	}
	return 0;
}

int
plugin_pointers_check(
    const struct plugin_module *m, const void *symbol, struct err *err)
{
	struct object o = { .address = (uintptr_t)symbol };
	int rc;

	if (dl_iterate_phdr(look, &o) == 0)
		return err_set(err, ERR_SYNTAX,
		    "its descriptor is not in the module itself (hint: "
		    "declare the plugin with TP_PLUGIN)");
	rc = functions_check(&o, &m->desc, err);
	if (rc == 0)
		rc = entries_check(&o, m, err);
	if (rc == 0)
		rc = offers_check(&o, &m->desc, err);
	return rc;
}
