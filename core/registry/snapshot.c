/* SPDX-License-Identifier: Apache-2.0 */
/* One snapshot: its look-up tables and its lists, ready to be copied out. */
#include "registry/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* FNV-1a: the same in every process, since cursors may meet another worker
 * (PAGE-04).  Not a defence: a cursor is checked, not trusted. */
static uint64_t
fnv(uint64_t h, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

#define FNV_SEED UINT64_C(0xcbf29ce484222325)

static const char kind_letters[REGISTRY_KINDS] = "trup";

/* "t100.0123456789abcdef": kind, first entry, check over both and the list. */
static struct str
cursor_make(
    struct arena *a, enum registry_kind kind, size_t first, uint64_t list_hash)
{
	uint64_t check = fnv(list_hash, &first, sizeof first);
	struct buf text;
	struct str cursor;

	buf_init(&text);
	buf_printf(&text, "%c%zu.%016llx", kind_letters[kind], first,
	    (unsigned long long)check);
	cursor = text.failed ? STR_NONE : arena_dup(a, buf_view(&text));
	if (cursor.ptr == NULL)
		a->failed = true;
	buf_finish(&text);
	return cursor;
}

/* The shown entries of one list, page by page. */
static void
list_render(
    struct registry_snapshot *s, enum registry_kind kind, unsigned dialect)
{
	struct registry_list *list = &s->lists[kind][dialect];
	size_t max = s->counts[kind] / REGISTRY_PAGE + 1;
	size_t shown = 0, i, k;
	struct buf text;

	list->pages = arena_zalloc(&s->arena, max * sizeof *list->pages);
	if (list->pages == NULL)
		return;
	list->len = 1;
	buf_init(&text);
	/* All entries are passed five times for each kind that there is. */
	for (i = 0; i < s->sets_len && s->counts[kind] > 0; i++)
		for (k = 0; k < registry_set_count(s->sets[i]); k++) {
			const struct registry_entry *e =
			    registry_set_at(s->sets[i], k);

			if (e->kind != kind || e->described[dialect].len == 0)
				continue;
			if (shown > 0 && shown % REGISTRY_PAGE == 0) {
				list->pages[list->len - 1].items =
				    arena_dup(&s->arena, buf_view(&text));
				list->pages[list->len - 1].next = cursor_make(
				    &s->arena, kind, shown, s->list_hash[kind]);
				list->len++;
				buf_clear(&text);
			}
			if (text.len > 0)
				buf_char(&text, ',');
			buf_str(&text, e->described[dialect]);
			shown++;
		}
	list->pages[list->len - 1].items =
	    arena_dup(&s->arena, buf_view(&text));
	s->arena.failed |= text.failed;
	buf_finish(&text);
}

/* Look-up tables, counts and the hash of what lists say. */
static int
index_build(struct registry_snapshot *s)
{
	size_t templates = 0, i, k;

	for (i = 0; i < REGISTRY_KINDS; i++)
		s->list_hash[i] = FNV_SEED;
	for (i = 0; i < s->sets_len; i++)
		for (k = 0; k < registry_set_count(s->sets[i]); k++) {
			struct registry_entry *e =
			    registry_set_at(s->sets[i], k);
			struct str text = e->described[REGISTRY_DIALECTS - 1];

			s->counts[e->kind]++;
			s->task_tools += e->task != REGISTRY_TASK_FORBIDDEN;
			s->list_hash[e->kind] =
			    fnv(s->list_hash[e->kind], text.ptr, text.len);
			if (map_set(&s->by_key[e->kind], e->key, e, NULL) < 0)
				return ERR_NOMEM;
		}
	s->templates = arena_alloc(&s->arena,
	    (s->counts[REGISTRY_TEMPLATE] + 1)
		* sizeof(struct registry_entry *));
	if (s->templates == NULL)
		return ERR_NOMEM;
	for (i = 0; i < s->sets_len; i++)
		for (k = 0; k < registry_set_count(s->sets[i]); k++) {
			struct registry_entry *e =
			    registry_set_at(s->sets[i], k);

			if (e->kind == REGISTRY_TEMPLATE)
				s->templates[templates++] = e;
		}
	return 0;
}

static void
versions_follow(struct registry_snapshot *s,
    const struct registry_snapshot *before, const bool touched[REGISTRY_KINDS])
{
	size_t k;

	s->number = before != NULL ? before->number + 1 : 0;
	for (k = 0; k < REGISTRY_KINDS; k++) {
		if (before == NULL)
			continue;
		s->list_version[k] = before->list_version[k];
		if (touched[k] || s->list_hash[k] != before->list_hash[k])
			s->list_version[k]++;
	}
}

struct registry_snapshot *
registry_snapshot_build(struct registry_set *const *sets, size_t len,
    const struct registry_snapshot *before, const bool touched[REGISTRY_KINDS],
    struct err *err)
{
	struct registry_snapshot *s = calloc(1, sizeof *s);
	unsigned k, dialect;
	size_t i;

	if (s == NULL)
		goto nomem;
	arena_init(&s->arena, 0);
	for (k = 0; k < REGISTRY_KINDS; k++)
		map_init(&s->by_key[k]);
	s->sets = arena_alloc(&s->arena, (len + 1) * sizeof s->sets[0]);
	if (s->sets == NULL)
		goto nomem;
	for (i = 0; i < len; i++) {
		registry_set_ref(sets[i]);
		s->sets[i] = sets[i];
		s->sets_len++;
	}
	if (index_build(s) < 0)
		goto nomem;
	versions_follow(s, before, touched);
	for (k = 0; k < REGISTRY_KINDS; k++)
		for (dialect = 0; dialect < REGISTRY_DIALECTS; dialect++)
			list_render(s, (enum registry_kind)k, dialect);
	if (!s->arena.failed)
		return s;
nomem:
	registry_snapshot_destroy(s);
	(void)err_set(err, ERR_NOMEM, "out of memory");
	return NULL;
}

void
registry_snapshot_destroy(struct registry_snapshot *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < REGISTRY_KINDS; i++)
		map_finish(&s->by_key[i]);
	for (i = 0; i < s->sets_len; i++)
		registry_set_unref(s->sets[i]);
	arena_finish(&s->arena);
	free(s);
}

const struct registry_entry *
registry_find(
    const struct registry_snapshot *s, enum registry_kind kind, struct str key)
{
	return map_find(&s->by_key[kind], key);
}

const struct registry_page *
registry_page(const struct registry_snapshot *s, enum registry_kind kind,
    unsigned dialect, struct str cursor)
{
	const struct registry_list *list = &s->lists[kind][dialect];
	size_t i;

	if (cursor.ptr == NULL)
		return &list->pages[0];
	for (i = 0; i + 1 < list->len; i++)
		if (str_equal(list->pages[i].next, cursor))
			return &list->pages[i + 1];
	return NULL;
}
