/* SPDX-License-Identifier: Apache-2.0 */
/* resources/subscribe and resources/unsubscribe of the stateful era (RSRC-13):
 * which resources a session wants to hear of.
 *
 * The requests of a session may come in on any reactor, and its stream is on
 * one of them: the set has a lock, held for one look-up, never while bytes
 * are sent.  It is made with the first subscription, so that a session
 * without one costs a pointer. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "data/uri.h"
#include "mcp/mcp_priv.h"

struct mcp_subscriptions {
	pthread_mutex_t lock; /* guards the map; before that of watches */
	struct map uris; /* of struct subscribed, owned */
	struct registry_watches *watches; /* shared; each URI counts there */
};

struct subscribed {
	size_t len;
	char uri[];
};

static void
subscriptions_lock(struct mcp_subscriptions *s)
{
	CHECK(pthread_mutex_lock(&s->lock) == 0);
}

static void
subscriptions_unlock(struct mcp_subscriptions *s)
{
	CHECK(pthread_mutex_unlock(&s->lock) == 0);
}

static void
subscriptions_destroy(struct mcp_subscriptions *s)
{
	if (s == NULL)
		return;
	MAP_EACH (slot, &s->uris) {
		registry_watches_remove(s->watches, slot->key);
		free(slot->value);
	}
	registry_watches_unref(s->watches);
	map_finish(&s->uris);
	(void)pthread_mutex_destroy(&s->lock); /* nobody holds it */
	free(s);
}

/* Two reactors may be first at once: one set stays. */
static struct mcp_subscriptions *
subscriptions_of(struct mcp_peer *p, struct registry_watches *watches)
{
	struct mcp_subscriptions *s = atomic_load(&p->subscriptions);
	struct mcp_subscriptions *made;

	if (s != NULL)
		return s;
	made = calloc(1, sizeof *made);
	if (made == NULL)
		return NULL;
	map_init(&made->uris);
	if (pthread_mutex_init(&made->lock, NULL) != 0) {
		free(made);
		return NULL;
	}
	registry_watches_ref(watches);
	made->watches = watches;
	if (atomic_compare_exchange_strong(&p->subscriptions, &s, made))
		return made;
	subscriptions_destroy(made);
	return s;
}

void
mcp_peer_finish(struct mcp_peer *p)
{
	subscriptions_destroy(atomic_exchange(&p->subscriptions, NULL));
}

bool
mcp_peer_is_subscribed(struct mcp_peer *p, struct str uri)
{
	struct mcp_subscriptions *s = atomic_load(&p->subscriptions);
	bool found;

	if (s == NULL)
		return false;
	subscriptions_lock(s);
	found = map_find(&s->uris, uri) != NULL;
	subscriptions_unlock(s);
	return found;
}

/* With the lock: what a plugin reports as soon as it is told of a watch finds
 * the subscription. */
static int
add_new(struct mcp_subscriptions *s, struct subscribed *u)
{
	struct str uri = { u->uri, u->len };
	int rc;

	if (s->uris.len >= MCP_SUBSCRIPTIONS_MAX)
		return ERR_LIMIT;
	rc = map_set(&s->uris, uri, u, NULL);
	if (rc < 0)
		return rc;
	rc = registry_watches_add(s->watches, uri);
	if (rc < 0)
		(void)map_remove(&s->uris, uri);
	return rc;
}

/* Once more is no more (ERR_NOMEM, ERR_LIMIT). */
static int
add(struct mcp_subscriptions *s, struct str uri)
{
	struct subscribed *u = malloc(sizeof *u + uri.len);
	bool there;
	int rc = 0;

	if (u == NULL)
		return ERR_NOMEM;
	u->len = uri.len;
	memcpy(u->uri, uri.ptr, uri.len);
	subscriptions_lock(s);
	there = map_find(&s->uris, uri) != NULL;
	if (!there)
		rc = add_new(s, u);
	subscriptions_unlock(s);
	if (there || rc < 0)
		free(u);
	return rc;
}

/* False: it has answered. */
static bool
uri_take(struct mcp_exchange *x, const struct rpc_message *m, struct str *uri)
{
	const struct json_node *node = json_get(m->params, S("uri"));

	*uri = json_str(node);
	if (json_type(node) == JSON_STRING
	    && uri->len <= MCP_SUBSCRIPTION_URI_MAX)
		return true;
	mcp_errorf(x, RPC_INVALID_PARAMS,
	    "params.uri must be a string of at most %d bytes",
	    MCP_SUBSCRIPTION_URI_MAX);
	return false;
}

static void
done(struct mcp_exchange *x)
{
	(void)mcp_result_begin(x);
	mcp_result_end(x);
}

void
mcp_resources_subscribe(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	const struct registry_snapshot *r = registry_current(x->mcp->registry);
	const struct json_node *variables = NULL;
	struct mcp_subscriptions *s;
	struct str uri;
	int rc;

	(void)headers;
	if (!uri_take(x, m, &uri))
		return;
	/* Only what can be read: a session could be told of it otherwise. */
	if (registry_find_uri(r, uri, &x->arena, &variables) == NULL) {
		if (uri_is_valid(uri))
			mcp_resource_not_found(x, uri);
		else
			mcp_errorf(x, RPC_INVALID_PARAMS,
			    "params.uri is not a URI (RFC 3986)");
		return;
	}
	s = subscriptions_of(x->peer, registry_watches(x->mcp->registry));
	rc = s != NULL ? add(s, uri) : ERR_NOMEM;
	if (rc == 0)
		done(x);
	else if (rc == ERR_LIMIT)
		mcp_errorf(x, RPC_INVALID_PARAMS,
		    "a session may subscribe to %d resources; unsubscribe "
		    "from some first",
		    MCP_SUBSCRIPTIONS_MAX);
	else
		mcp_errorf(x, RPC_INTERNAL_ERROR, "Out of memory");
}

/* Also of what is not subscribed, or is not there any more. */
void
mcp_resources_unsubscribe(struct mcp_exchange *x, const struct rpc_message *m,
    const struct mcp_headers *headers)
{
	struct mcp_subscriptions *s;
	struct subscribed *u = NULL;
	struct str uri;

	(void)headers;
	if (!uri_take(x, m, &uri))
		return;
	s = atomic_load(&x->peer->subscriptions);
	if (s != NULL) {
		subscriptions_lock(s);
		u = map_remove(&s->uris, uri);
		if (u != NULL)
			registry_watches_remove(s->watches, uri);
		subscriptions_unlock(s);
	}
	free(u);
	done(x);
}

bool
mcp_listener_updated(
    struct mcp_reactor *m, struct mcp_listener *l, struct str uri)
{
	struct buf *out = &m->out;

	/* LIFE-06 */
	if (atomic_load(&l->peer->phase) != (int)MCP_PEER_READY
	    || !mcp_peer_is_subscribed(l->peer, uri))
		return false;
	buf_shrink(out, MCP_OUT_KEPT);
	rpc_write_notification(out, S("notifications/resources/updated"));
	BUF_LIT(out, "{\"uri\":");
	buf_json(out, uri);
	BUF_LIT(out, "}}");
	if (!out->failed)
		l->send(l, buf_view(out));
	return true;
}
