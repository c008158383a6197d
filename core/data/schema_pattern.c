/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions of ECMA-262 (u flag), run by PCRE2.  What ECMA
 * does not know is refused, which also keeps out recursion, call-outs and
 * verbs.  \d, \w and \b are ASCII, \s is Unicode white space, "$" is the very
 * end.  One thing differs: a lookbehind must have a fixed length.
 *
 * The cost of a match is metered: every pattern is compiled with automatic
 * call-outs, which count items tried and bytes passed, and end the match when
 * the steps of the validation run out.  Anchored patterns also have a plain
 * form for short texts, where a small match limit is bound enough. */
#define PCRE2_CODE_UNIT_WIDTH 8

#include <stdlib.h>
#include <string.h>

#include <pcre2.h>

#include "data/schema_priv.h"

#define PLAIN_TEXT_MAX 64 /* bytes matched without a meter */
#define UNITS_PER_STEP 4 /* a call-out is cheaper than a step */
#define MATCH_HEAP_KIB 8192
#define MATCH_DEPTH_MAX 100000
#define MATCH_SPACE 24576 /* PCRE2 wants 20 KiB for its frames */

#define LOOKBEHIND "a lookbehind of variable length is not supported"

static pcre2_code *
compile_code(struct str text, uint32_t options, pcre2_compile_context *context,
    struct err *err)
{
	PCRE2_SIZE at = 0;
	pcre2_code *code;
	PCRE2_UCHAR why[160];
	int number = 0;

	code = pcre2_compile((PCRE2_SPTR)text.ptr, text.len,
	    options | PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C
		| PCRE2_ALLOW_EMPTY_CLASS | PCRE2_MATCH_UNSET_BACKREF,
	    &number, &at, context);
	if (code != NULL)
		return code;
	if (pcre2_get_error_message(number, why, sizeof why) < 0)
		why[0] = '\0';
	(void)err_set(err, ERR_SYNTAX, "%s",
	    number == PCRE2_ERROR_LOOKBEHIND_NOT_FIXED_LENGTH
		? LOOKBEHIND
		: (const char *)why);
	return NULL;
}

int
schema_pattern_compile(
    struct schema_pattern *p, struct str source, struct err *err)
{
	pcre2_compile_context *context = NULL;
	uint32_t options = 0;
	struct buf text;
	int rc;

	p->plain = NULL;
	p->metered = NULL;
	buf_init(&text);
	rc = schema_regex_translate(source, &text, err);
	if (rc < 0)
		goto out;
	rc = ERR_NOMEM;
	buf_char(&text, '\0'); /* never a NULL pattern */
	context = pcre2_compile_context_create(NULL);
	if (context == NULL || text.failed) {
		(void)err_set(err, rc, "out of memory");
		goto out;
	}
	pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
	pcre2_set_compile_extra_options(
	    context, PCRE2_EXTRA_ALLOW_SURROGATE_ESCAPES);
	rc = ERR_SYNTAX;
	text.len--;
	p->metered =
	    compile_code(buf_view(&text), PCRE2_AUTO_CALLOUT, context, err);
	if (p->metered == NULL)
		goto out;
	rc = 0;
	(void)pcre2_pattern_info(p->metered, PCRE2_INFO_ALLOPTIONS, &options);
	if ((options & PCRE2_ANCHORED) != 0)
		p->plain = compile_code(buf_view(&text), 0, context, err);
out:
	pcre2_compile_context_free(context);
	buf_finish(&text);
	return rc;
}

void
schema_pattern_finish(struct schema_pattern *p)
{
	pcre2_code_free(p->plain);
	pcre2_code_free(p->metered);
	p->plain = NULL;
	p->metered = NULL;
}

bool
schema_pattern_is_valid(struct str source)
{
	struct schema_pattern p;
	struct err err = { 0 };
	int rc = schema_pattern_compile(&p, source, &err);

	schema_pattern_finish(&p);
	/* ECMA-262 has it, PCRE2 has not: right, though not to be run. */
	return rc == 0 || strstr(err.text, LOOKBEHIND) != NULL;
}

