// Watches temperatures: each sensor reading is answered with a verdict.
//
//   plant/boiler/temp         {"sensor":"boiler","celsius":81.5}
//   plant/boiler/reply/alarm  {"sensor":"boiler","celsius":81.5,"alarm":true,"limit":80}
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "flags.h"

namespace {

using nlohmann::json;
using sluice::client::Message;
using sluice::client::Reply;
using sluice::client::Settlement;

constexpr char kProgram[] = "sluice-temperature-alarm";

// "plant/boiler/temp" → "plant/boiler/reply/alarm"; a topic of one level gets the reply below itself.
std::string AlarmTopic(std::string_view topic) {
  const size_t slash = topic.rfind('/');
  return std::string(topic.substr(0, slash)) + "/reply/alarm";
}

// 80, not 80.0: as a person would write it.
json Number(double value) {
  const auto whole = static_cast<int64_t>(value);
  return static_cast<double>(whole) == value ? json(whole) : json(value);
}

Settlement Check(const Message& message, double limit) {
  const json reading = json::parse(message.payload, nullptr, /*allow_exceptions=*/false);
  if (!reading.is_object()) return Settlement::Reject("the payload is not a JSON object");
  const auto sensor = reading.find("sensor");
  const auto celsius = reading.find("celsius");
  if (sensor == reading.end() || !sensor->is_string()) return Settlement::Reject("\"sensor\" must be a string");
  if (celsius == reading.end() || !celsius->is_number()) return Settlement::Reject("\"celsius\" must be a number");

  nlohmann::ordered_json verdict;
  verdict["sensor"] = sensor->get<std::string>();
  verdict["celsius"] = *celsius;
  verdict["alarm"] = celsius->get<double>() > limit;
  verdict["limit"] = Number(limit);
  return Settlement::Ack({Reply{.topic = AlarmTopic(message.topic), .payload = verdict.dump(), .qos = message.qos}});
}

int Run(int argc, char** argv) {
  sluice::client::Options options;
  options.worker_name = "temperature-alarm";
  double limit = 80;

  CLI::App app{
      "Watches temperatures: takes sensor readings from Sluice gateways and answers each with a verdict.\n"
      "A reading {\"sensor\":\"boiler\",\"celsius\":81.5} on plant/boiler/temp is answered on "
      "plant/boiler/reply/alarm\n"
      "with {\"sensor\":\"boiler\",\"celsius\":81.5,\"alarm\":true,\"limit\":80}, at the reading's own QoS. What is "
      "no such\n"
      "reading goes to the gateway's dead letters. Ctrl-C or SIGTERM lets what is in work finish first.\n\n"
      "  sluice-temperature-alarm --gateway 127.0.0.1:7443 --chain temperature\n",
      kProgram};
  sluice::examples::AddWorkerFlags(app, options);
  app.add_option("--limit", limit, "raise the alarm above this many degrees Celsius")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  sluice::examples::FinishWorkerFlags(options);

  sluice::client::Worker worker(options, [limit](const Message& message) { return Check(message, limit); });
  return sluice::examples::RunUntilSignal(worker, kProgram);
}

}  // namespace

int main(int argc, char** argv) { return sluice::examples::Main(kProgram, Run, argc, argv); }
