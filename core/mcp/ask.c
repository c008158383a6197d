/* SPDX-License-Identifier: Apache-2.0 */
/* Input rounds of the stateful era (MRTR-18): each question is a request on
 * the stream of the call, and its handler runs again when all are answered. */
#include <stdio.h>

#include "base/log.h"
#include "data/json_dup.h"
#include "mcp/task_priv.h"

#define ASKED_MAGIC 0x41534b44u
#define ID_PREFIX "srv-"
#define ID_MAX 48

/* One question on its way. */
struct ask {
	uint64_t number; /* in its id */
	struct str key;
	struct str method;
	struct str answer; /* JSON text; ptr NULL: none yet */
	bool unfit; /* it does not count */
	struct schema *form; /* owned; NULL: not a form */
};

/* All questions of one round; in the exchange's arena. */
struct mcp_asked {
	uint32_t magic;
	struct list node; /* in mcp->asking */
	struct mcp_exchange *x;
	struct loop_timer timer;
	/* What runs again. */
	enum call_kind kind;
	const struct registry_entry *entry; /* its set is held */
	struct str name;
	const struct json_node *args;
	size_t open; /* without an answer */
	size_t len;
	struct ask items[];
};

static struct str
id_text(const struct mcp_reactor *m, uint64_t number, char text[ID_MAX])
{
	int n = snprintf(text, ID_MAX, ID_PREFIX "%u-%llu", m->number,
	    (unsigned long long)number);

	return (struct str){ text, (size_t)n }; /* it fits */
}

struct str
mcp_ask_id(
    const struct mcp_reactor *m, uint64_t number, char *text, size_t size)
{
	int n = snprintf(text, size, ID_PREFIX "%u-%llu", m->number,
	    (unsigned long long)number);

	CHECK(n > 0 && (size_t)n < size);
	return (struct str){ text, (size_t)n };
}

static bool
id_parse(const struct json_node *id, unsigned *reactor, uint64_t *number)
{
	struct str first, rest = json_str(id);
	uint64_t r;

	if (json_type(id) != JSON_STRING || !str_starts(rest, S(ID_PREFIX)))
		return false;
	rest = str_sub(rest, sizeof ID_PREFIX - 1, rest.len);
	first = str_split(rest, '-', &rest);
	if (str_to_u64(first, &r) < 0 || str_to_u64(rest, number) < 0
	    || r > UINT32_MAX)
		return false;
	*reactor = (unsigned)r;
	return true;
}

bool
mcp_response_reactor(const struct json_node *id, unsigned *number)
{
	uint64_t n;

	return id_parse(id, number, &n);
}

static void
forms_destroy(struct ask *items, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		schema_destroy(items[i].form);
}

void
mcp_asked_drop(struct mcp_exchange *x)
{
	struct mcp_asked *a = x->asked;

	OBJ_CHECK(a, ASKED_MAGIC);
	forms_destroy(a->items, a->len);
	registry_set_unref(a->entry->set);
	loop_timer_clear(&a->timer);
	list_drop(&a->node);
	list_drop(&x->node);
	OBJ_WIPE(a);
	x->asked = NULL;
}

/* The client need not go on with what nobody waits for (CANC-01). */
static void
withdraw(struct mcp_exchange *x, const struct ask *ask, struct str reason)
{
	struct buf *out = &x->mcp->out;
	char id[ID_MAX];

	buf_shrink(out, MCP_OUT_KEPT);
	rpc_write_notification(out, S("notifications/cancelled"));
	BUF_LIT(out, "{\"requestId\":\"");
	buf_str(out, id_text(x->mcp, ask->number, id));
	BUF_LIT(out, "\",\"reason\":");
	if (json_write_str(out, reason) < 0)
		BUF_LIT(out, "\"\"");
	BUF_LIT(out, "}}");
	if (!out->failed)
		x->ops->notify(x, buf_view(out));
}

void
mcp_asked_fail(struct mcp_exchange *x, struct str text)
{
	struct mcp_asked *a = x->asked;
	enum call_kind kind = a->kind;
	size_t i;

	for (i = 0; i < a->len; i++)
		if (a->items[i].answer.ptr == NULL)
			withdraw(x, &a->items[i], text);
	mcp_asked_drop(x);
	mcp_call_failed(x, kind, text);
}

static void
waited_enough(void *arg)
{
	struct mcp_asked *a = arg;

	OBJ_CHECK(a, ASKED_MAGIC);
	LOG_DEBUG("client gave no input in time", F_STR("entry", a->name));
	mcp_asked_fail(a->x, S("The client did not answer in time"));
}

/* false: the client cannot be asked any more. */
static bool
request_send(
    struct mcp_exchange *x, const struct ask *ask, const struct call_need *n)
{
	struct buf *out = &x->mcp->out;
	char text[ID_MAX];
	struct str id = id_text(x->mcp, ask->number, text);

