#include "server/dashboard/page_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(PageFiles, AreSmall) {
  size_t bytes = 0;
  for (const PageFile& file : PageFiles()) bytes += file.bytes.size();
  EXPECT_LE(bytes, 200 * 1024);
}

TEST(PageFiles, ThePageIsAtTheTop) {
  ASSERT_NE(FindPageFile("/"), nullptr);
  EXPECT_EQ(FindPageFile("/"), FindPageFile("/index.html"));
  EXPECT_THAT(std::string(FindPageFile("/")->bytes), HasSubstr("<!doctype html>"));
  EXPECT_THAT(std::string(FindPageFile("/")->bytes), HasSubstr("</html>\n"));
  EXPECT_EQ(FindPageFile("/app.js")->content_type, "text/javascript; charset=utf-8");
}

TEST(PageFiles, NothingElseIsThere) {
  for (const char* path : {"", "/none", "index.html", "/../gateway.cc", "/index.html/", "//"}) {
    EXPECT_EQ(FindPageFile(path), nullptr) << path;
  }
}

// The page works where there is no internet, and under a policy that lets no script within its text run.
TEST(PageFiles, FetchNothingFromElsewhereAndParseNoHtml) {
  for (const PageFile& file : PageFiles()) {
    const std::string text(file.bytes);
    for (const char* forbidden : {"https://", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                                  "new Function", "style=\"", "onclick=\"", "javascript:", "@import", "url(http"}) {
      EXPECT_THAT(text, Not(HasSubstr(forbidden))) << file.path;
    }
  }
}

TEST(PageFiles, EveryImportIsThere) {
  for (const PageFile& file : PageFiles()) {
    const std::string text(file.bytes);
    for (size_t at = text.find("from \"./"); at != std::string::npos; at = text.find("from \"./", at + 1)) {
      const size_t begin = at + 7;
      const std::string name = text.substr(begin, text.find('"', begin) - begin);
      EXPECT_NE(FindPageFile(name), nullptr) << file.path << " imports " << name;
    }
  }
}

}  // namespace
}  // namespace sluice
