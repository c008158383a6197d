/* SPDX-License-Identifier: Apache-2.0 */
/* A descriptor written by hand, wrong in one field. */
#include <toolpost/plugin.h>

#ifndef MAGIC
#define MAGIC TP_ABI_MAGIC
#endif
#ifndef MAJOR
#define MAJOR TP_ABI_MAJOR
#endif
#ifndef MINOR
#define MINOR TP_ABI_MINOR
#endif
#ifndef DESC_SIZE
#define DESC_SIZE sizeof(struct tp_plugin_desc)
#endif
#ifndef ENTRY_SIZE
#define ENTRY_SIZE sizeof(struct tp_entry)
#endif
#ifndef BITS
#define BITS (8 * sizeof(void *))
#endif
#ifndef NAME
#define NAME "sample"
#endif
#include <stdlib.h>

/* Pointers that lead out of the object, or into its data. */
#ifdef FOREIGN_FUNCTION
#define FUNCTION ((tp_call_fn *)(void (*)(void))abort)
#endif
#ifdef DATA_FUNCTION
static const char words[] = "not code";
#define FUNCTION ((tp_call_fn *)(void *)(uintptr_t)words)
#endif
#ifdef FOREIGN_LOAD
#define LOAD \
	((int (*)(struct tp_plugin *, const struct tp_json *, \
	    const struct tp_snapshot *, void **))(void (*)(void))abort)
#else
#define LOAD NULL
#endif
#ifdef FOREIGN_UNLOAD
#define UNLOAD ((void (*)(struct tp_plugin *, void *))(void (*)(void))abort)
#else
#define UNLOAD NULL
#endif
#ifdef FOREIGN_TABLE
extern char **environ;
#define TABLE &environ
#endif
#ifdef FOREIGN_HOOK
static const struct {
	uint32_t size, flags;
	void (*complete)(void);
} hook = { 16, 0, abort };
#define TABLE &hook
#endif
#ifndef FUNCTION
#define FUNCTION version
#endif
#ifndef KIND
#define KIND TP_KIND_TOOL
#endif
#ifndef SYMBOL
#define SYMBOL toolpost_plugin_v1
#endif

static int
version(struct tp_call *call, void *state)
{
	(void)state;
	return tp_text(call, tp_cstr("one"));
}

tp_call_fn *const keep = version;

static const struct tp_entry entries[] = {
	{ KIND, 0, "version", FUNCTION },
};

#ifdef TABLE
static const struct tp_offer offers[] = { { "tp.complete/1", TABLE } };
#define OFFERS offers, 1
#else
#define OFFERS NULL, 0
#endif

#ifdef CUT_TAIL
/* As an older minor would have it: nothing behind the entries. */
struct short_desc {
	struct tp_abi abi;
	const char *name, *version, *build;
	const struct tp_entry *entries;
	size_t entries_len;
};

TP_EXPORT const struct short_desc SYMBOL;
const struct short_desc SYMBOL = {
	{ MAGIC, MAJOR, MINOR, sizeof(struct short_desc), ENTRY_SIZE, BITS },
	NAME, "1.0.0", "by hand", entries, 1
};
#else
TP_EXPORT const struct tp_plugin_desc SYMBOL;
const struct tp_plugin_desc SYMBOL = {
	{ MAGIC, MAJOR, MINOR, DESC_SIZE, ENTRY_SIZE, BITS }, NAME, "1.0.0",
	"by hand", entries, 1, OFFERS, 0, 0, LOAD, NULL, UNLOAD
};
#endif
