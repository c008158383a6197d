/* SPDX-License-Identifier: Apache-2.0 */
/* The public face of the engine: compile, validate, destroy. */
#include "data/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "data/schema_compile.h"
#include "data/schema_run.h"

struct schema *
schema_compile(struct str json, const struct schema_options *options,
    struct buf *pointer, struct err *err)
{
	static const struct schema_options none;
	struct schema_compiler c = { .options =
					 options != NULL ? options : &none,
		.pointer = pointer,
		.err = err,
		.draft = DRAFT_2020,
		.vocabularies = VOCAB_DEFAULT };
	struct schema_resource *root = NULL;
	struct schema_source *source;
	struct schema *s = calloc(1, sizeof *s);
	int rc = ERR_NOMEM;

	if (s == NULL) {
		(void)err_set(err, ERR_NOMEM, "/: out of memory");
		return NULL;
	}
	OBJ_INIT(s, SCHEMA_MAGIC);
	arena_init_small(&s->arena, SCHEMA_MEMORY_MAX);
	map_init(&c.uris);
	c.schema = s;
	source = schema_source_add(&c, c.options->base_uri, json, &root);
	if (source == NULL)
		goto out;
	s->root = source->rule_of[0];
	rc = schema_compile_rules(&c);
out:
	map_finish(&c.uris);
	free(c.rules);
	if (source == NULL || rc < 0) {
		schema_destroy(s);
		return NULL;
	}
	return s;
}

void
schema_destroy(struct schema *s)
{
	if (s == NULL)
		return;
	OBJ_CHECK(s, SCHEMA_MAGIC);
	for (struct schema_pattern *p = s->patterns; p != NULL; p = p->next)
		schema_pattern_finish(p);
	for (struct schema_source *d = s->sources; d != NULL; d = d->next)
		json_doc_finish(&d->doc);
	arena_finish(&s->arena);
	OBJ_WIPE(s);
	free(s);
}

static bool
run(struct schema_run *r, const struct schema *s, const struct json_node *n)
{
	const struct schema_path top = { NULL, NULL, 0, 0 };
	const struct schema_scope scope = { NULL, s->root->resource };
	bool ok;

	r->schema = s;
	r->steps =
	    SCHEMA_STEPS_BASE + (uint64_t)SCHEMA_STEPS_PER_VALUE * n->span;
	r->depth = 0;
	r->stop = STOP_NONE;
	r->scope = &scope;
	r->scratch_used = 0;
	ok = r->measure == NULL && !s->dynamic
	    ? schema_quick(r, s->root, n)
	    : schema_apply(r, s->root, n, NULL, &top);
	r->scope = NULL;
	return ok && r->stop == STOP_NONE;
}

bool
schema_validate(const struct schema *s, const struct json_node *instance,
    struct schema_report *report)
{
	struct schema_measure measure = { 0, 0 };
	struct schema_run r;

	OBJ_CHECK(s, SCHEMA_MAGIC);
	r.report = NULL;
	r.measure = NULL;
	if (run(&r, s, instance))
		return true;
	if (report == NULL)
		return false;
	buf_clear(&report->text);
	report->len = 0;
	report->more = false;
	report->exhausted = false;
	if (r.stop != STOP_NONE) {
		schema_report_stop(report, r.stop);
		return false;
	}
	r.report = report;
	r.measure = &measure;
	(void)run(&r, s, instance);
	/* The explanation may run out of steps; the verdict stands. */
	if (r.stop != STOP_NONE)
		report->more = true;
	schema_report_seal(report);
	return false;
}
