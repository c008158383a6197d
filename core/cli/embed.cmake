# Writes the files of a template folder into one C file, so that the program
# needs nothing beside it:
#     cmake -DFROM=FOLDER -DTO=FILE.c -P embed.cmake
file(GLOB files RELATIVE ${FROM} ${FROM}/*)
list(SORT files)
set(bodies "")
set(table "")
set(n 0)
foreach(file ${files})
	file(READ ${FROM}/${file} hex HEX)
	string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
	string(APPEND bodies "static const char file_${n}[] = { ${bytes} 0 };\n")
	string(APPEND table
		"\t{ \"${file}\", file_${n}, sizeof file_${n} - 1 },\n")
	math(EXPR n "${n} + 1")
endforeach()
file(WRITE ${TO}
	"#include \"cli/template.h\"\n\n${bodies}\n"
	"const struct cli_template cli_template_c[] = {\n${table}"
	"\t{ NULL, NULL, 0 }\n};\n")
