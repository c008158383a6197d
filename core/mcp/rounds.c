/* SPDX-License-Identifier: Apache-2.0 */
/* Input rounds of the stateless era (MRTR rows): the answer that asks, and the
 * retry that brings answers.  Between the two nothing is kept here: what later
 * rounds need travels with the client, sealed. */
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "data/json_canonical.h"
#include "data/json_dup.h"
#include "mcp/mcp_priv.h"

#define STATE_VERSION 2
/* Version, round, expiry, name of its own, lengths of the handler's state and
 * of the questions. */
#define STATE_EXPIRY_AT (1 + 1)
#define STATE_NAME_AT (STATE_EXPIRY_AT + 8)
#define STATE_LENGTHS_AT (STATE_NAME_AT + STORE_NONCE_LEN)
#define STATE_HEAD_LEN (STATE_LENGTHS_AT + 4 + 4)
/* Keys, methods and forms of one round, as JSON. */
#define QUESTIONS_MAX \
	(CALL_FORMS_MAX + (size_t)CALL_NEEDS_MAX * (CALL_KEY_MAX * 6 + 64))
/* Of requestState as text; more was never made here. */
#define STATE_TEXT_MAX \
	((CALL_STATE_MAX + MCP_ANSWERS_MAX + QUESTIONS_MAX) / 3 * 4 + 128)

void
mcp_client_write(struct buf *out, unsigned client)
{
	const char *comma = "";

	buf_char(out, '{');
	if ((client & (MCP_CLIENT_ELICIT_FORM | MCP_CLIENT_ELICIT_URL)) != 0) {
		bool form = (client & MCP_CLIENT_ELICIT_FORM) != 0;

		if ((client & MCP_CLIENT_ELICIT_URL) == 0)
			BUF_LIT(out, "\"elicitation\":{}");
		else if (form)
			BUF_LIT(
			    out, "\"elicitation\":{\"form\":{},\"url\":{}}");
		else
			BUF_LIT(out, "\"elicitation\":{\"url\":{}}");
		comma = ",";
	}
	if ((client
		& (MCP_CLIENT_SAMPLING | MCP_CLIENT_SAMPLING_TOOLS
		    | MCP_CLIENT_SAMPLING_CONTEXT))
	    != 0) {
		bool tools = (client & MCP_CLIENT_SAMPLING_TOOLS) != 0;
		bool context = (client & MCP_CLIENT_SAMPLING_CONTEXT) != 0;

		buf_cstr(out, comma);
		BUF_LIT(out, "\"sampling\":{");
		buf_cstr(out, tools ? "\"tools\":{}" : "");
		buf_cstr(out, tools && context ? "," : "");
		buf_cstr(out, context ? "\"context\":{}" : "");
		buf_char(out, '}');
		comma = ",";
	}
	if ((client & MCP_CLIENT_ROOTS) != 0) {
		buf_cstr(out, comma);
		BUF_LIT(out, "\"roots\":{}");
	}
	buf_char(out, '}');
}

/* Appends the members of an object but those that skip() finds. */
static void
members_write(struct buf *out, const struct json_node *object,
    bool (*skip)(const void *arg, struct str key), const void *arg)
{
	JSON_EACH_MEMBER (k, v, object) {
		if (skip != NULL && skip(arg, json_str(k)))
			continue;
		if (out->len > 1)
			buf_char(out, ',');
		buf_str(out, json_raw(k));
		buf_char(out, ':');
		buf_str(out, json_raw(v));
	}
}

static bool
has_member(const void *object, struct str key)
{
	return json_get(object, key) != NULL;
}

int
mcp_answers_merge(struct mcp_exchange *x, const struct json_node *earlier,
    const struct json_node *later, const struct json_node **out)
{
	struct buf text;
	int rc = 0;

	buf_init(&text);
	buf_char(&text, '{');
	if (json_type(earlier) == JSON_OBJECT)
		members_write(&text, earlier, has_member, later);
	if (json_type(later) == JSON_OBJECT)
		members_write(&text, later, NULL, NULL);
	buf_char(&text, '}');
	if (text.failed) {
		rc = ERR_NOMEM;
	} else if (text.len > MCP_ANSWERS_MAX) {
		rc = ERR_LIMIT;
	} else {
		*out = json_parse_dup(buf_view(&text), &x->arena);
		rc = *out != NULL ? 0 : ERR_NOMEM;
	}
	buf_finish(&text);
	return rc;
}

