/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked list.  A node is in one list at most; list_drop on a
 * node that is in none is harmless if the node was list_node_init'ed. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

struct list {
	struct list *next;
	struct list *prev;
};

static inline void
list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool
list_is_empty(const struct list *l)
{
	return l->next == l;
}

/* Appends node at the tail of l. */
static inline void
list_push(struct list *l, struct list *node)
{
	node->prev = l->prev;
	node->next = l;
	l->prev->next = node;
	l->prev = node;
}

/* Puts node at the head of l. */
static inline void
list_push_first(struct list *l, struct list *node)
{
	list_push(l->next, node);
}

static inline void
list_drop(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* The object that holds node. */
#define LIST_OBJ(node_, type_, member_) CONTAINER_OF(node_, type_, member_)
#define LIST_EACH(it_, list_) \
	for (struct list *it_ = (list_)->next; it_ != (list_); it_ = it_->next)
/* The current node may be dropped. */
#define LIST_EACH_SAFE(it_, list_) \
	for (struct list *it_ = (list_)->next, *it_##_next = it_->next; \
	     it_ != (list_); it_ = it_##_next, it_##_next = it_->next)

#endif
