#include "server/reload/differences.h"

#include "server/mqtt/server_list.h"
#include "server/runtime/text.h"

namespace sluice {
namespace {

// Collects the keys whose values differ.
class Comparison {
 public:
  template <typename Value>
  Comparison& operator()(std::string_view key, const Value& a, const Value& b) {
    if (a != b) keys_.push_back(key);
    return *this;
  }
  Keys Take() { return std::move(keys_); }

 private:
  Keys keys_;
};

}  // namespace

Keys DifferingKeys(const RouteConfig& a, const RouteConfig& b) {
  return Comparison()("connection", a.connection, b.connection)("from.path", a.filter, b.filter)(
             "from.share", a.share, b.share)("from.qos", a.qos, b.qos)("from.retained", a.retained, b.retained)(
             "from.processors", a.from_processors, b.from_processors)("to.path", a.target, b.target)(
             "to.chains", a.chains, b.chains)("to.processors", a.to_processors, b.to_processors)(
             "trustReplyHeaders", a.trust_reply_headers, b.trust_reply_headers)
      .Take();
}

Keys DifferingKeys(const MqttOptions& a, const MqttOptions& b) {
  MqttTls tls_a = a.tls;
  MqttTls tls_b = b.tls;
  for (MqttTls* each : {&tls_a, &tls_b}) {
    each->enabled = false;
    each->ca_file = each->cert_file = each->key_file = "";
    each->verify_hostname = true;
  }
  return Comparison()("server", ServersOf(a), ServersOf(b))("followServerReference", a.follow_server_reference,
                                                            b.follow_server_reference)(
             "caFile", a.tls.ca_file, b.tls.ca_file)("certFile", a.tls.cert_file, b.tls.cert_file)(
             "certKeyFile", a.tls.key_file, b.tls.key_file)("verifyHostname", a.tls.verify_hostname,
                                                            b.tls.verify_hostname)("tls", tls_a, tls_b)(
             "username", a.username, b.username)("password", a.password, b.password)(
             "passwordFile", a.password_file, b.password_file)("clientId", a.client_id, b.client_id)(
             "repliesClientId", a.replies_client_id, b.replies_client_id)(
             "replies.connection", a.share_connection, b.share_connection)("status", a.status, b.status)(
             "protocol", a.mqtt5, b.mqtt5)("cleanSession", a.clean_session, b.clean_session)(
             "sessionExpiry", a.session_expiry_s, b.session_expiry_s)("keepAlive", a.keep_alive_s, b.keep_alive_s)(
             "connectTimeout", a.connect_timeout, b.connect_timeout)("maxReconnectInterval", a.max_reconnect_interval,
                                                                     b.max_reconnect_interval)(
             "maxPacketBytes", a.max_packet_bytes, b.max_packet_bytes)(
             "receiveMaximum", a.receive_maximum, b.receive_maximum)("publishWindow", a.publish_window,
                                                                     b.publish_window)("driver", a.driver, b.driver)
      .Take();
}

Keys DifferingKeys(const ChainOptions& a, const ChainOptions& b) {
  return Comparison()("orderBy", a.order_by, b.order_by)("lease", a.lease, b.lease)(
             "maxLease", a.max_lease, b.max_lease)("maxAttempts", a.max_attempts, b.max_attempts)(
             "retryBackoff", a.retry_backoff, b.retry_backoff)("maxRetryBackoff", a.max_retry_backoff,
                                                               b.max_retry_backoff)(
             "queue.maxMessages", a.max_messages, b.max_messages)("queue.maxBytes", a.max_bytes, b.max_bytes)(
             "backlog.maxMessages", a.max_on_disk_messages, b.max_on_disk_messages)(
             "backlog.maxBytes", a.max_on_disk_bytes, b.max_on_disk_bytes)("deadLetterTopic", a.dead_letter_topic,
                                                                           b.dead_letter_topic)(
             "deadLetterQos", a.dead_letter_qos, b.dead_letter_qos)("deadLetterFormat", a.dead_letter_format,
                                                                    b.dead_letter_format)
      .Take();
}

Keys DifferingKeys(const RepliesConfig& a, const RepliesConfig& b) {
  return Comparison()("allow", a.allow, b.allow)("allowLoops", a.allow_loops, b.allow_loops)(
             "maxPayloadBytes", a.max_payload_bytes, b.max_payload_bytes)(
             "resultTimeout", a.result_timeout, b.result_timeout)("maxOutstandingMessages", a.max_outstanding_messages,
                                                                  b.max_outstanding_messages)(
             "maxOutstandingBytes", a.max_outstanding_bytes, b.max_outstanding_bytes)(
             "onRefused", a.on_refused, b.on_refused)("onDenied", a.on_denied, b.on_denied)(
             "allowControlCharacters", a.allow_control_characters, b.allow_control_characters)
      .Take();
}

Keys DifferingKeys(const JournalConfig& a, const JournalConfig& b) {
  return Comparison()("enabled", a.enabled, b.enabled)("path", a.path, b.path)("fsync", a.fsync, b.fsync)(
             "fsyncInterval", a.fsync_interval, b.fsync_interval)("segmentBytes", a.segment_bytes, b.segment_bytes)(
             "maxBytes", a.max_bytes, b.max_bytes)("maxMessages", a.max_messages, b.max_messages)
      .Take();
}

std::string JoinKeys(const Keys& keys) { return text::Join(keys, ", "); }

}  // namespace sluice
