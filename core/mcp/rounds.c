/* SPDX-License-Identifier: Apache-2.0 */
/* Input rounds of the stateless era (MRTR rows): the answer that asks, and the
 * retry that brings answers.  Between the two nothing is kept here: what later
 * rounds need travels with the client, sealed. */
#include "base/clock.h"
#include "data/json_canonical.h"
#include "data/json_dup.h"
#include "mcp/mcp_priv.h"

#define STATE_VERSION 1
/* Version, round, expiry, length of the handler's state. */
#define STATE_HEAD_LEN (1 + 1 + 8 + 4)
/* Of requestState as text; more was never made here. */
#define STATE_TEXT_MAX ((CALL_STATE_MAX + MCP_ANSWERS_MAX) / 3 * 4 + 128)

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

/* What a state belongs to (MRTR-09): one method with one name and arguments,
 * asked for by one caller. */
static int
bound_write(struct buf *b, const struct mcp_exchange *x, enum call_kind kind,
    struct str name, const struct json_node *args)
{
	BUF_LIT(b, "toolpost requestState ");
	buf_u64(b, (uint64_t)kind);
	bound_part(b, name);
	bound_part(b, x->principal);
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

/* The plain form of what the next round must know: an answer that is asked for
 * again made no sense and is forgotten. */
static int
state_write(
    struct buf *plain, const struct mcp_exchange *x, const struct call *c)
{
	struct str state = c->state_set ? c->next_state : c->state;
	size_t answers;

	buf_char(plain, STATE_VERSION);
	buf_char(plain, (char)(x->round + 1));
	number_write(
	    plain, (uint64_t)(clock_wall_ns() + x->mcp->rounds->state_ns), 8);
	number_write(plain, state.len, 4);
	buf_str(plain, state);
	answers = plain->len;
	if (json_type(c->answers) == JSON_OBJECT) {
		struct buf text;

		buf_init(&text);
		buf_char(&text, '{');
		members_write(&text, c->answers, is_asked, c->needs);
		buf_char(&text, '}');
		buf_str(plain, buf_view(&text));
		plain->failed |= text.failed;
		buf_finish(&text);
	}
	if (plain->failed)
		return ERR_NOMEM;
	return plain->len - answers > MCP_ANSWERS_MAX ? ERR_LIMIT : 0;
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
		rc = bound_write(&bound, x, c->kind, c->name, c->args);
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
requests_write(struct buf *out, const struct call_need *needs)
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
		if (n->params.len > 0) {
			BUF_LIT(out, ",\"params\":");
			mcp_json_write(out, n->params);
		}
		buf_char(out, '}');
	}
	buf_char(out, '}');
	return rc;
}

/* MRTR-01 to MRTR-04: with a state where the handler has one, or where answers
 * of now must be there in the next round too. */
void
mcp_input_required(struct mcp_exchange *x, const struct call *c)
{
	struct buf *out = &x->mcp->out;
	int rc = 0;

	if (x->round >= MCP_ROUNDS_MAX) { /* MRTR-19 */
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "This request has asked for input %d times already",
		    MCP_ROUNDS_MAX);
		return;
	}
	buf_shrink(out, MCP_OUT_KEPT);
	rpc_write_result(out, x->id);
	BUF_LIT(out, "{\"resultType\":\"input_required\"");
	if (c->needs != NULL)
		rc = requests_write(out, c->needs);
	if (rc == 0
	    && (c->state_set || c->state.len > 0 || json_count(c->answers) > 0))
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
	struct str state, answers;
	uint64_t len;

	if (plain.len < STATE_HEAD_LEN || plain.ptr[0] != STATE_VERSION)
		return false;
	len = number_read(plain.ptr + 10, 4);
	if (len > plain.len - STATE_HEAD_LEN
	    || (uint64_t)clock_wall_ns() > number_read(plain.ptr + 2, 8))
		return false;
	x->round = (unsigned char)plain.ptr[1];
	state = str_sub(plain, STATE_HEAD_LEN, STATE_HEAD_LEN + len);
	answers = str_sub(plain, STATE_HEAD_LEN + len, plain.len);
	x->state = arena_dup(&x->arena, state);
	if (answers.len > 0)
		x->answers = json_parse_dup(answers, &x->arena);
	return !x->arena.failed;
}

static bool
state_open(struct mcp_exchange *x, enum call_kind kind, struct str name,
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
	if (bound_write(&bound, x, kind, name, args) == 0
	    && crypto_seal_open(x->mcp->rounds->seal, json_str(sealed),
		   buf_view(&bound), &plain)
		== 0)
		good = state_read(x, buf_view(&plain));
	buf_finish(&bound);
	buf_finish(&plain);
	return good;
}

bool
mcp_round_take(struct mcp_exchange *x, enum call_kind kind, struct str name,
    const struct json_node *args, const struct json_node *params)
{
	const struct json_node *answers = NULL, *state = NULL;

	JSON_EACH_MEMBER (k, v, params) {
		struct str key = json_str(k);

		if (str_equal(key, S("inputResponses")))
			answers = v;
		else if (str_equal(key, S("requestState")))
			state = v;
	}
	if (answers == NULL && state == NULL)
		return true;
	/* MRTR-13: answers that are no object are refused, never ignored. */
	if (answers != NULL && answers->type != JSON_OBJECT) {
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "params.inputResponses must be an object");
		return false;
	}
	if (state != NULL && !state_open(x, kind, name, args, state)) {
		mcp_errorf(x, RPC_INVALID_PARAMS, /* MRTR-08 */
		    "Invalid requestState: it was changed, has expired, or "
		    "belongs to another request");
		return false;
	}
	if (x->answers == NULL || answers == NULL) {
		if (answers != NULL)
			x->answers = answers;
		return true;
	}
	if (mcp_answers_merge(x, x->answers, answers, &x->answers) == 0)
		return true;
	mcp_errorf(x, RPC_INVALID_PARAMS,
	    "The answers so far are larger than %zu bytes", MCP_ANSWERS_MAX);
	return false;
}