static void
bound_part(struct buf *b, struct str part)
{
	buf_u64(b, part.len);
	buf_char(b, ':');
	buf_str(b, part);
}

static bool
counts_once(const struct mcp_exchange *x, const struct registry_entry *e)
{
	return e->single_use && x->mcp->rounds != NULL
	    && x->mcp->rounds->nonces != NULL;
}

/* What a state belongs to (MRTR-09): one method with one name and arguments,
 * asked for by one caller; and this process, when it counts once: what another
 * one has redeemed is not known here. */
static int
bound_write(struct buf *b, const struct mcp_exchange *x, enum call_kind kind,
    const struct registry_entry *e, struct str name,
    const struct json_node *args)
{
	BUF_LIT(b, "toolpost requestState ");
	buf_u64(b, (uint64_t)kind);
	bound_part(b, name);
	bound_part(b, x->principal);
	bound_part(b,
	    counts_once(x, e) ? store_nonces_self(x->mcp->rounds->nonces)
			      : STR_NONE);
	return json_write_canonical(b, args);
}

static void
number_write(struct buf *b, uint64_t n, unsigned bytes)
{
	while (bytes-- > 0)
		buf_char(b, (char)(n >> (8 * bytes) & 0xff));
}

static uint64_t
number_read(const char *p, unsigned bytes)
{
	uint64_t n = 0;

	while (bytes-- > 0)
		n = n << 8 | (unsigned char)*p++;
	return n;
}

static bool
is_asked(const void *needs, struct str key)
{
	const struct call_need *n;

	for (n = needs; n != NULL; n = n->next)
		if (str_equal(n->key, key))
			return true;
	return false;
}

/* What was asked, so that the answers can be judged when they come: the schema
 * of a form, the method of anything else, by key. */
static void
questions_write(struct buf *out, const struct call_need *needs)
{
	const struct call_need *n;

	buf_char(out, '{');
	for (n = needs; n != NULL; n = n->next) {
		if (n != needs)
			buf_char(out, ',');
		(void)json_write_str(out, n->key); /* UTF-8, as the method */
		buf_char(out, ':');
		if (n->form.len > 0)
			buf_str(out, n->form);
		else
			(void)json_write_str(out, n->method);
	}
	buf_char(out, '}');
}

/* The plain form of what the next round must know: an answer that is asked for
 * again made no sense and is forgotten. */
static int
state_write(
    struct buf *plain, const struct mcp_exchange *x, const struct call *c)
{
	struct str state = c->state_set ? c->next_state : c->state;
	unsigned char name[STORE_NONCE_LEN];
	struct buf questions, answers;
	int rc = 0;

	buf_init(&questions);
	buf_init(&answers);
	questions_write(&questions, c->needs);
	if (json_type(c->answers) == JSON_OBJECT) {
		buf_char(&answers, '{');
		members_write(&answers, c->answers, is_asked, c->needs);
		buf_char(&answers, '}');
	}
	random_bytes(name, sizeof name);
	buf_char(plain, STATE_VERSION);
	buf_char(plain, (char)(x->round + 1));
	number_write(
	    plain, (uint64_t)(clock_wall_ns() + x->mcp->rounds->state_ns), 8);
	buf_append(plain, (const char *)name, sizeof name);
	number_write(plain, state.len, 4);
	number_write(plain, questions.len, 4);
	buf_str(plain, state);
	buf_str(plain, buf_view(&questions));
	buf_str(plain, buf_view(&answers));
	if (plain->failed || questions.failed || answers.failed)
		rc = ERR_NOMEM;
	else if (answers.len > MCP_ANSWERS_MAX)
		rc = ERR_LIMIT;
	buf_finish(&answers);
	buf_finish(&questions);
	return rc;
}

