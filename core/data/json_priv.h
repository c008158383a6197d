/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of the JSON code; nobody else includes it. */
#ifndef DATA_JSON_PRIV_H
#define DATA_JSON_PRIV_H

#include "data/json.h"

/* [any] Equal for numbers that json_number_compare() calls equal. */
uint64_t json_number_hash(const struct json_node *n);

#endif
