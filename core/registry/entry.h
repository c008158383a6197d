/* SPDX-License-Identifier: Apache-2.0 */
/* One callable thing, and the set of them that one generation of a plugin
 * offers.  Filled by the control thread, immutable once published. */
#ifndef REGISTRY_ENTRY_H
#define REGISTRY_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ref.h"
#include "base/str.h"
#include "call/target.h"
#include "data/schema.h"

struct uri_template;
struct registry_set;

enum registry_kind {
	REGISTRY_TOOL,
	REGISTRY_RESOURCE,
	REGISTRY_TEMPLATE,
	REGISTRY_PROMPT,
	REGISTRY_KINDS
};

/* The revisions an entry is described for; mcp fills one text for each. */
#define REGISTRY_DIALECTS 5

/* May a call of a tool outlive its request? */
enum registry_task {
	REGISTRY_TASK_FORBIDDEN,
	REGISTRY_TASK_OPTIONAL,
	REGISTRY_TASK_REQUIRED
};

struct registry_argument {
	struct str name;
	struct str title;
	struct str description;
	bool required;
	bool complete; /* the plugin has values for it */
};

/* A property mirrored as Mcp-Param-NAME (XHD rows). */
enum registry_mirror_type {
	REGISTRY_MIRROR_STRING,
	REGISTRY_MIRROR_INTEGER,
	REGISTRY_MIRROR_BOOLEAN
};
struct registry_mirror {
	struct str header; /* "Mcp-Param-Region" */
	struct str *path; /* property names from the root */
	size_t path_len;
	enum registry_mirror_type type;
};

/* All strings live as long as the set.  Empty: not given. */
struct registry_entry {
	struct registry_set *set; /* that it belongs to */
	enum registry_kind kind;
	struct str name; /* tool, prompt; resources: their "name" */
	struct str key; /* what is looked up: name, URI or template */
	struct str title;
	struct str description;
	struct str mime;
	int64_t size; /* resources; negative: not given */
	struct str annotations; /* JSON object */
	struct str icons; /* JSON array */
	struct str meta; /* JSON object */
	struct str input_schema; /* JSON object; tools */
	struct str output_schema; /* JSON */
	bool has_page; /* an app's: tools (APP-05) */
	bool output_is_object; /* its root type is "object" (TOOL-08) */
	const struct registry_argument *arguments; /* prompts */
	size_t arguments_len;
	const struct str *complete; /* templates: variables with values */
	size_t complete_len;
	const struct registry_mirror *mirrors;
	size_t mirrors_len;
	enum registry_task task; /* tools */
	bool task_by_handler; /* it says itself when it becomes one */
	int64_t task_ttl_ns; /* 0: the server's */
	int64_t task_poll_ns; /* 0: the server's */
	struct str task_message; /* what a model is told at once */
	int64_t cache_ttl_ms; /* resources/read; negative: default */
	bool cache_public;
	bool unlisted; /* it can be read, and is in no list (APP-04) */
	bool single_use; /* what it has handed out counts once (MRTR-10) */
	const struct schema *input; /* owned by the set's owner; tools */
	const struct schema *output; /* NULL: none */
	const struct uri_template *uri_template; /* templates */
	struct call_target *target;
	struct call_target *completer; /* NULL: nothing has values */
	struct str described[REGISTRY_DIALECTS]; /* list items, by mcp */
};

/* The entries of one generation.  Shared by count: snapshots and calls that
 * outlive their turn hold one. */
struct registry_set {
	struct ref ref;
	struct str plugin;
	struct registry_entry *entries;
	size_t len;
	/* Entries that other sets of the plugin may have too; behind those. */
	struct registry_entry **more;
	size_t more_len;
	/* [any] The last reference is gone: queue the unload, do nothing else.
	 */
	void (*released)(struct registry_set *s);
};

static inline size_t
registry_set_count(const struct registry_set *s)
{
	return s->len + s->more_len;
}

static inline struct registry_entry *
registry_set_at(const struct registry_set *s, size_t i)
{
	return i < s->len ? &s->entries[i] : s->more[i - s->len];
}

static inline void
registry_set_ref(struct registry_set *s)
{
	ref_take(&s->ref);
}

static inline void
registry_set_unref(struct registry_set *s)
{
	if (ref_drop(&s->ref))
		s->released(s);
}

#endif
