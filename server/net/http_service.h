// HTTP/1.1 over the Channels of a Listener: requests in, answers out, within limits of size, time and number.
#pragma once

#include <functional>
#include <memory>

#include "server/net/channel.h"
#include "server/net/http_message.h"
#include "server/net/refusals.h"

namespace sluice {

class HttpService {
 public:
  // Called on the loop's thread, which it must not hold up; `reply` may be called later, from another thread.
  using Handler = std::function<void(const HttpRequest& request, HttpReply reply)>;

  // What is no request, too large or of another method is answered by this.
  using Refusal = std::function<HttpResponse(int status, std::string why)>;

  // Reasons that it counts: http_request_time, http_evicted, http_malformed, http_answer_time.
  static std::shared_ptr<HttpService> Make(HttpLimits limits, std::shared_ptr<Refusals> refusals, Handler handler,
                                           Refusal refusal = AsText);
  virtual ~HttpService() = default;

  // On the loop's thread, as the rest. Replies that come after Stop() are dropped.
  virtual void Serve(std::unique_ptr<Channel> channel) = 0;
  virtual void Stop() = 0;

 private:
  static HttpResponse AsText(int status, std::string why) { return TextResponse(status, std::move(why) + "\n"); }
};

}  // namespace sluice
