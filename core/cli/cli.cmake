# The command line's own additions to its library.
file(GLOB template_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/sdk/templates/c/*)
set(template_c ${CMAKE_CURRENT_BINARY_DIR}/cli_template_c.c)
add_custom_command(OUTPUT ${template_c}
	COMMAND ${CMAKE_COMMAND} -DFROM=${PROJECT_SOURCE_DIR}/sdk/templates/c
		-DTO=${template_c} -P ${CMAKE_CURRENT_LIST_DIR}/embed.cmake
	DEPENDS ${template_files} ${CMAKE_CURRENT_LIST_DIR}/embed.cmake VERBATIM)
include(GNUInstallDirs)
set(libraries "libevent ${LIBEVENT_libevent_core_VERSION}")
string(APPEND libraries ", GnuTLS ${GNUTLS_VERSION}, Nettle ${NETTLE_VERSION}, cJSON ${CJSON_VERSION}"
	", libyaml ${YAML_VERSION}, PCRE2 ${PCRE2_VERSION}, libltdl")
target_sources(toolpost_cli PRIVATE ${template_c})
target_compile_definitions(toolpost_cli PRIVATE
	TOOLPOST_LIBRARIES="${libraries}"
	TOOLPOST_INCLUDE_DIR="${CMAKE_INSTALL_FULL_INCLUDEDIR}")