/* Appends ,"requestState":".." */
static int
state_seal(struct buf *out, struct mcp_exchange *x, const struct call *c)
{
	struct buf plain, bound;
	int rc = ERR_UNSUPPORTED;

	buf_init(&plain);
	buf_init(&bound);
	if (x->mcp->rounds != NULL && x->mcp->rounds->seal != NULL)
		rc = state_write(&plain, x, c);
	if (rc == 0)
		rc =
		    bound_write(&bound, x, c->kind, x->entry, c->name, c->args);
	if (rc == 0) {
		BUF_LIT(out, ",\"requestState\":\"");
		rc = crypto_seal_close(x->mcp->rounds->seal, buf_view(&plain),
		    buf_view(&bound), out);
		buf_char(out, '"');
	}
	buf_finish(&bound);
	buf_finish(&plain);
	return rc;
}

/* MRTR-04 */
static int
requests_write(struct buf *out, const struct mcp_exchange *x,
    const struct call_need *needs)
{
	const struct call_need *n;
	int rc = 0;

	BUF_LIT(out, ",\"inputRequests\":{");
	for (n = needs; n != NULL; n = n->next) {
		if (n != needs)
			buf_char(out, ',');
		rc |= json_write_str(out, n->key);
		BUF_LIT(out, ":{\"method\":");
		rc |= json_write_str(out, n->method);
		mcp_question_write(out, x, n, STR_NONE);
		buf_char(out, '}');
	}
	buf_char(out, '}');
	return rc;
}

/* ELIC-07: a form's answer cannot be judged without it. */
static bool
has_form(const struct call *c)
{
	const struct call_need *n;

	for (n = c->needs; n != NULL; n = n->next)
		if (n->form.len > 0)
			return true;
	return false;
}

static bool
needs_state(const struct mcp_exchange *x, const struct call *c)
{
	if (c->state_set || c->state.len > 0 || json_count(c->answers) > 0)
		return true;
	return x->mcp->rounds != NULL && x->mcp->rounds->seal != NULL
	    && (has_form(c) || x->entry->single_use);
}

static void
asked_enough(struct mcp_exchange *x)
{
	mcp_errorf(x, RPC_INVALID_PARAMS,
	    "This request has asked for input %d times already%s%.*s",
	    MCP_ROUNDS_MAX,
	    x->misfit.len > 0 ? "; the last answer did not fit: " : "",
	    (int)(x->misfit.len < 256 ? x->misfit.len : 256), x->misfit.ptr);
}

/* MRTR-01 to MRTR-04: with a state where the handler has one, or where answers
 * of now must be there in the next round too. */
void
mcp_input_required(struct mcp_exchange *x, const struct call *c)
{
	struct buf *out = &x->mcp->out;
	int rc = 0;

	if (x->round >= MCP_ROUNDS_MAX) { /* MRTR-19 */
		asked_enough(x);
		return;
	}
	buf_shrink(out, MCP_OUT_KEPT);
	rpc_write_result(out, x->id);
	BUF_LIT(out, "{\"resultType\":\"input_required\"");
	if (c->needs != NULL)
		rc = requests_write(out, x, c->needs);
	if (rc == 0 && needs_state(x, c))
		rc = state_seal(out, x, c);
	if (rc == ERR_LIMIT) {
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "The answers so far are larger than %zu bytes",
		    MCP_ANSWERS_MAX);
	} else if (rc != 0) {
		mcp_defect_log(
		    "request for input failed", c, str_of(err_name(rc)));
		mcp_errorf(x, RPC_INTERNAL_ERROR,
		    "The request for input could not be written");
	} else {
		mcp_result_end(x);
	}
}

