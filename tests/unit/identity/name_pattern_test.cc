#include "server/identity/name_pattern.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

bool Matches(const std::string& pattern, const std::string& name) {
  absl::StatusOr<NamePattern> parsed = NamePattern::Parse(pattern);
  EXPECT_TRUE(parsed.ok()) << pattern << ": " << parsed.status();
  return parsed.ok() && parsed->Matches(name);
}

TEST(NamePattern, AStarStaysWithinAPartOfTheName) {
  EXPECT_TRUE(Matches("spiffe://plant/worker/*", "spiffe://plant/worker/7"));
  EXPECT_FALSE(Matches("spiffe://plant/worker/*", "spiffe://plant/worker/7/admin"));
  EXPECT_FALSE(Matches("spiffe://plant/worker/*", "spiffe://plant/worker/"));
  EXPECT_FALSE(Matches("spiffe://plant/worker/*", "spiffe://plant/worker"));
  EXPECT_FALSE(Matches("spiffe://*/worker", "spiffe://plant/evil/worker"));
  EXPECT_TRUE(Matches("sub:system:serviceaccount:plant:*", "sub:system:serviceaccount:plant:temperature"));
  EXPECT_FALSE(Matches("sub:system:serviceaccount:*", "sub:system:serviceaccount:plant:temperature"));
  EXPECT_TRUE(Matches("dns:*.plant.example", "dns:pump-7.plant.example"));
  EXPECT_FALSE(Matches("dns:*.plant.example", "dns:a.b.plant.example"));
  EXPECT_TRUE(Matches("email:*@plant.example", "email:first.last@plant.example"));
  EXPECT_FALSE(Matches("email:*@plant.example", "email:a@evil.example/@plant.example"));
}

TEST(NamePattern, TwoStarsStandForAnyParts) {
  EXPECT_TRUE(Matches("spiffe://plant/**", "spiffe://plant/a/b/c"));
  EXPECT_TRUE(Matches("**", "sub:x"));
  EXPECT_TRUE(Matches("spiffe://plant/**/pump", "spiffe://plant/a/b/pump"));
  EXPECT_FALSE(Matches("spiffe://plant/**", "spiffe://plant2/a"));
  EXPECT_TRUE(Matches("a**b*c", "axxbyc"));
  EXPECT_FALSE(Matches("a**b*c", "axxbc"));
}

TEST(NamePattern, ComparesBytes) {
  EXPECT_FALSE(Matches("sub:worker", "sub:Worker"));
  EXPECT_FALSE(Matches("sub:admin",
                       "sub:\xd0\xb0"
                       "dmin"))
      << "a Cyrillic letter";
  EXPECT_FALSE(Matches("sub:caf\xc3\xa9", "sub:cafe\xcc\x81")) << "composed and decomposed";
  EXPECT_FALSE(Matches("sub:admin", "sub:admin\xe2\x80\x8b")) << "a blank without width";
  EXPECT_FALSE(Matches("sub:a?min", "sub:admin"));
  EXPECT_FALSE(Matches("sub:[a]dmin", "sub:admin"));
  EXPECT_FALSE(Matches("sub:.*", "sub:admin")) << "no regular expression";
  EXPECT_FALSE(Matches("sub:admin", std::string("sub:admin\0", 10)));
  EXPECT_FALSE(Matches("sub:*", "dns:x"));
}

TEST(NamePattern, CostsNoMoreThanBothLengths) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "*a**b";
  EXPECT_FALSE(Matches(pattern, std::string(2'000, 'a')));
}

TEST(NamePattern, RefusesWhatIsNone) {
  for (const std::string& text : {std::string(), std::string(513, 'a'), std::string("a\nb"), std::string("a\0b", 3),
                                  std::string("spiffe://plant/***")}) {
    EXPECT_FALSE(NamePattern::Parse(text).ok());
  }
}

}  // namespace
}  // namespace sluice
