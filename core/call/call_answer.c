/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler does with its call: it builds the answer, reports progress,
 * listens for cancellation. */
#include <sys/mman.h>

#include <stdlib.h>
#include <string.h>

#include "call/call_priv.h"

bool
call_is_cancelled(const struct call *c)
{
	return atomic_load_explicit(&c->cancelled,
	    memory_order_acquire /* pairs with stop() in call.c */);
}

int
call_on_cancel(struct call *c, void (*hook)(void *arg), void *arg)
{
	int rc = 0;

	CHECK(pthread_mutex_lock(&c->hook_lock) == 0);
	if (c->hook_closed)
		rc = ERR_STATE;
	else if (call_is_cancelled(c))
		rc = ERR_CANCELLED;
	else if (c->hook != NULL)
		rc = ERR_EXISTS;
	if (rc == 0) {
		c->hook = hook;
		c->hook_arg = arg;
	}
	CHECK(pthread_mutex_unlock(&c->hook_lock) == 0);
	return rc;
}

bool
call_is_direct(const struct call *c)
{
	return loop_is_here(c->reactor->loop)
	    && (c->inline_run || c->target->remote);
}

bool
call_report_begin(struct call *c)
{
	if (atomic_fetch_add_explicit(&c->reports, 1,
		memory_order_relaxed /* only the count matters */)
	    >= CALL_REPORTS_MAX) {
		(void)atomic_fetch_sub_explicit(&c->reports, 1,
		    memory_order_relaxed /* only the count matters */);
		return false;
	}
	(void)atomic_fetch_add_explicit(&c->refs, 1,
	    memory_order_relaxed /* the caller's own reference protects it */);
	return true;
}

/* The handler still runs: its call holds the last reference, not this. */
void
call_report_drop(struct call *c)
{
	(void)atomic_fetch_sub_explicit(
	    &c->reports, 1, memory_order_relaxed /* only the count matters */);
	CHECK(atomic_fetch_sub_explicit(
		  &c->refs, 1, memory_order_relaxed /* as above */)
	    > 1);
}

void
call_report_end(struct call *c)
{
	(void)atomic_fetch_sub_explicit(
	    &c->reports, 1, memory_order_relaxed /* only the count matters */);
	call_unref(c);
}

/* One report on its way to the reactor; holds a reference on the call. */
struct progress_msg {
	struct loop_msg msg;
	struct call *call;
	double done;
	double total;
	size_t len;
	char text[];
};

static void
progress_run(struct loop_msg *msg)
{
	struct progress_msg *p = CONTAINER_OF(msg, struct progress_msg, msg);
	struct call *c = p->call;

	if (!c->answered)
		c->sink->progress(
		    c, p->done, p->total, (struct str){ p->text, p->len });
	call_report_end(c);
	free(p);
}

int
call_progress(struct call *c, double done, double total, struct str text)
{
	struct progress_msg *p;

	if (call_is_cancelled(c))
		return ERR_CANCELLED;
	if (call_is_direct(c)) {
		if (!c->answered)
			c->sink->progress(c, done, total, text);
		return 0;
	}
	if (text.len > CALL_PROGRESS_TEXT_MAX)
		return ERR_LIMIT;
	if (!call_report_begin(c))
		return ERR_BUSY;
	p = malloc(sizeof *p + text.len);
	if (p == NULL) {
		call_report_drop(c);
		return ERR_NOMEM;
	}
	p->msg.run = progress_run;
	p->call = c;
	p->done = done;
	p->total = total;
	p->len = text.len;
	if (text.len > 0)
		memcpy(p->text, text.ptr, text.len);
	loop_post(c->reactor->loop, &p->msg);
	return 0;
}

int
call_account(struct call *c, size_t bytes)
{
	size_t max =
	    c->target->result_max > 0 ? c->target->result_max : CALL_RESULT_MAX;

	if (bytes > max - c->result_bytes || c->result_bytes > max) {
		c->too_large = true;
		return ERR_LIMIT;
	}
	c->result_bytes += bytes;
	return 0;
}

void
call_lend(struct call *c, void *map, size_t len)
{
	CHECK(c->lent.ptr == NULL);
	c->lent = (struct str){ map, len };
}

void
call_lent_drop(struct call *c)
{
	if (c->lent.ptr != NULL)
		CHECK(munmap((void *)(uintptr_t)c->lent.ptr, c->lent.len) == 0);
	c->lent = STR_NONE;
}

static struct str
keep(struct call *c, struct str s)
{
	bool is_lent = c->lent.ptr != NULL
	    && (uintptr_t)s.ptr >= (uintptr_t)c->lent.ptr
	    && (uintptr_t)s.ptr < (uintptr_t)c->lent.ptr + c->lent.len;

	return is_lent ? s : arena_dup(&c->arena, s);
}

int
call_content_add(struct call *c, const struct call_content *block)
{
	struct call_content *copy;
	int rc = call_account(c,
	    block->data.len + block->mime.len + block->uri.len
		+ block->name.len);

	if (rc < 0)
		return rc;
	copy = arena_zalloc(&c->arena, sizeof *copy);
	if (copy == NULL)
		return ERR_NOMEM;
	copy->type = block->type;
	copy->binary = block->binary;
	copy->assistant = block->assistant;
	copy->data = keep(c, block->data);
	copy->mime = arena_dup(&c->arena, block->mime);
	copy->uri = arena_dup(&c->arena, block->uri);
	copy->name = arena_dup(&c->arena, block->name);
	if (c->arena.failed)
		return ERR_NOMEM;
	*c->contents_tail = copy;
	c->contents_tail = &copy->next;
	c->contents_len++;
	return 0;
}

int
call_structured_set(struct call *c, struct str json)
{
	int rc = call_account(c, json.len);

	if (rc < 0)
		return rc;
	c->structured = keep(c, json);
	return c->structured.ptr != NULL ? 0 : ERR_NOMEM;
}

int
call_fail(struct call *c, int status, struct str message)
{
	if (message.len > CALL_MESSAGE_MAX) {
		message.len = CALL_MESSAGE_MAX;
		/* Not in the middle of a character. */
		while (
		    message.len > CALL_MESSAGE_MAX - 4 && !str_is_utf8(message))
			message.len--;
	}
	c->message = arena_dup(&c->arena, message);
	return status;
}
