/* SPDX-License-Identifier: Apache-2.0 */
/* The codes of findings about manifests (TP13xx) and modules (TP14xx).
 * TP10xx are the YAML reader's, TP12xx those of settings tables. */
#ifndef PLUGIN_CODES_H
#define PLUGIN_CODES_H

#define TP_FILE "TP1300" /* the manifest cannot be read */
#define TP_NAME "TP1301" /* plugin: */
#define TP_VERSION "TP1302"
#define TP_MODULE_NAME "TP1303"
#define TP_ABI "TP1304"
#define TP_SHA256 "TP1305"
#define TP_UNAVAILABLE "TP1306" /* the format has it, this version has not */
#define TP_ISOLATION "TP1307"
#define TP_CHARACTER "TP1308" /* invisible or direction-changing */
#define TP_LENGTH "TP1309"
#define TP_LIST "TP1310" /* tools, resources, prompts: not a list */
#define TP_ENTRY_NAME "TP1311"
#define TP_DUPLICATE "TP1312"
#define TP_DESCRIPTION "TP1313"
#define TP_SCHEMA "TP1314"
#define TP_SCHEMA_ROOT "TP1315"
#define TP_HEADER "TP1316" /* x-mcp-header */
#define TP_HEADER_SECRET "TP1317"
#define TP_ICON "TP1318"
#define TP_META "TP1319"
#define TP_ANNOTATION "TP1320"
#define TP_URI "TP1321"
#define TP_TEMPLATE "TP1322"
#define TP_MIME "TP1323"
#define TP_ARGUMENT "TP1324"
#define TP_LIMIT "TP1325"
#define TP_EMPTY "TP1326" /* offers nothing */
#define TP_CACHE "TP1327"
#define TP_HOMEPAGE "TP1328"
#define TP_MEMORY "TP1329"
#define TP_COMPLETE "TP1330"
#define TP_DYNAMIC "TP1331"
#define TP_APP "TP1332" /* MCP Apps */
#define TP_GRANT "TP1333" /* no path, no place in a network */
#define TP_RUNNERS "TP1334" /* what several processes cannot have */

#define TP_MODULE_FILE "TP1401" /* missing, not ours, too large */
#define TP_MODULE_HASH "TP1402"
#define TP_MODULE_ELF "TP1403"
#define TP_MODULE_OPEN "TP1404" /* the loader or the rehearsal refused */
#define TP_MODULE_ABI "TP1405"
#define TP_MODULE_NAMES "TP1406" /* manifest and descriptor differ */
#define TP_MODULE_LOAD "TP1407" /* load() refused */
#define TP_CONFLICT "TP1408" /* another plugin has the name */
#define TP_CONFIG "TP1409" /* plugins.NAME.config */
#define TP_RESIDENT "TP1410" /* too many old generations */
#define TP_BUSY_FILE "TP1411" /* changed while it was read */
#define TP_BUSY "TP1412" /* reload: exclusive, and calls do not end */

#endif