/* What an opened state says; false: it was never made here, or is too old. */
static bool
state_read(struct mcp_exchange *x, struct str plain)
{
	struct str rest, questions, answers;
	uint64_t state_len, questions_len;

	if (plain.len < STATE_HEAD_LEN || plain.ptr[0] != STATE_VERSION)
		return false;
	rest = str_sub(plain, STATE_HEAD_LEN, plain.len);
	state_len = number_read(plain.ptr + STATE_LENGTHS_AT, 4);
	questions_len = number_read(plain.ptr + STATE_LENGTHS_AT + 4, 4);
	if (state_len > rest.len || questions_len > rest.len - state_len
	    || (uint64_t)clock_wall_ns()
		> number_read(plain.ptr + STATE_EXPIRY_AT, 8))
		return false;
	x->round = (unsigned char)plain.ptr[1];
	memcpy(x->redeemed, plain.ptr + STATE_NAME_AT, sizeof x->redeemed);
	x->state = arena_dup(&x->arena, str_sub(rest, 0, state_len));
	questions = str_sub(rest, state_len, state_len + questions_len);
	answers = str_sub(rest, state_len + questions_len, rest.len);
	x->questions = json_parse_dup(questions, &x->arena);
	if (answers.len > 0)
		x->answers = json_parse_dup(answers, &x->arena);
	/* Without memory nothing is known, so that nothing may be believed. */
	return !x->arena.failed && x->questions != NULL
	    && (answers.len == 0 || x->answers != NULL);
}

static bool
state_open(struct mcp_exchange *x, enum call_kind kind,
    const struct registry_entry *e, struct str name,
    const struct json_node *args, const struct json_node *sealed)
{
	struct buf plain, bound;
	bool good = false;

	if (json_type(sealed) != JSON_STRING
	    || json_str(sealed).len > STATE_TEXT_MAX || x->mcp->rounds == NULL
	    || x->mcp->rounds->seal == NULL)
		return false;
	buf_init(&plain);
	buf_init(&bound);
	if (bound_write(&bound, x, kind, e, name, args) == 0
	    && crypto_seal_open(x->mcp->rounds->seal, json_str(sealed),
		   buf_view(&bound), &plain)
		== 0)
		good = state_read(x, buf_view(&plain));
	buf_finish(&bound);
	buf_finish(&plain);
	return good;
}

/* MRTR-10: the state of an entry that says so counts once.  False: it has been
 * refused. */
static bool
state_redeem(struct mcp_exchange *x)
{
	int rc = store_nonce_redeem(
	    x->mcp->rounds->nonces, x->redeemed, clock_now_ns());

	x->has_redeemed = rc == 0;
	if (rc == 0)
		return true;
	if (rc == ERR_EXISTS)
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "This requestState has been used already");
	else
		mcp_error(x, 503, RPC_INTERNAL_ERROR,
		    S("Busy: too many requests are being finished; try again"),
		    S("{\"retryAfterMs\":1000}"));
	return false;
}

/* What is known of earlier rounds and of this one together. */
static int
answers_take(struct mcp_exchange *x, const struct json_node *given)
{
	int rc = mcp_answers_judge(x, given, &given);

	if (rc == 0 && x->answers != NULL)
		return mcp_answers_merge(x, x->answers, given, &x->answers);
	if (rc == 0)
		x->answers = given;
	return rc;
}

bool
mcp_round_take(struct mcp_exchange *x, enum call_kind kind,
    const struct registry_entry *e, struct str name,
    const struct json_node *args, const struct json_node *params)
{
	const struct json_node *answers = json_get(params, S("inputResponses"));
	const struct json_node *state = json_get(params, S("requestState"));
	int rc = 0;

	/* MRTR-13: answers that are no object are refused, never ignored. */
	if (answers != NULL && answers->type != JSON_OBJECT) {
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "params.inputResponses must be an object");
		return false;
	}
	if (state != NULL && !state_open(x, kind, e, name, args, state)) {
		mcp_errorf(x, RPC_INVALID_PARAMS, /* MRTR-08 */
		    "Invalid requestState: it was changed, has expired, or "
		    "belongs to another request");
		return false;
	}
	if (counts_once(x, e)) {
		if (state == NULL) /* nobody was asked: nothing is answered */
			return true;
		if (!state_redeem(x))
			return false;
	}
	if (answers != NULL)
		rc = answers_take(x, answers);
	if (rc == ERR_LIMIT)
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "The answers so far are larger than %zu bytes",
		    MCP_ANSWERS_MAX);
	else if (rc < 0)
		mcp_errorf(x, RPC_INTERNAL_ERROR, "Out of memory");
	return rc == 0;
}
