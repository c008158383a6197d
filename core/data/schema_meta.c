/* SPDX-License-Identifier: Apache-2.0 */
/* The schemas of the two dialects, published by json-schema.org under the
 * revised BSD licence or AFL 3.0, spaces left out.  A schema may refer to
 * them; nothing is ever fetched. */
#include "base/check.h"
#include "data/schema_priv.h"

struct meta {
	const char *uri;
	const char *json;
};

/* clang-format off */
static const struct meta metas[] = {
	{ "https://json-schema.org/draft/2020-12/schema",
	  "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id"
	  "\":\"https://json-schema.org/draft/2020-12/schema\",\"$vocabulary\""
	  ":{\"https://json-schema.org/draft/2020-12/vocab/core\":true,\"htt"
	  "ps://json-schema.org/draft/2020-12/vocab/applicator\":true,\"htt"
	  "ps://json-schema.org/draft/2020-12/vocab/unevaluated\":true,\"ht"
	  "tps://json-schema.org/draft/2020-12/vocab/validation\":true,\"ht"
	  "tps://json-schema.org/draft/2020-12/vocab/meta-data\":true,\"htt"
	  "ps://json-schema.org/draft/2020-12/vocab/format-annotation\":tr"
	  "ue,\"https://json-schema.org/draft/2020-12/vocab/content\":true}"
	  ",\"$dynamicAnchor\":\"meta\",\"title\":\"Core and Validation specific"
	  "ations meta-schema\",\"allOf\":[{\"$ref\":\"meta/core\"},{\"$ref\":\"m"
	  "eta/applicator\"},{\"$ref\":\"meta/unevaluated\"},{\"$ref\":\"meta/val"
	  "idation\"},{\"$ref\":\"meta/meta-data\"},{\"$ref\":\"meta/format-annot"
	  "ation\"},{\"$ref\":\"meta/content\"}],\"type\":[\"object\",\"boolean\""
	  "],\"$comment\":\"This meta-schema also defines keywords that have"
	  " appeared in previous drafts in order to prevent incompatible "
	  "extensions as they remain in common use.\",\"properties\":{\"defin"
	  "itions\":{\"$comment\":\"\\\"definitions\\\" has been replaced by \\\""
	  "$defs\\\".\",\"type\":\"object\",\"additionalProperties\":{\"$dynamicR"
	  "ef\":\"#meta\"},\"deprecated\":true,\"default\":{}},\"dependencies\":{"
	  "\"$comment\":\"\\\"dependencies\\\" has been split and replaced by \\"
	  "\"dependentSchemas\\\" and \\\"dependentRequired\\\" in order to serv"
	  "e their differing semantics.\",\"type\":\"object\",\"additionalPrope"
	  "rties\":{\"anyOf\":[{\"$dynamicRef\":\"#meta\"},{\"$ref\":\"meta/valid"
	  "ation#/$defs/stringArray\"}]},\"deprecated\":true,\"default\":{}},\""
	  "$recursiveAnchor\":{\"$comment\":\"\\\"$recursiveAnchor\\\" has been r"
	  "eplaced by \\\"$dynamicAnchor\\\".\",\"$ref\":\"meta/core#/$defs/ancho"
	  "rString\",\"deprecated\":true},\"$recursiveRef\":{\"$comment\":\"\\\"$"
	  "recursiveRef\\\" has been replaced by \\\"$dynamicRef\\\".\",\"$ref\":"
	  "\"meta/core#/$defs/uriReferenceString\",\"deprecated\":true}}}" },
	{ "https://json-schema.org/draft/2020-12/meta/core",
	  "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id"
	  "\":\"https://json-schema.org/draft/2020-12/meta/core\",\"$vocabula"
	  "ry\":{\"https://json-schema.org/draft/2020-12/vocab/core\":true},"
	  "\"$dynamicAnchor\":\"meta\",\"title\":\"Core vocabulary meta-schema\","
	  "\"type\":[\"object\",\"boolean\"],\"properties\":{\"$id\":{\"$ref\":\""
	  "#/$defs/uriReferenceString\",\"$comment\":\"Non-empty fragments no"
	  "t allowed.\",\"pattern\":\"^[^#]*#?$\"},\"$schema\":{\"$ref\":\"#/$def"
	  "s/uriString\"},\"$ref\":{\"$ref\":\"#/$defs/uriReferenceString\"},\"$a"
	  "nchor\":{\"$ref\":\"#/$defs/anchorString\"},\"$dynamicRef\":{\"$ref\":"
	  "\"#/$defs/uriReferenceString\"},\"$dynamicAnchor\":{\"$ref\":\"#/$def"
	  "s/anchorString\"},\"$vocabulary\":{\"type\":\"object\",\"propertyNames"
	  "\":{\"$ref\":\"#/$defs/uriString\"},\"additionalProperties\":{\"type\""
	  ":\"boolean\"}},\"$comment\":{\"type\":\"string\"},\"$defs\":{\"type\":"
	  "\"object\",\"additionalProperties\":{\"$dynamicRef\":\"#meta\"}}},\"$d"
	  "efs\":{\"anchorString\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z_]["
	  "-A-Za-z0-9._]*$\"},\"uriString\":{\"type\":\"string\",\"format\":\"uri"
	  "\"},\"uriReferenceString\":{\"type\":\"string\",\"format\":\"uri-refer"
	  "ence\"}}}" },
	{ "https://json-schema.org/draft/2020-12/meta/applicator",
	  "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id"
	  "\":\"https://json-schema.org/draft/2020-12/meta/applicator\",\"$vo"
	  "cabulary\":{\"https://json-schema.org/draft/2020-12/vocab/applic"
	  "ator\":true},\"$dynamicAnchor\":\"meta\",\"title\":\"Applicator vocabu"
	  "lary meta-schema\",\"type\":[\"object\",\"boolean\"],\"properties\":{"
	  "\"prefixItems\":{\"$ref\":\"#/$defs/schemaArray\"},\"items\":{\"$dynam"
	  "icRef\":\"#meta\"},\"contains\":{\"$dynamicRef\":\"#meta\"},\"addition"
	  "alProperties\":{\"$dynamicRef\":\"#meta\"},\"properties\":{\"type\":\""
	  "object\",\"additionalProperties\":{\"$dynamicRef\":\"#meta\"},\"defaul"
	  "t\":{}},\"patternProperties\":{\"type\":\"object\",\"additionalPropert"
	  "ies\":{\"$dynamicRef\":\"#meta\"},\"propertyNames\":{\"format\":\"rege"
	  "x\"},\"default\":{}},\"dependentSchemas\":{\"type\":\"object\",\"addit"
	  "ionalProperties\":{\"$dynamicRef\":\"#meta\"},\"default\":{}},\"proper"
	  "tyNames\":{\"$dynamicRef\":\"#meta\"},\"if\":{\"$dynamicRef\":\"#meta"
	  "\"},\"then\":{\"$dynamicRef\":\"#meta\"},\"else\":{\"$dynamicRef\":\"#"
	  "meta\"},\"allOf\":{\"$ref\":\"#/$defs/schemaArray\"},\"anyOf\":{\"$ref"
	  "\":\"#/$defs/schemaArray\"},\"oneOf\":{\"$ref\":\"#/$defs/schemaArray"
	  "\"},\"not\":{\"$dynamicRef\":\"#meta\"}},\"$defs\":{\"schemaArray\":{"
	  "\"type\":\"array\",\"minItems\":1,\"items\":{\"$dynamicRef\":\"#meta\""
	  "}}}}" },
	{ "https://json-schema.org/draft/2020-12/meta/unevaluated",
	  "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id"
	  "\":\"https://json-schema.org/draft/2020-12/meta/unevaluated\",\"$v"
	  "ocabulary\":{\"https://json-schema.org/draft/2020-12/vocab/uneva"
	  "luated\":true},\"$dynamicAnchor\":\"meta\",\"title\":\"Unevaluated app"
	  "licator vocabulary meta-schema\",\"type\":[\"object\",\"boolean\"],\"p"
	  "roperties\":{\"unevaluatedItems\":{\"$dynamicRef\":\"#meta\"},\"uneval"
	  "uatedProperties\":{\"$dynamicRef\":\"#meta\"}}}" },
	{ "https://json-schema.org/draft/2020-12/meta/validation",
	  "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id"
	  "\":\"https://json-schema.org/draft/2020-12/meta/validation\",\"$vo"
	  "cabulary\":{\"https://json-schema.org/draft/2020-12/vocab/valida"
	  "tion\":true},\"$dynamicAnchor\":\"meta\",\"title\":\"Validation vocabu"
	  "lary meta-schema\",\"type\":[\"object\",\"boolean\"],\"properties\":{"
	  "\"type\":{\"anyOf\":[{\"$ref\":\"#/$defs/simpleTypes\"},{\"type\":\"ar"
	  "ray\",\"items\":{\"$ref\":\"#/$defs/simpleTypes\"},\"minItems\":1,\"un"
	  "iqueItems\":true}]},\"const\":true,\"enum\":{\"type\":\"array\",\"item"
	  "s\":true},\"multipleOf\":{\"type\":\"number\",\"exclusiveMinimum\":0},"
	  "\"maximum\":{\"type\":\"number\"},\"exclusiveMaximum\":{\"type\":\"num"
	  "ber\"},\"minimum\":{\"type\":\"number\"},\"exclusiveMinimum\":{\"type"
	  "\":\"number\"},\"maxLength\":{\"$ref\":\"#/$defs/nonNegativeInteger\"}"
	  ",\"minLength\":{\"$ref\":\"#/$defs/nonNegativeIntegerDefault0\"},\"pa"
	  "ttern\":{\"type\":\"string\",\"format\":\"regex\"},\"maxItems\":{\"$re"
	  "f\":\"#/$defs/nonNegativeInteger\"},\"minItems\":{\"$ref\":\"#/$defs/n"
	  "onNegativeIntegerDefault0\"},\"uniqueItems\":{\"type\":\"boolean\",\"d"
	  "efault\":false},\"maxContains\":{\"$ref\":\"#/$defs/nonNegativeInteg"
	  "er\"},\"minContains\":{\"$ref\":\"#/$defs/nonNegativeInteger\",\"defau"
	  "lt\":1},\"maxProperties\":{\"$ref\":\"#/$defs/nonNegativeInteger\"},\""
	  "minProperties\":{\"$ref\":\"#/$defs/nonNegativeIntegerDefault0\"},\""
	  "required\":{\"$ref\":\"#/$defs/stringArray\"},\"dependentRequired\":{"
	  "\"type\":\"object\",\"additionalProperties\":{\"$ref\":\"#/$defs/strin"
	  "gArray\"}}},\"$defs\":{\"nonNegativeInteger\":{\"type\":\"integer\",\""
	  "minimum\":0},\"nonNegativeIntegerDefault0\":{\"$ref\":\"#/$defs/nonN"
	  "egativeInteger\",\"default\":0},\"simpleTypes\":{\"enum\":[\"array\","
	  "\"boolean\",\"integer\",\"null\",\"number\",\"object\",\"string\"]},\""
	  "stringArray\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"un"
	  "iqueItems\":true,\"default\":[]}}}" },
	{ "https://json-schema.org/draft/2020-12/meta/meta-data",
	  "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id"
	  "\":\"https://json-schema.org/draft/2020-12/meta/meta-data\",\"$voc"
	  "abulary\":{\"https://json-schema.org/draft/2020-12/vocab/meta-da"
	  "ta\":true},\"$dynamicAnchor\":\"meta\",\"title\":\"Meta-data vocabular"
	  "y meta-schema\",\"type\":[\"object\",\"boolean\"],\"properties\":{\"ti"
	  "tle\":{\"type\":\"string\"},\"description\":{\"type\":\"string\"},\"de"
	  "fault\":true,\"deprecated\":{\"type\":\"boolean\",\"default\":false},"
	  "\"readOnly\":{\"type\":\"boolean\",\"default\":false},\"writeOnly\":{"
	  "\"type\":\"boolean\",\"default\":false},\"examples\":{\"type\":\"array"
	  "\",\"items\":true}}}" },
	{ "https://json-schema.org/draft/2020-12/meta/format-annotation",
	  "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id"
	  "\":\"https://json-schema.org/draft/2020-12/meta/format-annotatio"
	  "n\",\"$vocabulary\":{\"https://json-schema.org/draft/2020-12/vocab"
	  "/format-annotation\":true},\"$dynamicAnchor\":\"meta\",\"title\":\"For"
	  "mat vocabulary meta-schema for annotation results\",\"type\":[\"ob"
	  "ject\",\"boolean\"],\"properties\":{\"format\":{\"type\":\"string\"}}}" },
	{ "https://json-schema.org/draft/2020-12/meta/format-assertion",
	  "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id"
	  "\":\"https://json-schema.org/draft/2020-12/meta/format-assertion"
	  "\",\"$vocabulary\":{\"https://json-schema.org/draft/2020-12/vocab/"
	  "format-assertion\":true},\"$dynamicAnchor\":\"meta\",\"title\":\"Forma"
	  "t vocabulary meta-schema for assertion results\",\"type\":[\"objec"
	  "t\",\"boolean\"],\"properties\":{\"format\":{\"type\":\"string\"}}}" },
	{ "https://json-schema.org/draft/2020-12/meta/content",
	  "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id"
	  "\":\"https://json-schema.org/draft/2020-12/meta/content\",\"$vocab"
	  "ulary\":{\"https://json-schema.org/draft/2020-12/vocab/content\":"
	  "true},\"$dynamicAnchor\":\"meta\",\"title\":\"Content vocabulary meta"
	  "-schema\",\"type\":[\"object\",\"boolean\"],\"properties\":{\"contentE"
	  "ncoding\":{\"type\":\"string\"},\"contentMediaType\":{\"type\":\"strin"
	  "g\"},\"contentSchema\":{\"$dynamicRef\":\"#meta\"}}}" },
	{ "http://json-schema.org/draft-07/schema",
	  "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"$id\":\"ht"
	  "tp://json-schema.org/draft-07/schema#\",\"title\":\"Core schema me"
	  "ta-schema\",\"definitions\":{\"schemaArray\":{\"type\":\"array\",\"min"
	  "Items\":1,\"items\":{\"$ref\":\"#\"}},\"nonNegativeInteger\":{\"type\""
	  ":\"integer\",\"minimum\":0},\"nonNegativeIntegerDefault0\":{\"allOf\":"
	  "[{\"$ref\":\"#/definitions/nonNegativeInteger\"},{\"default\":0}]},\""
	  "simpleTypes\":{\"enum\":[\"array\",\"boolean\",\"integer\",\"null\",\""
	  "number\",\"object\",\"string\"]},\"stringArray\":{\"type\":\"array\","
	  "\"items\":{\"type\":\"string\"},\"uniqueItems\":true,\"default\":[]}},"
	  "\"type\":[\"object\",\"boolean\"],\"properties\":{\"$id\":{\"type\":\""
	  "string\",\"format\":\"uri-reference\"},\"$schema\":{\"type\":\"string"
	  "\",\"format\":\"uri\"},\"$ref\":{\"type\":\"string\",\"format\":\"uri-"
	  "reference\"},\"$comment\":{\"type\":\"string\"},\"title\":{\"type\":\""
	  "string\"},\"description\":{\"type\":\"string\"},\"default\":true,\"rea"
	  "dOnly\":{\"type\":\"boolean\",\"default\":false},\"examples\":{\"type"
	  "\":\"array\",\"items\":true},\"multipleOf\":{\"type\":\"number\",\"exc"
	  "lusiveMinimum\":0},\"maximum\":{\"type\":\"number\"},\"exclusiveMaximu"
	  "m\":{\"type\":\"number\"},\"minimum\":{\"type\":\"number\"},\"exclusiv"
	  "eMinimum\":{\"type\":\"number\"},\"maxLength\":{\"$ref\":\"#/definitio"
	  "ns/nonNegativeInteger\"},\"minLength\":{\"$ref\":\"#/definitions/non"
	  "NegativeIntegerDefault0\"},\"pattern\":{\"type\":\"string\",\"format\""
	  ":\"regex\"},\"additionalItems\":{\"$ref\":\"#\"},\"items\":{\"anyOf\":"
	  "[{\"$ref\":\"#\"},{\"$ref\":\"#/definitions/schemaArray\"}],\"default"
	  "\":true},\"maxItems\":{\"$ref\":\"#/definitions/nonNegativeInteger\"}"
	  ",\"minItems\":{\"$ref\":\"#/definitions/nonNegativeIntegerDefault0\""
	  "},\"uniqueItems\":{\"type\":\"boolean\",\"default\":false},\"contains"
	  "\":{\"$ref\":\"#\"},\"maxProperties\":{\"$ref\":\"#/definitions/nonNeg"
	  "ativeInteger\"},\"minProperties\":{\"$ref\":\"#/definitions/nonNegat"
	  "iveIntegerDefault0\"},\"required\":{\"$ref\":\"#/definitions/stringA"
	  "rray\"},\"additionalProperties\":{\"$ref\":\"#\"},\"definitions\":{\"t"
	  "ype\":\"object\",\"additionalProperties\":{\"$ref\":\"#\"},\"default\""
	  ":{}},\"properties\":{\"type\":\"object\",\"additionalProperties\":{\"$"
	  "ref\":\"#\"},\"default\":{}},\"patternProperties\":{\"type\":\"object"
	  "\",\"additionalProperties\":{\"$ref\":\"#\"},\"propertyNames\":{\"form"
	  "at\":\"regex\"},\"default\":{}},\"dependencies\":{\"type\":\"object\","
	  "\"additionalProperties\":{\"anyOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#/de"
	  "finitions/stringArray\"}]}},\"propertyNames\":{\"$ref\":\"#\"},\"const"
	  "\":true,\"enum\":{\"type\":\"array\",\"items\":true},\"type\":{\"anyOf"
	  "\":[{\"$ref\":\"#/definitions/simpleTypes\"},{\"type\":\"array\",\"ite"
	  "ms\":{\"$ref\":\"#/definitions/simpleTypes\"},\"minItems\":1,\"uniqueI"
	  "tems\":true}]},\"format\":{\"type\":\"string\"},\"contentMediaType\":{"
	  "\"type\":\"string\"},\"contentEncoding\":{\"type\":\"string\"},\"if\":"
	  "{\"$ref\":\"#\"},\"then\":{\"$ref\":\"#\"},\"else\":{\"$ref\":\"#\"},"
	  "\"allOf\":{\"$ref\":\"#/definitions/schemaArray\"},\"anyOf\":{\"$ref\""
	  ":\"#/definitions/schemaArray\"},\"oneOf\":{\"$ref\":\"#/definitions/s"
	  "chemaArray\"},\"not\":{\"$ref\":\"#\"}},\"default\":true}" },
};
/* clang-format on */

struct str
schema_meta_find(struct str uri)
{
	for (size_t i = 0; i < ARRAY_LEN(metas); i++)
		if (str_equal(uri, str_of(metas[i].uri)))
			return str_of(metas[i].json);
	return STR_NONE;
}
