/* SPDX-License-Identifier: Apache-2.0 */
/* The keywords: which there are in each draft, and how they hold subschemas. */
#include "base/check.h"
#include "data/schema_keyword.h"

#define BOTH (DRAFT_7 | DRAFT_2020)
#define D7 DRAFT_7
#define D20 DRAFT_2020

/* clang-format off */
static const struct schema_keyword keywords[] = {
	{ "$ref", BOTH, CHILD_NONE, VOCAB_CORE, OP_REF, schema_compile_ref },
	{ "$dynamicRef", D20, CHILD_NONE, VOCAB_CORE, OP_DYNAMIC_REF, schema_compile_ref },
	{ "$id", BOTH, CHILD_NONE, VOCAB_CORE, OP_COUNT, schema_check_string },
	{ "$schema", BOTH, CHILD_NONE, VOCAB_CORE, OP_COUNT, schema_check_string },
	{ "$anchor", D20, CHILD_NONE, VOCAB_CORE, OP_COUNT, schema_check_string },
	{ "$dynamicAnchor", D20, CHILD_NONE, VOCAB_CORE, OP_COUNT, schema_check_string },
	{ "$vocabulary", D20, CHILD_NONE, VOCAB_CORE, OP_COUNT, schema_check_object },
	{ "$comment", BOTH, CHILD_NONE, VOCAB_CORE, OP_COUNT, schema_check_string },
	{ "$defs", D20, CHILD_MAP, VOCAB_CORE, OP_COUNT, schema_check_object },
	{ "definitions", BOTH, CHILD_MAP, VOCAB_CORE, OP_COUNT, schema_check_object },

	{ "type", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_COUNT, schema_compile_type },
	{ "const", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_CONST, schema_compile_value },
	{ "enum", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_ENUM, schema_compile_enum },
	{ "maximum", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MAXIMUM, schema_compile_limit },
	{ "exclusiveMaximum", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_EXCLUSIVE_MAXIMUM, schema_compile_limit },
	{ "minimum", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MINIMUM, schema_compile_limit },
	{ "exclusiveMinimum", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_EXCLUSIVE_MINIMUM, schema_compile_limit },
	{ "multipleOf", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MULTIPLE_OF, schema_compile_limit },
	{ "maxLength", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MAX_LENGTH, schema_compile_count },
	{ "minLength", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MIN_LENGTH, schema_compile_count },
	{ "pattern", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_PATTERN, schema_compile_pattern },
	{ "maxItems", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MAX_ITEMS, schema_compile_count },
	{ "minItems", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MIN_ITEMS, schema_compile_count },
	{ "uniqueItems", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_UNIQUE, schema_compile_unique },
	{ "maxContains", D20, CHILD_NONE, VOCAB_VALIDATION, OP_COUNT, schema_compile_count },
	{ "minContains", D20, CHILD_NONE, VOCAB_VALIDATION, OP_COUNT, schema_compile_count },
	{ "maxProperties", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MAX_PROPERTIES, schema_compile_count },
	{ "minProperties", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_MIN_PROPERTIES, schema_compile_count },
	{ "required", BOTH, CHILD_NONE, VOCAB_VALIDATION, OP_OBJECT, schema_compile_object },
	{ "dependentRequired", D20, CHILD_NONE, VOCAB_VALIDATION, OP_DEPENDENT, schema_compile_dependent },

	{ "properties", BOTH, CHILD_MAP, VOCAB_APPLICATOR, OP_OBJECT, schema_compile_object },
	{ "patternProperties", BOTH, CHILD_MAP, VOCAB_APPLICATOR, OP_OBJECT, schema_compile_object },
	{ "additionalProperties", BOTH, CHILD_ONE, VOCAB_APPLICATOR, OP_OBJECT, schema_compile_object },
	{ "propertyNames", BOTH, CHILD_ONE, VOCAB_APPLICATOR, OP_PROPERTY_NAMES, schema_compile_one },
	{ "dependentSchemas", D20, CHILD_MAP, VOCAB_APPLICATOR, OP_DEPENDENT, schema_compile_dependent },
	{ "dependencies", BOTH, CHILD_MAP_MIXED, VOCAB_APPLICATOR, OP_DEPENDENT, schema_compile_dependent },
	{ "prefixItems", D20, CHILD_LIST, VOCAB_APPLICATOR, OP_ITEMS, schema_compile_items },
	{ "items", D20, CHILD_ONE, VOCAB_APPLICATOR, OP_ITEMS, schema_compile_items },
	{ "items", D7, CHILD_ONE_OR_LIST, VOCAB_APPLICATOR, OP_ITEMS, schema_compile_items },
	{ "additionalItems", D7, CHILD_ONE, VOCAB_APPLICATOR, OP_ITEMS, schema_compile_items },
	{ "contains", BOTH, CHILD_ONE, VOCAB_APPLICATOR, OP_CONTAINS, schema_compile_contains },
	{ "allOf", BOTH, CHILD_LIST, VOCAB_APPLICATOR, OP_ALL_OF, schema_compile_list },
	{ "anyOf", BOTH, CHILD_LIST, VOCAB_APPLICATOR, OP_ANY_OF, schema_compile_list },
	{ "oneOf", BOTH, CHILD_LIST, VOCAB_APPLICATOR, OP_ONE_OF, schema_compile_list },
	{ "not", BOTH, CHILD_ONE, VOCAB_APPLICATOR, OP_NOT, schema_compile_one },
	{ "if", BOTH, CHILD_ONE, VOCAB_APPLICATOR, OP_IF, schema_compile_if },
	{ "then", BOTH, CHILD_ONE, VOCAB_APPLICATOR, OP_COUNT, NULL },
	{ "else", BOTH, CHILD_ONE, VOCAB_APPLICATOR, OP_COUNT, NULL },

	{ "unevaluatedItems", D20, CHILD_ONE, VOCAB_UNEVALUATED, OP_UNEVALUATED_ITEMS, schema_compile_one },
	{ "unevaluatedProperties", D20, CHILD_ONE, VOCAB_UNEVALUATED,
	    OP_UNEVALUATED_PROPERTIES, schema_compile_one },

	{ "format", BOTH, CHILD_NONE, VOCAB_FORMAT | VOCAB_FORMAT_ASSERTION, OP_FORMAT, schema_compile_format },
	{ "contentEncoding", BOTH, CHILD_NONE, VOCAB_CONTENT, OP_COUNT, schema_check_string },
	{ "contentMediaType", BOTH, CHILD_NONE, VOCAB_CONTENT, OP_COUNT, schema_check_string },
	{ "contentSchema", D20, CHILD_ONE, VOCAB_CONTENT, OP_COUNT, NULL },
	{ "title", BOTH, CHILD_NONE, VOCAB_META, OP_COUNT, schema_check_string },
	{ "description", BOTH, CHILD_NONE, VOCAB_META, OP_COUNT, schema_check_string },
	{ "deprecated", D20, CHILD_NONE, VOCAB_META, OP_COUNT, schema_check_boolean },
	{ "readOnly", BOTH, CHILD_NONE, VOCAB_META, OP_COUNT, schema_check_boolean },
	{ "writeOnly", BOTH, CHILD_NONE, VOCAB_META, OP_COUNT, schema_check_boolean },
	{ "examples", BOTH, CHILD_NONE, VOCAB_META, OP_COUNT, schema_check_array },
};
/* clang-format on */

const struct schema_keyword *
schema_keyword_find(const struct schema_resource *resource, struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
		const struct schema_keyword *k = &keywords[i];

		if ((k->drafts & resource->draft) != 0
		    && (k->vocabulary & resource->vocabularies) != 0
		    && str_equal(name, str_of(k->name)))
			return k;
	}
	return NULL;
}

const struct json_node *
schema_keyword_get(const struct schema_rule *rule, const char *name)
{
	if (schema_keyword_find(rule->resource, str_of(name)) == NULL)
		return NULL;
	return json_get(rule->node, str_of(name));
}
