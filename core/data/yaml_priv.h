/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of the YAML code; nobody else includes it. */
#ifndef DATA_YAML_PRIV_H
#define DATA_YAML_PRIV_H

#include <yaml.h>

#include "base/diag.h"
#include "base/str.h"

#define YAML_CODE_SYNTAX "TP1001"
#define YAML_CODE_LIMIT "TP1002"
#define YAML_CODE_FEATURE "TP1003"
#define YAML_CODE_DUPLICATE "TP1004"
#define YAML_CODE_CONTROL "TP1005"
#define YAML_CODE_NOMEM "TP1006"

/* What libyaml objects to, in words for the person who wrote the file. */
struct yaml_problem {
	const char *code;
	struct diag_at at;
	const char *hint; /* static; may be NULL */
	char message[256];
};

/* [any] The parser has just failed on text. */
void yaml_problem_of(
    const yaml_parser_t *parser, struct str text, struct yaml_problem *out);

#endif
