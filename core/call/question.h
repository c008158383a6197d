/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler may ask the client, judged before anything is sent: a
 * question that no client can answer is its author's defect. */
#ifndef CALL_QUESTION_H
#define CALL_QUESTION_H

#include "base/err.h"
#include "data/json.h"

/* Of one form. */
#define QUESTION_FIELDS_MAX 256
#define QUESTION_VALUES_MAX 1024 /* that one field may take */
#define QUESTION_CHOICES_MAX 4096 /* of all fields */

/* [any] 0 and the enum call_client bits that the question takes; or ERR_PARAMS
 * with what is wrong in err, for the author.  params NULL: none. */
int call_question_check(struct str method, const struct json_node *params,
    unsigned *bits, struct err *err);

/* The parts of it: ELIC-03, and SAMP-02 to SAMP-04; bits are added to. */
int call_form_check(
    const struct json_node *schema, unsigned *bits, struct err *err);
int call_sampling_check(
    const struct json_node *params, unsigned *bits, struct err *err);
/* What a URL elicitation must be (ELIC-05, ELIC-09). */
int call_url_check(const struct json_node *params, struct err *err);

/* ELIC-08: does this name ask for a secret or a means of payment? */
bool call_name_is_secret(struct str name);

#endif
