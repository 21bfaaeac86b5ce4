// HTTP/1.1 over one kept-alive connection (RFC 9112): requests with headers, responses with a
// compressed body.
#include <array>
#include <string_view>

#include "applications/applications.h"
#include "random_draws.h"

namespace weir::traffic {
namespace {

constexpr std::array<std::string_view, 8> kPaths = {
    "/",          "/index.html",      "/static/app.js",  "/api/v1/items?page=",
    "/api/login", "/images/logo.png", "/style/main.css", "/search?q=capture&n="};
constexpr std::array<std::string_view, 4> kHosts = {"www.example.com", "api.example.net",
                                                    "static.example.org", "shop.example.com"};
constexpr std::array<std::string_view, 3> kAgents = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "curl/8.5.0",
    "python-requests/2.31.0"};
constexpr std::array<std::string_view, 4> kTypes = {"text/html; charset=utf-8", "application/json",
                                                    "text/css", "application/javascript"};

Message request(const Flow& flow, Prng& prng, HeadBuffer& head) {
  Prng constant = choices(flow, 2);
  const bool post = prng.chance(1, 8);
  const std::uint32_t body = post ? draw_between(prng, 20, 400) : 0;
  head.text(post ? "POST " : "GET ").text(kPaths[prng.below(kPaths.size())]);
  head.decimal(prng.below(100000)).text(" HTTP/1.1\r\nHost: ");
  head.text(kHosts[constant.below(kHosts.size())]).text("\r\nUser-Agent: ");
  head.text(kAgents[constant.below(kAgents.size())]).text("\r\nAccept: */*\r\n");
  head.text("Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n");
  if (constant.chance(1, 2)) head.text("Cookie: session=").hex(constant.next(), 16).text("\r\n");
  if (post) {
    head.text("Content-Type: application/octet-stream\r\nContent-Length: ").decimal(body);
    head.text("\r\n");
  }
  head.text("\r\n");
  return {Direction::ToServer, body, draw_exponential(prng, 300'000'000)};
}

Message response(Prng& prng, HeadBuffer& head) {
  constexpr std::uint32_t kGzipHeaderBytes = 10;
  const std::int64_t think = draw_exponential(prng, 8'000'000);
  if (prng.chance(1, 5)) {
    head.text("HTTP/1.1 304 Not Modified\r\nServer: nginx\r\nETag: \"");
    head.hex(prng.next(), 12).text("\"\r\nConnection: keep-alive\r\n\r\n");
    return {Direction::ToClient, 0, think};
  }
  const std::uint32_t body = draw_heavy_tailed(prng, 150, 200'000);
  head.text(prng.chance(1, 25) ? "HTTP/1.1 404 Not Found\r\n" : "HTTP/1.1 200 OK\r\n");
  head.text("Server: nginx\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\nContent-Type: ");
  head.text(kTypes[prng.below(kTypes.size())]).text("\r\nContent-Encoding: gzip\r\n");
  head.text("Content-Length: ").decimal(body + kGzipHeaderBytes);
  head.text("\r\nCache-Control: max-age=600\r\nConnection: keep-alive\r\n\r\n");
  head.u32(0x1f8b0800).u32(0).u16(0x0003);  // gzip's own header (RFC 1952)
  return {Direction::ToClient, body, think};
}

}  // namespace

std::optional<Message> http_message(const Flow& flow, std::uint32_t index, HeadBuffer& head) {
  Prng constant = choices(flow, 1);
  const std::uint32_t exchanges = draw_heavy_tailed(constant, 1, 40);
  if (index >= 2 * exchanges) return std::nullopt;
  Prng prng = choices(flow, 16 + index);
  return index % 2 == 0 ? request(flow, prng, head) : response(prng, head);
}

}  // namespace weir::traffic
