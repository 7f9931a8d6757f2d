#include "server/net/connection_table.h"

#include <gtest/gtest.h>

#include "server/net/listen_socket.h"
#include "tests/support/manual_clock.h"

namespace sluice {
namespace {

using Verdict = ConnectionTable::Verdict;

AddressKey V4(uint64_t bits) { return {AddressKey::Kind::kIpv4, bits}; }

constexpr AcceptLimits kNoLimits{
    .connections = 0, .connections_per_address = 0, .handshakes_per_second = 0, .handshakes_per_second_per_address = 0};

class ConnectionTableTest : public testing::Test {
 protected:
  Verdict Admit(ConnectionTable& table, const AddressKey& address) { return table.Admit(address, clock_.Now()); }

  ManualClock clock_;
  AcceptLimits limits_ = kNoLimits;
};

TEST_F(ConnectionTableTest, RefusesWhatIsOverTheLimitUntilOneGoes) {
  limits_.connections = 2;
  ConnectionTable table(limits_);
  EXPECT_EQ(Admit(table, V4(1)), Verdict::kAdmitted);
  EXPECT_EQ(Admit(table, V4(2)), Verdict::kAdmitted);
  EXPECT_EQ(Admit(table, V4(3)), Verdict::kTooMany);
  table.Release(V4(1));
  EXPECT_EQ(Admit(table, V4(3)), Verdict::kAdmitted);
}

TEST_F(ConnectionTableTest, OneAddressCannotTakeAll) {
  limits_.connections_per_address = 2;
  ConnectionTable table(limits_);
  EXPECT_EQ(Admit(table, V4(1)), Verdict::kAdmitted);
  EXPECT_EQ(Admit(table, V4(1)), Verdict::kAdmitted);
  EXPECT_EQ(Admit(table, V4(1)), Verdict::kPerAddress);
  EXPECT_EQ(Admit(table, V4(2)), Verdict::kAdmitted);
  table.Release(V4(1));
  EXPECT_EQ(Admit(table, V4(1)), Verdict::kAdmitted);
}

TEST_F(ConnectionTableTest, ForgetsAddressesThatHaveNoConnection) {
  ConnectionTable table(limits_);
  for (uint64_t i = 0; i < 100; ++i) ASSERT_EQ(Admit(table, V4(i)), Verdict::kAdmitted);
  EXPECT_EQ(table.addresses(), 100u);
  for (uint64_t i = 0; i < 100; ++i) table.Release(V4(i));
  EXPECT_EQ(table.addresses(), 0u);
  EXPECT_EQ(table.open(), 0u);
}

TEST_F(ConnectionTableTest, AUnixSocketHasNoAddress) {
  limits_.connections_per_address = 1;
  limits_.handshakes_per_second_per_address = 1;
  ConnectionTable table(limits_);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Admit(table, {}), Verdict::kAdmitted);
  table.Release({});
  EXPECT_EQ(table.open(), 9u);
}

TEST_F(ConnectionTableTest, AnIpv4AddressIsNotAnIpv6NetworkWithTheSameBits) {
  limits_.connections_per_address = 1;
  ConnectionTable table(limits_);
  EXPECT_EQ(Admit(table, V4(7)), Verdict::kAdmitted);
  EXPECT_EQ(Admit(table, {AddressKey::Kind::kIpv6, 7}), Verdict::kAdmitted);
}

TEST_F(ConnectionTableTest, WhatComesFasterThanTheRateOfAllWaits) {
  limits_.handshakes_per_second = 10;
  ConnectionTable table(limits_);
  for (uint64_t i = 0; i < 20; ++i) ASSERT_EQ(Admit(table, V4(i)), Verdict::kAdmitted);
  EXPECT_FALSE(table.Open(clock_.Now()));
  EXPECT_EQ(Admit(table, V4(99)), Verdict::kLater);
  EXPECT_EQ(table.NextAdmission(), clock_.Now() + Millis(100));
  clock_.Advance(Millis(100));
  EXPECT_TRUE(table.Open(clock_.Now()));
  EXPECT_EQ(Admit(table, V4(99)), Verdict::kAdmitted);
}

TEST_F(ConnectionTableTest, AFloodOfOneAddressTakesNothingOfTheOthersRate) {
  limits_.handshakes_per_second = 100;
  limits_.handshakes_per_second_per_address = 10;
  ConnectionTable table(limits_);
  int admitted = 0;
  for (int i = 0; i < 10'000; ++i) admitted += Admit(table, V4(1)) == Verdict::kAdmitted ? 1 : 0;
  EXPECT_EQ(admitted, 20);
  EXPECT_EQ(Admit(table, V4(1)), Verdict::kTooFast);
  EXPECT_EQ(Admit(table, V4(2)), Verdict::kAdmitted);
}

TEST_F(ConnectionTableTest, RatesOfManyAddressesAreBounded) {
  limits_.handshakes_per_second_per_address = 1;
  ConnectionTable table(limits_);
  for (uint64_t i = 0; i < 3 * ConnectionTable::kMostRates; ++i) {
    if (Admit(table, V4(i)) == Verdict::kAdmitted) table.Release(V4(i));
  }
  EXPECT_EQ(table.rates(), ConnectionTable::kMostRates);
  EXPECT_EQ(Admit(table, V4(1'000'000)), Verdict::kTooFast) << "those that found no place share one rate";
  clock_.Advance(Millis(10'000));
  EXPECT_EQ(Admit(table, V4(1'000'000)), Verdict::kAdmitted);
  EXPECT_EQ(table.rates(), 1u) << "the others have been quiet";
}

TEST(HostOf, IsOfIpv6TheWholeNetworkThatAHostGets) {
  EXPECT_EQ(HostOf("10.0.0.7"), "10.0.0.7");
  EXPECT_EQ(HostOf("2001:db8:0:1:2:3:4:5"), "2001:db8:0:1::/64");
  EXPECT_EQ(HostOf("2001:db8:0:1::9"), HostOf("2001:db8:0:1:2:3:4:5"));
  EXPECT_EQ(HostOf("::1"), "::/64");
  EXPECT_EQ(HostOf("unix"), "unix");
}

}  // namespace
}  // namespace sluice