	buf_shrink(out, MCP_OUT_KEPT);
	rpc_write_request(out, id, n->method);
	mcp_question_write(out, x, n, id);
	buf_char(out, '}');
	return !out->failed && x->ops->ask != NULL
	    && x->ops->ask(x, buf_view(out));
}

/* Everything that must outlive the call; NULL without memory. */
static struct mcp_asked *
asked_create(struct mcp_exchange *x, const struct call *c)
{
	const struct call_need *n;
	struct mcp_asked *a;
	bool formless = false;

	a = arena_zalloc(
	    &x->arena, sizeof *a + c->needs_len * sizeof a->items[0]);
	if (a == NULL)
		return NULL;
	OBJ_INIT(a, ASKED_MAGIC);
	list_init(&a->node);
	loop_timer_init(&a->timer, waited_enough, a);
	a->x = x;
	a->kind = c->kind;
	a->entry = x->entry;
	a->name = arena_dup(&x->arena, c->name);
	if (c->args != NULL)
		a->args = json_dup(c->args, &x->arena);
	for (n = c->needs; n != NULL; n = n->next) {
		struct ask *ask = &a->items[a->len++];

		ask->number = ++x->mcp->asks;
		ask->key = arena_dup(&x->arena, n->key);
		ask->method = arena_dup(&x->arena, n->method);
		mcp_link_keep(x, n);
		if (n->form.len > 0) {
			ask->form = mcp_form_compile(n->form);
			formless = formless || ask->form == NULL;
		}
	}
	a->open = a->len;
	if (c->state_set)
		x->state = arena_dup(&x->arena, c->next_state);
	if (!x->arena.failed && !formless)
		return a;
	forms_destroy(a->items, a->len);
	return NULL;
}

/* MRTR-19; ELIC-07: with what was wrong with the last answer. */
static void
asked_enough(struct mcp_exchange *x, enum call_kind kind)
{
	struct buf text;

	buf_init(&text);
	BUF_LIT(&text, "The client was asked too often");
	if (x->misfit.len > 0) {
		BUF_LIT(&text, "; its last answer did not fit: ");
		buf_str(&text, x->misfit);
	}
	mcp_call_failed(x, kind,
	    text.failed ? S("The client was asked too often")
			: buf_view(&text));
	buf_finish(&text);
}

void
mcp_ask(struct mcp_exchange *x, const struct call *c)
{
	const struct mcp_rounds *rounds = x->mcp->rounds;
	const struct call_need *n = c->needs;
	struct mcp_asked *a;
	size_t i;

	if (x->round >= MCP_ROUNDS_MAX) {
		asked_enough(x, c->kind);
		return;
	}
	if (n == NULL) { /* a state alone: "come again" has no other form */
		mcp_call_failed(x, c->kind,
		    S("This is not ready yet: call it again later"));
		return;
	}
	a = asked_create(x, c);
	if (a == NULL) {
		mcp_errorf(x, RPC_INTERNAL_ERROR, "Out of memory");
		return;
	}
	/* The handler of now runs again, also when its plugin has been replaced
	 * meanwhile: half a conversation with another version makes no sense.
	 */
	registry_set_ref(a->entry->set);
	x->asked = a;
	list_push(&x->mcp->asking, &a->node);
	list_push(&x->mcp->running, &x->node);
	loop_timer_set(x->mcp->calls->loop, &a->timer,
	    loop_now(x->mcp->calls->loop)
		+ (rounds != NULL ? rounds->wait_ns : MCP_INPUT_WAIT_NS));
	for (i = 0; i < a->len; i++, n = n->next)
		if (!request_send(x, &a->items[i], n)) {
			mcp_asked_drop(x);
			mcp_call_failed(
			    x, c->kind, S("The client cannot be asked"));
			return;
		}
}

/* The answers of this round as one object in x's arena. */
static int
answers_take(struct mcp_exchange *x, const struct mcp_asked *a)
{
	const struct json_node *now;
	struct buf text;
	size_t i;
	int rc = 0;

	buf_init(&text);
	buf_char(&text, '{');
	for (i = 0; i < a->len; i++) {
		if (a->items[i].unfit)
			continue;
		if (text.len > 1)
			buf_char(&text, ',');
		rc |= json_write_str(&text, a->items[i].key);
		buf_char(&text, ':');
		buf_str(&text, a->items[i].answer);
	}
	buf_char(&text, '}');
	if (rc == 0 && text.len > MCP_ANSWERS_MAX)
		rc = ERR_LIMIT;
	now = rc == 0 && !text.failed
	    ? json_parse_dup(buf_view(&text), &x->arena)
	    : NULL;
	buf_finish(&text);
	if (rc == 0 && now == NULL)
		rc = ERR_NOMEM;
	return rc == 0 ? mcp_answers_merge(x, x->answers, now, &x->answers)
		       : rc;
}

