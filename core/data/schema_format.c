/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/check.h"
#include "data/schema_priv.h"
#include "data/uri.h"

static const struct schema_format formats[] = {
	{ "uri", uri_is_valid },
	{ "uri-reference", uri_is_reference },
	{ "ipv4", uri_is_ipv4 },
	{ "ipv6", uri_is_ipv6 },
	{ "regex", schema_pattern_is_valid },
};

const struct schema_format *
schema_format_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (str_equal(name, str_of(formats[i].name)))
			return &formats[i];
	return NULL;
}
