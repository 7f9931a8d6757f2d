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
endfunction()
