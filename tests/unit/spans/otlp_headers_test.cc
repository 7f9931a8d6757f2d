#include "server/spans/otlp_headers.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(OtlpHeaders, AreALineEach) {
  const absl::StatusOr<HttpHeaders> headers =
      ParseHeaders("Authorization: Bearer a:b\r\n\n# a comment\nx-scope:plant\n");
  ASSERT_TRUE(headers.ok()) << headers.status();
  EXPECT_EQ(*headers, (HttpHeaders{{"Authorization", "Bearer a:b"}, {"x-scope", "plant"}}));
}

TEST(OtlpHeaders, WhatIsNoneIsRefusedWithoutShowingIt) {
  for (const char* text : {"secret", ": secret", "se cret: secret",
                           "a: se\x01"
                           "cret",
                           "Host: secret", "Content-Length: secret", "transfer-encoding: secret"}) {
    const absl::StatusOr<HttpHeaders> headers = ParseHeaders(text);
    ASSERT_FALSE(headers.ok()) << text;
    EXPECT_EQ(headers.status().message().find("secret"), absl::string_view::npos) << headers.status();
  }
}

}  // namespace
}  // namespace sluice
