/* SPDX-License-Identifier: Apache-2.0 */
/* Input rounds of both eras, also when memory runs out anywhere on the way. */
#include <stdio.h>

#include "base/check.h"
#include "unit/data/alloc.h"
#include "unit/mcp/rig.h"

static const unsigned char key[CRYPTO_SEAL_KEY_LEN] = "a key";

#define FORM \
	S("{\n\"message\":\"m\",\"requestedSchema\":{\"type\":\"object\"," \
	  "\"properties\":{}}}")

/* Asks for a, then for b, each with a state. */
static int
ask_twice(struct call *c)
{
	static const struct str keys[] = { STR("a"), STR("b") };
	size_t i;

	for (i = 0; i < ARRAY_LEN(keys); i++) {
		int rc;

		if (json_get(c->answers, keys[i]) != NULL)
			continue;
		rc = call_need_add(c, keys[i], S("elicitation/create"), FORM);
		if (rc == 0)
			rc = call_state_set(c, keys[i]);
		if (rc == ERR_UNSUPPORTED)
			return CALL_ENOTSUP;
		return rc == 0 ? CALL_INPUT : CALL_ENOMEM;
	}
	return rig_say(c);
}

static void
begin(struct rig *r, struct mcp_rounds *rounds, struct crypto_seal *seal)
{
	*rounds = (struct mcp_rounds){ seal, NS_PER_S, NS_PER_S, NULL };
	rig_begin(r);
	r->handler = ask_twice;
	mcp_reactor_rounds_set(r->mcp, rounds, 3);
}

/* The request, with what stands before its _meta. */
static bool
request(struct rig *r, const char *more)
{
	char text[4096];

	(void)snprintf(text, sizeof text,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\","
	    "\"params\":{\"name\":\"say\",%s\"_meta\":{"
	    "\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
	    "\"io.modelcontextprotocol/clientCapabilities\":"
	    "{\"elicitation\":{}}}}}",
	    more);
	return rig_serve(r, text);
}

/* requestState of the last answer. */
static void
state_of(const struct rig *r, char *out, size_t size)
{
	const char *at = strstr(r->answer, "\"requestState\":\"");

	ck_assert_msg(at != NULL, "%s", r->answer);
	at += strlen("\"requestState\":\"");
	(void)snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
}

#define ANSWER "{\"action\":\"accept\"}"

static void
retry_text(char *out, size_t size, const char *state, const char *which)
{
	(void)snprintf(out, size,
	    "\"requestState\":\"%s\",\"inputResponses\":{\"%s\":" ANSWER "},",
	    state, which);
}

START_TEST(rounds_of_the_stateless_era) /* MRTR-01, MRTR-07 */
{
	struct crypto_seal *seal = crypto_seal_create(key, NULL);
	struct mcp_rounds rounds;
	struct rig r;
	char state[1024], more[2048];

	begin(&r, &rounds, seal);
	ck_assert(request(&r, ""));
	ck_assert_ptr_nonnull(strstr(r.answer, "\"inputRequests\":{\"a\":"));
	ck_assert_ptr_null(strchr(r.answer, '\n'));
	state_of(&r, state, sizeof state);
	retry_text(more, sizeof more, state, "a");
	ck_assert(request(&r, more));
	ck_assert_ptr_nonnull(strstr(r.answer, "\"inputRequests\":{\"b\":"));
	state_of(&r, state, sizeof state);
	retry_text(more, sizeof more, state, "b");
	ck_assert(request(&r, more));
	ck_assert_ptr_nonnull(strstr(r.answer, "said"));
	rounds.state_ns = -1; /* MRTR-09: it has expired when it is made */
	ck_assert(request(&r, ""));
	state_of(&r, state, sizeof state);
	retry_text(more, sizeof more, state, "a");
	ck_assert(request(&r, more));
	ck_assert_ptr_nonnull(strstr(r.answer, "-32602"));
	ck_assert_int_eq(r.asks, 0);
	rig_end(&r);
	crypto_seal_destroy(seal);
}
END_TEST

START_TEST(without_a_seal_there_is_no_state)
{
	struct mcp_rounds rounds;
	struct rig r;

	begin(&r, &rounds, NULL);
	ck_assert(request(&r, ""));
	ck_assert_ptr_nonnull(strstr(r.answer, "-32603"));
	ck_assert(request(&r, "\"requestState\":\"x\","));
	ck_assert_ptr_nonnull(strstr(r.answer, "-32602"));
	rig_end(&r);
}
END_TEST

