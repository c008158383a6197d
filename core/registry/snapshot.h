/* SPDX-License-Identifier: Apache-2.0 */
/* Building and dropping one snapshot; for registry.c alone. */
#ifndef REGISTRY_SNAPSHOT_H
#define REGISTRY_SNAPSHOT_H

#include "registry/registry.h"

/* [control] From sets sorted by plugin name; takes a reference on each.
 * before, if not NULL, is what it follows: versions grow where lists differ
 * or touched says so. */
struct registry_snapshot *registry_snapshot_build(
    struct registry_set *const *sets, size_t len,
    const struct registry_snapshot *before, const bool touched[REGISTRY_KINDS],
    struct err *err);
void registry_snapshot_destroy(struct registry_snapshot *s);

#endif
