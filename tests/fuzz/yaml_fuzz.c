/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as YAML: a tree or findings, and what a tree becomes as JSON must
 * pass the strict scanner. */
#include "data/yaml.h"

#include "base/check.h"
#include "data/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	const struct yaml_node *root;
	struct arena arena;
	struct diags diags;
	struct json_doc doc;
	struct buf out;

	arena_init(&arena, 0);
	diags_init(&diags);
	json_doc_init(&doc);
	buf_init(&out);
	root = yaml_parse(&arena, text, "fuzz.yaml", &diags);
	CHECK((root == NULL) == diags_has_errors(&diags));
	if (root != NULL) {
		CHECK(yaml_to_json(root, &out) == 0);
		CHECK(json_parse(&doc, buf_view(&out), JSON_PROTOCOL) == 0);
		CHECK(yaml_at_pointer(root, text) != NULL);
	} else {
		diags_print(&diags, &out);
	}
	buf_finish(&out);
	json_doc_finish(&doc);
	diags_finish(&diags);
	arena_finish(&arena);
	return 0;
}
