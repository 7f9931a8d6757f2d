// The page's files, which stand in the program.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace sluice {

struct PageFile {
  std::string_view path;  // "/app.js".
  std::string_view content_type;
  std::string_view bytes;
};

// All of them; made by cmake/EmbedFiles.cmake of page/.
std::span<const PageFile> PageFiles();

// "/" is index.html. Null: there is none at this path.
const PageFile* FindPageFile(std::string_view path);

}  // namespace sluice
