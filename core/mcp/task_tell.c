/* SPDX-License-Identifier: Apache-2.0 */
/* What reactors tell each other of tasks. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "mcp/task_priv.h"

struct task_msg {
	struct loop_msg msg;
	struct list node; /* in a task's told */
	struct mcp_reactor *mcp; /* who is told; not used on the way home */
	struct mcp_task_op *op; /* at home, who waits for it, or NULL */
	struct loop *home; /* op's; outlives every reactor */
	enum mcp_task_word word;
	enum mcp_revision revision;
	uint64_t scope;
	size_t id_len;
	size_t len;
	char text[]; /* the id, and what is said */
};

/* The row of a task that somebody here watches. */
struct changed {
	struct store_request q;
	struct mcp_reactor *mcp;
	size_t id_len;
	char id[];
};

bool
mcp_task_is_awaited(const struct mcp_reactor *m, struct str id)
{
	LIST_EACH (node, &m->task_waiters) {
		const struct mcp_task_waiter *w =
		    LIST_OBJ(node, struct mcp_task_waiter, node);

		if (str_equal(w->id, id))
			return true;
	}
	return false;
}

/* Those that see an end leave the list. */
static void
waiters_see(
    struct mcp_reactor *m, struct str id, const struct mcp_task_row *row)
{
	LIST_EACH_SAFE (node, &m->task_waiters) {
		struct mcp_task_waiter *w =
		    LIST_OBJ(node, struct mcp_task_waiter, node);

		if (!str_equal(w->id, id))
			continue;
		if (row == NULL)
			mcp_task_unknown(w->x);
		else
			mcp_task_waiter_see(w, row);
	}
}

static void
changed_read(struct store_request *q)
{
	struct changed *c = CONTAINER_OF(q, struct changed, q);
	struct mcp_task_row row;

	if (q->rc == 0 && mcp_task_row_read(&q->row, &row)) {
		waiters_see(c->mcp, row.id, &row);
		if (mcp_revision_is_stateless(row.revision))
			mcp_listening_task(c->mcp, &row);
		else
			mcp_listeners_task(c->mcp, &row);
	} else { /* its time was over */
		waiters_see(c->mcp, (struct str){ c->id, c->id_len }, NULL);
	}
	free(c);
}

static void
changed_hear(struct mcp_reactor *m, struct str id, const struct task_msg *t)
{
	struct changed *c;

	if (!mcp_task_is_awaited(m, id) && !mcp_listening_has_task(m, id)
	    && (mcp_revision_is_stateless(t->revision)
		|| list_is_empty(&m->listeners)))
		return;
	c = malloc(sizeof *c + id.len);
	if (c == NULL) {
		LOG_WARN("task change not told: out of memory");
		return;
	}
	memset(c, 0, sizeof *c);
	memcpy(c->id, id.ptr, id.len);
	c->mcp = m;
	c->id_len = id.len;
	c->q.done = changed_read;
	c->q.home = m->calls->loop;
	c->q.row.id = (struct str){ c->id, id.len };
	store_read(m->tasks->store, &c->q);
}

/* TKL-10: on the streams of those who wait for the result. */
static void
relay(struct mcp_reactor *m, struct str id, struct str text)
{
	LIST_EACH_SAFE (node, &m->task_waiters) {
		struct mcp_task_waiter *w =
		    LIST_OBJ(node, struct mcp_task_waiter, node);

		if (str_equal(w->id, id))
			w->x->ops->notify(w->x, text);
	}
}

/* The memory is the sender's own: an acknowledgement cannot fail. */
static void
go_home(struct task_msg *t)
{
	t->word = MCP_TASK_HEARD;
	loop_post(t->home, &t->msg);
}

void
mcp_task_told(struct mcp_task *t)
{
	LIST_EACH_SAFE (node, &t->told) {
		list_drop(node);
		go_home(LIST_OBJ(node, struct task_msg, node));
	}
}

