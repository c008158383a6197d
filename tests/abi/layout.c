/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of version 1 on 64-bit machines.  A change that breaks it by
 * accident does not compile; a change on purpose is a new major.  What is
 * appended to a struct changes its size here, and nothing else. */
#include <assert.h>
#include <toolpost/abi.h>
#include <toolpost/ext/complete.h>
#include <toolpost/ext/dynamic.h>
#include <toolpost/ext/watch.h>

#define SIZE(type_, size_) \
	static_assert(sizeof(struct type_) == (size_), #type_)
#define AT(type_, member_, offset_) \
	static_assert( \
	    offsetof(struct type_, member_) == (offset_), #type_ "." #member_)
#define VALUE(name_, value_) static_assert((name_) == (value_), #name_)

SIZE(tp_str, 16);
AT(tp_str, ptr, 0);
AT(tp_str, len, 8);

SIZE(tp_abi, 16);
AT(tp_abi, magic, 0);
AT(tp_abi, major, 4);
AT(tp_abi, minor, 6);
AT(tp_abi, desc_size, 8);
AT(tp_abi, entry_size, 12);
AT(tp_abi, pointer_bits, 14);

SIZE(tp_entry, 24);
AT(tp_entry, kind, 0);
AT(tp_entry, flags, 4);
AT(tp_entry, name, 8);
AT(tp_entry, call, 16);

SIZE(tp_offer, 16);
AT(tp_offer, id, 0);
AT(tp_offer, table, 8);

SIZE(tp_content, 80);
AT(tp_content, size, 0);
AT(tp_content, type, 4);
AT(tp_content, data, 8);
AT(tp_content, mime, 24);
AT(tp_content, uri, 40);
AT(tp_content, name, 56);
AT(tp_content, role, 72);
AT(tp_content, flags, 76);

SIZE(tp_snapshot, 24);
AT(tp_snapshot, size, 0);
AT(tp_snapshot, format, 4);
AT(tp_snapshot, bytes, 8);

SIZE(tp_plugin, 8);
AT(tp_plugin, host, 0);

SIZE(tp_call, 8);
AT(tp_call, host, 0);

SIZE(tp_plugin_desc, 104);
AT(tp_plugin_desc, abi, 0);
AT(tp_plugin_desc, name, 16);
AT(tp_plugin_desc, version, 24);
AT(tp_plugin_desc, build, 32);
AT(tp_plugin_desc, entries, 40);
AT(tp_plugin_desc, entries_len, 48);
AT(tp_plugin_desc, offers, 56);
AT(tp_plugin_desc, offers_len, 64);
AT(tp_plugin_desc, flags, 72);
AT(tp_plugin_desc, reserved, 76);
AT(tp_plugin_desc, load, 80);
AT(tp_plugin_desc, save, 88);
AT(tp_plugin_desc, unload, 96);

SIZE(tp_host, 232);
AT(tp_host, size, 0);
AT(tp_host, abi_major, 4);
AT(tp_host, abi_minor, 6);
AT(tp_host, version, 8);
AT(tp_host, log, 16);
AT(tp_host, extension, 24);
AT(tp_host, changed, 32);
AT(tp_host, name, 40);
AT(tp_host, args, 48);
AT(tp_host, deadline, 56);
AT(tp_host, cancelled, 64);
AT(tp_host, on_cancel, 72);
AT(tp_host, progress, 80);
AT(tp_host, alloc, 88);
AT(tp_host, content, 96);
AT(tp_host, structured, 104);
AT(tp_host, fail, 112);
AT(tp_host, input, 120);
AT(tp_host, require, 128);
AT(tp_host, done, 136);
AT(tp_host, json_type, 144);
AT(tp_host, json_get, 152);
AT(tp_host, json_at, 160);
AT(tp_host, json_len, 168);
AT(tp_host, json_str, 176);
AT(tp_host, json_num, 184);
AT(tp_host, json_int, 192);
AT(tp_host, json_raw, 200);
AT(tp_host, message, 208);
AT(tp_host, state, 216);
AT(tp_host, set_state, 224);

SIZE(tp_complete, 16);
AT(tp_complete, flags, 4);
AT(tp_complete, complete, 8);

SIZE(tp_watch, 24);
AT(tp_watch, watch, 8);
AT(tp_watch, unwatch, 16);

SIZE(tp_dynamic, 48);
AT(tp_dynamic, begin, 8);
AT(tp_dynamic, put, 16);
AT(tp_dynamic, drop, 24);
AT(tp_dynamic, commit, 32);
AT(tp_dynamic, abandon, 40);

SIZE(tp_dynamic_entry, 72);
AT(tp_dynamic_entry, kind, 4);
AT(tp_dynamic_entry, flags, 8);
AT(tp_dynamic_entry, name, 16);
AT(tp_dynamic_entry, about, 32);
AT(tp_dynamic_entry, call, 48);
AT(tp_dynamic_entry, arg, 56);
AT(tp_dynamic_entry, gone, 64);

VALUE(TP_ABI_MAGIC, 0x31505054u);
VALUE(TP_ABI_MAJOR, 1);
VALUE(TP_OK, 0);
VALUE(TP_PENDING, 1);
VALUE(TP_INPUT, 2);
VALUE(TP_EFAIL, -1);
VALUE(TP_ENOMEM, -2);
VALUE(TP_EPARAMS, -3);
VALUE(TP_ENOTFOUND, -4);
VALUE(TP_ECANCELLED, -5);
VALUE(TP_EDEADLINE, -6);
VALUE(TP_EBUSY, -7);
VALUE(TP_ENOTSUP, -8);
VALUE(TP_ESTATE, -9);
VALUE(TP_DEBUG, 0);
VALUE(TP_ERROR, 3);
VALUE(TP_MESSAGE_DEBUG, 0);
VALUE(TP_MESSAGE_ERROR, 4);
VALUE(TP_MESSAGE_EMERGENCY, 7);
VALUE(TP_KIND_TOOL, 1);
VALUE(TP_KIND_RESOURCE, 2);
VALUE(TP_KIND_PROMPT, 3);
VALUE(TP_USER, 0);
VALUE(TP_ASSISTANT, 1);
VALUE(TP_TEXT, 1);
VALUE(TP_EMBED, 5);
VALUE(TP_NULL, 0);
VALUE(TP_OBJECT, 5);
VALUE(TP_BINARY, 1);
VALUE(TP_NONBLOCKING, 1);
VALUE(TP_SERIAL, 2);
VALUE(TP_CLOSABLE, 1);

int
main(void)
{
	return 0;
}
