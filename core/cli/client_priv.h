/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CLIENT_PRIV_H
#define CLI_CLIENT_PRIV_H

#include "cli/client.h"

/* [any] One POST.  is_request: an id is given and an answer awaited; else it
 * is a notification and a is untouched.  Results as of cli_client_send(). */
int client_post(struct cli_client *k, const struct cli_request *r,
    bool is_request, struct cli_answer *a, struct err *err);
/* [any] DELETE of the session; what comes back does not matter. */
void client_delete(struct cli_client *k);

#endif
