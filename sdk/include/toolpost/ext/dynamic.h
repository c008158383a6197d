/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries that a plugin adds while it runs: what a federation plugin needs
 * to mount the tools of another MCP server.  Offered by the host, and only
 * where the manifest says so:
 *
 *	dynamic: {prefix: gh_, max: 500, kinds: [tool, resource, prompt]}
 *
 *	const struct tp_dynamic *d = p->host->extension(p, TP_EXT_DYNAMIC);
 *	struct tp_batch *b = d->begin(p);
 *	d->put(b, &entry);
 *	d->drop(b, TP_KIND_TOOL, tp_cstr("gh_old"));
 *	if (d->commit(b) != TP_OK) ...
 *
 * Every refusal stands in the host's log with its reason.  A batch is used by
 * one thread at a time.  Entries leave with their generation; what a new
 * generation commits inside load() is there before any client looks.  In a
 * runner they leave with its process, too: what load() of the next one commits
 * takes their place in one step.
 */
#ifndef TOOLPOST_EXT_DYNAMIC_H
#define TOOLPOST_EXT_DYNAMIC_H

#include <toolpost/abi.h>

#define TP_EXT_DYNAMIC "tp.dynamic/1"

/* clang-format off */
struct tp_batch; /* changes not yet visible, owned by the host */

struct tp_dynamic_entry {
	uint32_t size;
	uint32_t kind;  /* enum tp_kind */
	uint32_t flags; /* enum tp_entry_flags */
	uint32_t reserved;
	/* Tool, prompt: begins with the prefix.  URI or URI template: begins
	 * with the prefix as a scheme, gh_ gives gh: */
	struct tp_str name;
	/* JSON object: what stands in the manifest beside the name or URI.  A
	 * template says "uriTemplate", the same as the name. */
	struct tp_str about;
	tp_call_fn *call;
	void *arg; /* given to call in place of the plugin's state */
	/* [control] No call can reach arg any more; may be NULL.  Once for
	 * each put() that gave TP_OK, before unload(), and after a load() that
	 * fails behind its commit; of a batch that is
	 * abandoned or refused on that thread, before it returns. */
	void (*gone)(void *arg);
};

struct tp_dynamic {
	uint32_t size;
	uint32_t reserved;

	/* [any] NULL: out of memory, 64 are open, or the generation is
	 * draining. */
	struct tp_batch *(*begin)(struct tp_plugin *);
	/* [any] Adds or replaces; checked and copied at once.  TP_EPARAMS,
	 * TP_EBUSY (more than max), TP_ENOMEM: the batch is as it was, arg is
	 * yours. */
	int (*put)(struct tp_batch *, const struct tp_dynamic_entry *);
	/* [any] TP_ENOTFOUND: none was added under that name. */
	int (*drop)(struct tp_batch *, uint32_t kind, struct tp_str name);
	/* [any] All or nothing, one new snapshot; frees the batch.  TP_OK: the
	 * names are taken, clients see them when the control thread has
	 * published, which this does not wait for.  Inside load() it becomes
	 * visible together with the generation.  TP_EPARAMS: a name is taken;
	 * TP_EBUSY: more than max; TP_ENOTFOUND; TP_ECANCELLED: the
	 * generation drains. */
	int (*commit)(struct tp_batch *);
	/* [any] */
	void (*abandon)(struct tp_batch *);
};

#endif