static void
handshake(struct rig *r)
{
	ck_assert(rig_serve(r,
	    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\","
	    "\"params\":{\"protocolVersion\":\"2025-11-25\","
	    "\"capabilities\":{\"elicitation\":{}},"
	    "\"clientInfo\":{\"name\":\"c\",\"version\":\"1\"}}}"));
	ck_assert(rig_serve(r,
	    "{\"jsonrpc\":\"2.0\","
	    "\"method\":\"notifications/initialized\"}"));
	r->answers = 0;
}

static bool
call_stateful(struct rig *r)
{
	return rig_serve(r,
	    "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\","
	    "\"params\":{\"name\":\"say\"}}");
}

/* To the last question, in the name of scope. */
static void
respond(struct rig *r, uint64_t scope, const char *result)
{
	struct json_doc *doc = mcp_reactor_doc(r->mcp);
	const char *id = strstr(r->asked, "\"id\":");
	struct rpc_message m;
	char text[512];

	CHECK(id != NULL); /* ck_assert() takes memory */
	(void)snprintf(text, sizeof text, "{\"jsonrpc\":\"2.0\",%.*s,%s}",
	    (int)strcspn(id, ","), id, result);
	if (json_parse(doc, str_of(text), JSON_PROTOCOL) < 0)
		return; /* without memory */
	rpc_message_read(doc->nodes, &m);
	mcp_response(r->mcp, scope, &m);
}

START_TEST(rounds_of_the_stateful_era) /* MRTR-18, ELIC-16 */
{
	struct mcp_rounds rounds;
	struct rig r;

	begin(&r, &rounds, NULL);
	handshake(&r);
	ck_assert(call_stateful(&r));
	ck_assert_int_eq(r.asks, 1);
	ck_assert_ptr_nonnull(strstr(r.asked, "\"id\":\"srv-3-1\""));
	ck_assert_ptr_null(strchr(r.asked, '\n'));
	respond(&r, r.peer.scope + 1, "\"result\":" ANSWER); /* a stranger */
	ck_assert_int_eq(r.asks, 1);
	respond(&r, r.peer.scope, "\"result\":" ANSWER);
	ck_assert_int_eq(r.asks, 2);
	ck_assert_int_eq(r.answers, 0);
	respond(&r, r.peer.scope, "\"result\":" ANSWER);
	ck_assert_int_eq(r.answers, 1);
	ck_assert_ptr_nonnull(strstr(r.answer, "said"));
	rig_end(&r);
}
END_TEST

START_TEST(a_wait_ends_in_each_way_there_is)
{
	struct mcp_rounds rounds;
	struct rig r;

	begin(&r, &rounds, NULL);
	handshake(&r);
	ck_assert(call_stateful(&r));
	respond(&r, r.peer.scope,
	    "\"error\":{\"code\":-1,\"message\":\"not now\"}"); /* SAMP-08 */
	ck_assert_ptr_nonnull(strstr(r.answer, "not now"));
	ck_assert_int_eq(r.notices, 0);
	ck_assert(call_stateful(&r));
	mcp_scope_deaf(r.mcp, r.peer.scope);
	ck_assert_ptr_nonnull(strstr(r.answer, "ended its stream"));
	ck_assert_ptr_nonnull(strstr(r.notice, "notifications/cancelled"));
	ck_assert(call_stateful(&r));
	ck_assert_uint_eq(mcp_drain(r.mcp, false), 1);
	ck_assert_int_eq(r.answers, 2);
	(void)mcp_drain(r.mcp, true);
	ck_assert_ptr_nonnull(strstr(r.answer, "server ends"));
	ck_assert(call_stateful(&r));
	mcp_scope_end(r.mcp, r.peer.scope); /* SES-08: without a word */
	ck_assert_str_eq(r.answer, "");
	rounds.wait_ns = 0;
	ck_assert(call_stateful(&r));
	while (strstr(r.answer, "in time") == NULL)
		loop_turn(r.loop);
	r.deaf = true;
	ck_assert(call_stateful(&r));
	ck_assert_ptr_nonnull(strstr(r.answer, "cannot be asked"));
	ck_assert_int_eq(r.answers, 6);
	rounds.wait_ns = NS_PER_S;
	r.deaf = false;
	ck_assert(call_stateful(&r)); /* left waiting when its stream goes */
	rig_end(&r);
}
END_TEST

START_TEST(a_state_belongs_to_who_was_asked) /* MRTR-09, ELIC-16 */
{
	static const struct str others[] = { STR("bob"), STR(""), STR("alic"),
		STR("alice2"), STR("Alice") };
	struct crypto_seal *seal = crypto_seal_create(key, NULL);
	struct mcp_rounds rounds;
	struct rig r;
	char state[1024], more[2048];
	size_t i;

	begin(&r, &rounds, seal);
	r.principal = S("alice");
	ck_assert(request(&r, ""));
	state_of(&r, state, sizeof state);
	retry_text(more, sizeof more, state, "a");
	for (i = 0; i < ARRAY_LEN(others); i++) {
		r.principal = others[i];
		ck_assert(request(&r, more));
		ck_assert_ptr_nonnull(strstr(r.answer, "-32602"));
	}
	r.principal = S("alice");
	ck_assert(request(&r, more));
	ck_assert_ptr_nonnull(strstr(r.answer, "\"inputRequests\":{\"b\":"));
	rig_end(&r);
	crypto_seal_destroy(seal);
}
END_TEST