/* Memory for one match, on the stack: PCRE2 allocates through it, so that a
 * match of ordinary size never reaches malloc(). */
struct space {
	size_t used;
	_Alignas(16) char bytes[MATCH_SPACE];
};

static void *
space_alloc(PCRE2_SIZE len, void *arg)
{
	struct space *s = arg;
	char *p = s->bytes + s->used;

	len = (len + 15) & ~(PCRE2_SIZE)15;
	if (len > MATCH_SPACE - s->used)
		return malloc(len);
	s->used += len;
	return p;
}

static void
space_free(void *p, void *arg)
{
	struct space *s = arg;

	if ((uintptr_t)p < (uintptr_t)s->bytes
	    || (uintptr_t)p >= (uintptr_t)s->bytes + MATCH_SPACE)
		free(p);
}

struct meter {
	uint64_t left;
	size_t position;
};

static int
meter_callout(pcre2_callout_block *block, void *arg)
{
	struct meter *m = arg;
	size_t at = block->current_position;
	size_t moved = at > m->position ? at - m->position : m->position - at;
	uint64_t cost = 1 + moved / 16;

	m->position = at;
	if (cost > m->left) {
		m->left = 0;
		return PCRE2_ERROR_CALLOUT;
	}
	m->left -= cost;
	return 0;
}

static enum schema_match
run_code(const pcre2_code *code, struct str text, uint32_t match_limit,
    struct meter *meter)
{
	struct space space;
	pcre2_general_context *general;
	pcre2_match_context *context;
	pcre2_match_data *data = NULL;
	int rc = PCRE2_ERROR_NOMEMORY;

	space.used = 0;
	general = pcre2_general_context_create(space_alloc, space_free, &space);
	context = general == NULL ? NULL : pcre2_match_context_create(general);
	if (context != NULL)
		data = pcre2_match_data_create(1, general);
	if (data != NULL) {
		pcre2_set_match_limit(context, match_limit);
		pcre2_set_depth_limit(context, MATCH_DEPTH_MAX);
		pcre2_set_heap_limit(context, MATCH_HEAP_KIB);
		if (meter != NULL)
			pcre2_set_callout(context, meter_callout, meter);
		rc = pcre2_match(
		    code, (PCRE2_SPTR)text.ptr, text.len, 0, 0, data, context);
	}
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
	pcre2_general_context_free(general);
	if (rc >= 0)
		return MATCH_YES;
	switch (rc) {
	case PCRE2_ERROR_MATCHLIMIT:
	case PCRE2_ERROR_DEPTHLIMIT:
	case PCRE2_ERROR_HEAPLIMIT:
	case PCRE2_ERROR_CALLOUT:
		return MATCH_COST;
	case PCRE2_ERROR_NOMEMORY:
		return MATCH_NOMEM;
	default:
		return MATCH_NO;
	}
}

enum schema_match
schema_pattern_match(
    const struct schema_pattern *p, struct str text, uint64_t *steps)
{
	struct meter meter = { 0 };
	enum schema_match found;
	uint64_t units;

	if (text.ptr == NULL)
		text = S("");
	if (p->plain != NULL && text.len <= PLAIN_TEXT_MAX) {
		uint64_t cost = 1 + text.len / 16;

		if (cost > *steps)
			return MATCH_COST;
		*steps -= cost;
		found =
		    run_code(p->plain, text, 64 + 8 * (uint32_t)text.len, NULL);
		if (found != MATCH_COST)
			return found;
	}
	units = *steps > UINT32_MAX ? UINT32_MAX : *steps * UNITS_PER_STEP;
	meter.left = units;
	found = run_code(p->metered, text, UINT32_MAX, &meter);
	*steps -= (units - meter.left) / UNITS_PER_STEP;
	if (*steps > 0)
		*steps -= 1;
	return found;
}
