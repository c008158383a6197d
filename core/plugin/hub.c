/* SPDX-License-Identifier: Apache-2.0 */
/* What plugins tell from any thread, brought to the control loop. */
#include <stdlib.h>
#include <string.h>

#include "plugin/generation.h"

static void hub_run(struct loop_msg *msg);

struct plugin_hub *
plugin_hub_create(struct loop *control, void *owner)
{
	struct plugin_hub *h = calloc(1, sizeof *h);

	if (h == NULL)
		return NULL;
	ref_init(&h->ref);
	h->loop = control;
	h->owner = owner;
	h->msg.run = hub_run;
	for (size_t i = 0; i < REGISTRY_KINDS; i++)
		map_init(&h->keys[i]);
	if (pthread_mutex_init(&h->lock, NULL) != 0) {
		free(h);
		return NULL;
	}
	return h;
}

void
plugin_hub_leave(struct plugin_hub *h)
{
	h->owner = NULL;
	plugin_hub_unref(h);
}

void
plugin_hub_ref(struct plugin_hub *h)
{
	ref_take(&h->ref);
}

void
plugin_hub_unref(struct plugin_hub *h)
{
	if (!ref_drop(&h->ref))
		return;
	for (size_t i = 0; i < REGISTRY_KINDS; i++)
		map_finish(&h->keys[i]);
	(void)pthread_mutex_destroy(&h->lock); /* nobody holds it */
	free(h);
}

void
plugin_hub_lock(struct plugin_hub *h)
{
	CHECK(pthread_mutex_lock(&h->lock) == 0);
}

void
plugin_hub_unlock(struct plugin_hub *h)
{
	CHECK(pthread_mutex_unlock(&h->lock) == 0);
}

/* [control] One message for all lists that changed meanwhile. */
static void
hub_run(struct loop_msg *msg)
{
	struct plugin_hub *h = CONTAINER_OF(msg, struct plugin_hub, msg);
	unsigned kinds;

	/* First: what comes after this posts again. */
	atomic_store_explicit(&h->posted, false,
	    memory_order_release /* pairs with plugin_hub_touch() */);
	kinds = atomic_exchange_explicit(&h->kinds, 0,
	    memory_order_acq_rel /* pairs with plugin_hub_touch() */);
	if (h->owner != NULL && h->touched != NULL && kinds != 0)
		h->touched(h->owner, kinds);
	plugin_hub_unref(h);
}

void
plugin_hub_touch(struct plugin_hub *h, unsigned kind)
{
	(void)atomic_fetch_or_explicit(&h->kinds, 1u << kind,
	    memory_order_acq_rel /* pairs with hub_run() */);
	if (atomic_exchange_explicit(&h->posted, true,
		memory_order_acq_rel /* pairs with hub_run() */))
		return;
	plugin_hub_ref(h);
	loop_post(h->loop, &h->msg);
}

struct resource_msg {
	struct loop_msg msg;
	struct plugin_hub *hub; /* shared */
	struct str uri; /* in text */
	char text[];
};

static void
resource_run(struct loop_msg *msg)
{
	struct resource_msg *r = CONTAINER_OF(msg, struct resource_msg, msg);
	struct plugin_hub *h = r->hub;

	(void)atomic_fetch_sub_explicit(&h->resources, 1,
	    memory_order_relaxed /* only the count matters */);
	if (h->owner != NULL && h->resource != NULL)
		h->resource(h->owner, r->uri);
	free(r);
	plugin_hub_unref(h);
}

int
plugin_hub_resource(struct plugin_hub *h, struct str uri)
{
	struct resource_msg *r = NULL;

	if (atomic_fetch_add_explicit(&h->resources, 1,
		memory_order_relaxed /* only the count matters */)
	    < PLUGIN_CHANGES_MAX)
		r = malloc(sizeof *r + uri.len);
	if (r == NULL) {
		(void)atomic_fetch_sub_explicit(
		    &h->resources, 1, memory_order_relaxed /* as above */);
		return ERR_BUSY;
	}
	memcpy(r->text, uri.ptr, uri.len);
	r->uri = (struct str){ r->text, uri.len };
	r->msg.run = resource_run;
	r->hub = h;
	plugin_hub_ref(h);
	loop_post(h->loop, &r->msg);
	return 0;
}
