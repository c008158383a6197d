/* SPDX-License-Identifier: Apache-2.0 */
#include "call/target.h"

#include <string.h>

#include "base/check.h"

void
call_target_init(struct call_target *t, const struct call_target_ops *ops)
{
	memset(t, 0, sizeof *t);
	t->ops = ops;
	t->queue_max = CALL_QUEUE_DEFAULT;
	list_init(&t->queue);
	CHECK(pthread_mutex_init(&t->lock, NULL) == 0);
}

void
call_target_finish(struct call_target *t)
{
	CHECK(t->running == 0 && list_is_empty(&t->queue));
	(void)pthread_mutex_destroy(&t->lock); /* nobody holds it any more */
}