static void
run_again(struct mcp_exchange *x)
{
	const struct mcp_asked *a = x->asked;
	const struct registry_entry *e = a->entry;
	enum call_kind kind = a->kind;
	struct str name = a->name;
	const struct json_node *args = a->args;
	int rc = answers_take(x, a);

	registry_set_ref(e->set); /* until the call holds it itself */
	mcp_asked_drop(x);
	if (rc < 0) {
		mcp_call_failed(x, kind,
		    rc == ERR_LIMIT
			? S("The client's answers are larger than the limit")
			: S("Out of memory"));
	} else {
		x->round++;
		mcp_call_start(x, kind, e, name, args, NULL);
	}
	registry_set_unref(e->set);
}

/* SAMP-08, ELIC-14: a refusal fails the call. */
static void
refused(struct mcp_exchange *x, const struct ask *ask,
    const struct json_node *error)
{
	struct str why = json_str(json_get(error, S("message")));
	struct buf text;

	buf_init(&text);
	BUF_LIT(&text, "The client refused ");
	buf_str(&text, ask->method);
	if (why.len > 0) {
		BUF_LIT(&text, ": ");
		buf_str(&text, str_sub(why, 0, CALL_MESSAGE_MAX));
	}
	mcp_asked_fail(x,
	    str_is_utf8(buf_view(&text)) ? buf_view(&text)
					 : S("The client refused to answer"));
	buf_finish(&text);
}

/* MRTR-13: a client that does not know what an answer is would not know it the
 * next time either. */
static void
malformed(struct mcp_exchange *x, const struct ask *ask, const char *fault)
{
	struct buf text;

	buf_init(&text);
	BUF_LIT(&text, "The client's answer to ");
	buf_str(&text, ask->method);
	BUF_LIT(&text, " is malformed: ");
	buf_cstr(&text, fault);
	mcp_asked_fail(x,
	    text.failed ? S("The client's answer is malformed")
			: buf_view(&text));
	buf_finish(&text);
}

/* ELIC-07: an answer that does not fit counts as none, and the handler, run
 * again without it, asks again. */
static void
fit_check(
    struct mcp_exchange *x, struct ask *ask, const struct json_node *result)
{
	struct buf text;

	if (ask->form == NULL)
		return;
	buf_init(&text);
	buf_str(&text, ask->key);
	BUF_LIT(&text, ": ");
	ask->unfit = !mcp_form_fits(x, ask->form, result, &text);
	if (ask->unfit) {
		LOG_DEBUG("answer does not fit its form",
		    F_STR("entry", x->asked->name),
		    F_STR("fault", buf_view(&text)));
		mcp_misfit_keep(x, buf_view(&text));
	}
	buf_finish(&text);
}

static void
answered(struct mcp_exchange *x, struct ask *ask, const struct rpc_message *r)
{
	const char *fault = NULL;
	int64_t code = 0;

	if (r->error != NULL)
		(void)json_i64(json_get(r->error, S("code")), &code);
	/* ROOT-05: a client that knows no roots has none. */
	if (code == RPC_METHOD_NOT_FOUND
	    && str_equal(ask->method, S("roots/list"))) {
		ask->answer = S("{\"roots\":[]}");
	} else if (r->error != NULL) {
		ask->answer = S("null"); /* not to be withdrawn */
		refused(x, ask, r->error);
		return;
	} else {
		fault = mcp_answer_fault(x, ask->method, r->result);
		ask->answer = fault == NULL
		    ? arena_dup(&x->arena, json_raw(r->result))
		    : S("null"); /* not to be withdrawn */
	}
	if (fault != NULL) {
		malformed(x, ask, fault);
		return;
	}
	if (ask->answer.ptr == NULL) {
		mcp_asked_fail(x, S("Out of memory"));
		return;
	}
	if (r->error == NULL)
		fit_check(x, ask, r->result);
	if (--x->asked->open == 0)
		run_again(x);
}

void
mcp_response(struct mcp_reactor *m, uint64_t scope, const struct rpc_message *r)
{
	unsigned reactor;
	uint64_t number;
	size_t i;

	OBJ_CHECK(m, MCP_REACTOR_MAGIC);
	if (!id_parse(r->id, &reactor, &number) || reactor != m->number
	    || mcp_task_response(m, scope, number, r))
		return;
	LIST_EACH (node, &m->asking) {
		struct mcp_asked *a = LIST_OBJ(node, struct mcp_asked, node);

		if (a->x->scope != scope) /* nobody answers for another */
			continue;
		for (i = 0; i < a->len; i++) {
			struct ask *ask = &a->items[i];

			if (ask->number != number)
				continue;
			if (ask->answer.ptr == NULL)
				answered(a->x, ask, r);
			return;
		}
	}
}

void
mcp_scope_deaf(struct mcp_reactor *m, uint64_t scope)
{
	mcp_task_scope_deaf(m, scope);
	LIST_EACH_SAFE (node, &m->asking) {
		struct mcp_asked *a = LIST_OBJ(node, struct mcp_asked, node);

		if (a->x->scope == scope)
			mcp_asked_fail(
			    a->x, S("The client has ended its stream"));
	}
}
