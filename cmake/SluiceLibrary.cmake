# With SLUICE_UNITY, names in the anonymous namespaces of one target's files must differ.
# BATCH: so many files as one, if that is more than SLUICE_UNITY.
function(sluice_use_unity target)
  if(SLUICE_UNITY EQUAL 0)
    return()
  endif()
  set(batch ${SLUICE_UNITY})
  if(ARGC GREATER 1 AND ARGV1 GREATER batch)
    set(batch ${ARGV1})
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${batch})
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # Classes with members of anonymous namespaces: right in a .cc, which GCC takes for a header here.
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
endfunction()

# sluice_library(NAME SOURCES … DEPS …): the library sluice_NAME of one layer. DEPS are public; the linker and
# this list together say which layer may see which. PCH: another set of precompiled headers than sluice_pch.
function(sluice_library name)
  cmake_parse_arguments(ARG "" "PCH" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(sluice_${name} STATIC ${ARG_SOURCES})
  target_include_directories(sluice_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(sluice_${name} PUBLIC ${ARG_DEPS} PRIVATE sluice_warnings ${ARG_PRIVATE_DEPS})
  if(NOT ARG_PCH)
    set(ARG_PCH sluice_pch)
  endif()
  sluice_use_pch(sluice_${name} ${ARG_PCH})
  sluice_use_unity(sluice_${name})
endfunction()

# sluice_messages(NAME ROOT PROTO…): a library of the messages of files below ROOT, which are named without ".proto".
function(sluice_messages name root)
  set(sources)
  foreach(proto ${ARGN})
    set(in ${root}/${proto}.proto)
    set(out ${CMAKE_CURRENT_BINARY_DIR}/${proto})
    add_custom_command(
      OUTPUT ${out}.pb.cc ${out}.pb.h
      COMMAND protobuf::protoc --fatal_warnings -I ${root} --cpp_out=${CMAKE_CURRENT_BINARY_DIR} ${in}
      DEPENDS ${in} VERBATIM)
    list(APPEND sources ${out}.pb.cc)
  endforeach()
  add_library(${name} STATIC ${sources})
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_include_directories(${name} SYSTEM PUBLIC ${CMAKE_CURRENT_BINARY_DIR})
  target_link_libraries(${name} PUBLIC protobuf::libprotobuf)
endfunction()