START_TEST(a_state_that_counts_once_counts_once) /* MRTR-10 */
{
	struct crypto_seal *seal = crypto_seal_create(key, NULL);
	struct store_nonces *nonces = store_nonces_create(2, NS_PER_S, NULL);
	struct store_nonces *other = store_nonces_create(2, NS_PER_S, NULL);
	struct mcp_rounds rounds;
	struct rig r;
	char state[1024], more[2048];

	begin(&r, &rounds, seal);
	rounds.nonces = nonces;
	r.entries[0].single_use = true;
	/* Nobody was asked: what is brought does not count. */
	ck_assert(request(&r, "\"inputResponses\":{\"a\":" ANSWER "},"));
	ck_assert_ptr_nonnull(strstr(r.answer, "\"inputRequests\":{\"a\":"));
	state_of(&r, state, sizeof state);
	retry_text(more, sizeof more, state, "a");
	rounds.nonces = other; /* another process with the same keys */
	ck_assert(request(&r, more));
	ck_assert_ptr_nonnull(strstr(r.answer, "-32602"));
	rounds.nonces = nonces;
	ck_assert(request(&r, more));
	ck_assert_ptr_nonnull(strstr(r.answer, "\"inputRequests\":{\"b\":"));
	ck_assert(request(&r, more));
	ck_assert_ptr_nonnull(strstr(r.answer, "used already"));
	ck_assert(request(&r, ""));
	state_of(&r, state, sizeof state);
	retry_text(more, sizeof more, state, "a");
	ck_assert(request(&r, more));
	ck_assert(request(&r, ""));
	state_of(&r, state, sizeof state);
	retry_text(more, sizeof more, state, "a");
	ck_assert(request(&r, more)); /* there is no place to note it */
	ck_assert_ptr_nonnull(strstr(r.answer, "retryAfterMs"));
	ck_assert_int_eq(r.status, 503);
	rig_end(&r);
	store_nonces_destroy(other);
	store_nonces_destroy(nonces);
	crypto_seal_destroy(seal);
}
END_TEST

static int
too_busy(struct call *c)
{
	(void)c;
	return CALL_EBUSY;
}

START_TEST(what_was_not_run_was_not_used) /* MRTR-10 */
{
	struct crypto_seal *seal = crypto_seal_create(key, NULL);
	struct store_nonces *nonces = store_nonces_create(2, NS_PER_S, NULL);
	struct mcp_rounds rounds;
	struct rig r;
	char state[1024], more[2048];

	begin(&r, &rounds, seal);
	rounds.nonces = nonces;
	r.entries[0].single_use = true;
	ck_assert(request(&r, ""));
	state_of(&r, state, sizeof state);
	retry_text(more, sizeof more, state, "a");
	r.handler = too_busy;
	ck_assert(request(&r, more));
	ck_assert_ptr_nonnull(strstr(r.answer, "retryAfterMs"));
	r.handler = ask_twice;
	ck_assert(request(&r, more));
	ck_assert_ptr_nonnull(strstr(r.answer, "\"inputRequests\":{\"b\":"));
	rig_end(&r);
	store_nonces_destroy(nonces);
	crypto_seal_destroy(seal);
}
END_TEST

#define STRICT \
	S("{\"message\":\"m\",\"requestedSchema\":{\"type\":\"object\"," \
	  "\"properties\":{\"n\":{\"type\":\"integer\"}}," \
	  "\"required\":[\"n\"]}}")

static int
ask_strictly(struct call *c)
{
	int rc;

	if (json_get(c->answers, S("a")) != NULL)
		return rig_say(c);
	rc = call_need_add(c, S("a"), S("elicitation/create"), STRICT);
	return rc == 0 ? CALL_INPUT : CALL_ENOMEM;
}