/* On the task's reactor, what is for the task alone. */
static void
task_hear(struct task_msg *t, struct mcp_task *task, struct str text)
{
	switch (t->word) {
	case MCP_TASK_STOP:
		mcp_task_stop(task);
		break;
	case MCP_TASK_ANSWERS:
		mcp_task_answer(task, text);
		break;
	default:
		mcp_task_refuse(task, text);
		break;
	}
}

static void
task_msg_run(struct loop_msg *msg)
{
	struct task_msg *t = CONTAINER_OF(msg, struct task_msg, msg);
	struct str id = { t->text, t->id_len };
	struct str text = { t->text + t->id_len, t->len };
	struct mcp_task *task;

	if (t->word == MCP_TASK_HEARD) {
		mcp_task_heard(t->op);
	} else if (t->word == MCP_TASK_CHANGED) {
		changed_hear(t->mcp, id, t);
	} else if (t->word == MCP_TASK_RELAY) {
		relay(t->mcp, id, text);
	} else {
		task = mcp_task_find(t->mcp, id);
		if (task != NULL)
			task_hear(t, task, text);
		if (t->op != NULL) {
			/* It may have ended of what it was told. */
			task = mcp_task_find(t->mcp, id);
			if (task != NULL && task->saving)
				list_push(&task->told, &t->node);
			else
				go_home(t);
			return;
		}
	}
	free(t);
}

/* NULL without memory. */
static struct task_msg *
task_msg_make(struct mcp_reactor *m, enum mcp_task_word word,
    const struct mcp_task_row *row, struct str text)
{
	struct task_msg *t = malloc(sizeof *t + row->id.len + text.len);

	if (t == NULL)
		return NULL;
	memset(t, 0, sizeof *t);
	t->msg.run = task_msg_run;
	list_init(&t->node);
	t->mcp = m;
	t->word = word;
	t->revision = row->revision;
	t->scope = row->scope;
	t->id_len = row->id.len;
	t->len = text.len;
	memcpy(t->text, row->id.ptr, row->id.len);
	if (text.len > 0)
		memcpy(t->text + row->id.len, text.ptr, text.len);
	return t;
}

/* NULL: a row may name a reactor of an earlier run. */
static struct mcp_reactor *
place_find(const struct mcp_tasks *tasks, unsigned place)
{
	return place < tasks->places_len ? tasks->places[place].mcp : NULL;
}

int
mcp_task_post(struct mcp_tasks *tasks, unsigned place, enum mcp_task_word word,
    const struct mcp_task_row *row, struct str text)
{
	struct mcp_reactor *m = place_find(tasks, place);
	struct task_msg *t;

	if (m == NULL)
		return 0;
	t = task_msg_make(m, word, row, text);
	if (t == NULL)
		return ERR_NOMEM;
	loop_post(m->calls->loop, &t->msg);
	return 0;
}

int
mcp_task_answers_post(
    struct mcp_task_op *op, const struct mcp_task_row *row, struct str answers)
{
	struct mcp_reactor *m = place_find(op->mcp->tasks, row->place);
	struct task_msg *t;

	if (m == NULL) {
		mcp_task_heard(op);
		return 0;
	}
	t = task_msg_make(m, MCP_TASK_ANSWERS, row, answers);
	if (t == NULL)
		return ERR_NOMEM;
	t->op = op;
	t->home = op->mcp->calls->loop;
	loop_post(m->calls->loop, &t->msg);
	return 0;
}

void
mcp_task_tell(struct mcp_tasks *tasks, enum mcp_task_word word,
    const struct mcp_task_row *row, struct str text)
{
	unsigned i;

	for (i = 0; i < tasks->places_len; i++)
		if (atomic_load(&tasks->places[i].watching) > 0
		    && mcp_task_post(tasks, i, word, row, text) < 0)
			LOG_WARN("task change not told: out of memory");
}

void
mcp_task_watch(struct mcp_reactor *m, int more)
{
	if (m->tasks != NULL)
		atomic_fetch_add(
		    &m->tasks->places[m->number].watching, (unsigned)more);
}
