/* SPDX-License-Identifier: Apache-2.0 */
/* The compiled form of a URI template, shared by its two files. */
#ifndef REGISTRY_URI_TEMPLATE_PRIV_H
#define REGISTRY_URI_TEMPLATE_PRIV_H

#include <stdint.h>

#include "registry/uri_template.h"

#define URI_TEMPLATE_MAGIC 0x7e3b1a7eu

/* RFC 6570 appendix A. */
struct uri_template_operator {
	char sign; /* '\0': none */
	const char *first;
	char separator;
	bool named;
	const char *if_empty;
	bool reserved;
};

struct uri_template_variable {
	struct str name;
	unsigned prefix; /* characters; 0: all */
	bool explode;
};

/* For expansion: a literal, or an expression. */
struct uri_template_part {
	const struct uri_template_operator *op; /* NULL: a literal */
	struct str literal; /* percent-encoded */
	size_t first; /* variable */
	size_t len;
};

/* For matching: a literal, or a run of bytes of some classes behind a lead. */
struct uri_template_element {
	struct str literal; /* ptr NULL: a run */
	size_t first; /* variable; */
	size_t len; /* several when named */
	uint8_t classes; /* of the run */
	char lead; /* '\0': none, and one byte at least */
	char separator; /* of an exploded list or of parameters */
	bool named;
};

struct uri_template {
	uint32_t magic;
	bool plain; /* no byte can be read in two ways */
	struct str text;
	size_t parts_len;
	size_t variables_len;
	size_t elements_len;
	struct uri_template_part parts[URI_TEMPLATE_ELEMENTS_MAX];
	struct uri_template_variable variables[URI_TEMPLATE_VARIABLES_MAX];
	struct uri_template_element elements[URI_TEMPLATE_ELEMENTS_MAX];
	uint8_t class_of[256];
	/* By byte: elements (as bits) that it goes on with, or begins. */
	uint64_t runs[256];
	uint64_t begins[256];
	uint64_t runs_mask; /* elements that are runs */
	uint64_t optional; /* elements that may be left out */
	struct arena arena;
};

/* uri_template_match.c: makes the elements from the parts. */
int uri_template_prepare(struct uri_template *t, struct err *err);

#endif