/* ELIC-07: nothing that does not fit reaches the handler, whatever fails. */
static void
starve_unfit(long n, bool *failed)
{
	struct mcp_rounds rounds;
	struct rig r;
	int left;

	begin(&r, &rounds, NULL);
	r.handler = ask_strictly;
	handshake(&r);
	ck_assert(call_stateful(&r));
	alloc_left = n;
	for (left = 2; left > 0 && r.answers == 0; left--)
		respond(&r, r.peer.scope,
		    "\"result\":{\"action\":\"accept\",\"content\":"
		    "{\"n\":\"1\"}}");
	*failed = alloc_left < 0;
	alloc_left = -1;
	ck_assert_ptr_null(strstr(r.answer, "said"));
	if (*failed) {
		ck_assert_int_le(r.answers, 1);
	} else {
		ck_assert_int_eq(r.answers, 0);
		ck_assert_int_eq(r.asks, 3);
		respond(&r, r.peer.scope,
		    "\"result\":{\"action\":\"accept\",\"content\":"
		    "{\"n\":1}}");
		ck_assert_ptr_nonnull(strstr(r.answer, "said"));
	}
	rig_end(&r);
}

static void
starve_unfit_stateless(long n, bool *failed)
{
	struct crypto_seal *seal = crypto_seal_create(key, NULL);
	struct mcp_rounds rounds;
	struct rig r;
	char state[1024], more[2048];

	begin(&r, &rounds, seal);
	r.handler = ask_strictly;
	ck_assert(request(&r, ""));
	state_of(&r, state, sizeof state);
	(void)snprintf(more, sizeof more,
	    "\"requestState\":\"%s\",\"inputResponses\":{\"a\":{\"action\":"
	    "\"accept\",\"content\":{\"n\":\"1\"}}},",
	    state);
	r.answer[0] = '\0';
	alloc_left = n;
	(void)request(&r, more);
	*failed = alloc_left < 0;
	alloc_left = -1;
	ck_assert_ptr_null(strstr(r.answer, "said"));
	if (!*failed)
		ck_assert_ptr_nonnull(strstr(r.answer, "input_required"));
	rig_end(&r);
	crypto_seal_destroy(seal);
}

/* One whole conversation; whatever fails, there is one answer in the end. */
static void
starve_stateful(long n, bool *failed)
{
	struct mcp_rounds rounds;
	struct rig r;
	bool served;

	begin(&r, &rounds, NULL);
	handshake(&r);
	alloc_left = n;
	served = call_stateful(&r);
	if (served && r.answers == 0)
		respond(&r, r.peer.scope, "\"result\":" ANSWER);
	if (served && r.answers == 0)
		respond(&r, r.peer.scope, "\"result\":" ANSWER);
	*failed = alloc_left < 0;
	alloc_left = -1;
	ck_assert_int_le(r.answers, 1);
	if (!*failed)
		ck_assert_ptr_nonnull(strstr(r.answer, "said"));
	rig_end(&r);
}

static void
starve_stateless(long n, bool *failed)
{
	struct crypto_seal *seal = crypto_seal_create(key, NULL);
	struct mcp_rounds rounds;
	struct rig r;
	char state[1024], more[2048];
	struct json_doc doc;
	bool served;

	json_doc_init(&doc);
	begin(&r, &rounds, seal);
	ck_assert(request(&r, ""));
	state_of(&r, state, sizeof state);
	retry_text(more, sizeof more, state, "a");
	r.answers = 0;
	r.answer[0] = '\0';
	alloc_left = n;
	served = request(&r, more);
	*failed = alloc_left < 0;
	alloc_left = -1;
	if (served)
		ck_assert_int_eq(r.answers, 1);
	if (r.answer[0] != '\0')
		ck_assert_msg(
		    json_parse(&doc, str_of(r.answer), JSON_PROTOCOL) == 0,
		    "%ld: %s", n, r.answer);
	ck_assert_ptr_null(strstr(r.answer, "said"));
	ck_assert(request(&r, more));
	state_of(&r, state, sizeof state);
	json_doc_finish(&doc);
	rig_end(&r);
	crypto_seal_destroy(seal);
}

START_TEST(a_round_without_memory_is_one_error_and_no_more)
{
	bool failed = ALLOC_WORKS;
	long n;

	for (n = 0; failed; n++)
		starve_stateful(n, &failed);
	failed = ALLOC_WORKS;
	for (n = 0; failed; n++)
		starve_stateless(n, &failed);
	failed = ALLOC_WORKS;
	for (n = 0; failed; n++)
		starve_unfit(n, &failed);
	failed = ALLOC_WORKS;
	for (n = 0; failed; n++)
		starve_unfit_stateless(n, &failed);
}
END_TEST

UNIT_MAIN("mcp/rounds", rounds_of_the_stateless_era,
    a_state_belongs_to_who_was_asked, a_state_that_counts_once_counts_once,
    what_was_not_run_was_not_used, without_a_seal_there_is_no_state,
    rounds_of_the_stateful_era, a_wait_ends_in_each_way_there_is,
    a_round_without_memory_is_one_error_and_no_more)
