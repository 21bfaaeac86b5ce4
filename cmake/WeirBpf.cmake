# weir_bpf_object(TARGET x.bpf.c)
#   compiles a BPF program by clang-16 and puts its object file into TARGET as the bytes between the symbols
#   weir_bpf_x and weir_bpf_x_end:  extern "C" const std::byte weir_bpf_x[], weir_bpf_x_end[];
find_program(WEIR_BPF_CLANG clang-16 REQUIRED)

function(weir_bpf_object target source)
  get_filename_component(name ${source} NAME)
  string(REPLACE ".bpf.c" "" name ${name})
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(holder ${CMAKE_CURRENT_BINARY_DIR}/${name}_bpf.S)
  add_custom_command(OUTPUT ${object}
    COMMAND ${WEIR_BPF_CLANG} -O2 -Wall -Wextra -Werror -target bpf
      -I${PROJECT_SOURCE_DIR}/src -I${CMAKE_CURRENT_SOURCE_DIR} -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
      -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object} -MD -MF ${object}.d
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source}
    DEPFILE ${object}.d
    VERBATIM)
  file(CONFIGURE OUTPUT ${holder} @ONLY CONTENT [[
.section .rodata
.balign 8
.global weir_bpf_@name@, weir_bpf_@name@_end
weir_bpf_@name@:
.incbin "@object@"
weir_bpf_@name@_end:
.section .note.GNU-stack,"",%progbits
]])
  set_source_files_properties(${holder} PROPERTIES OBJECT_DEPENDS ${object})
  target_sources(${target} PRIVATE ${holder})
endfunction()
