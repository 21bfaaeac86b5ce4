# shellcheck shell=bash
# What the logs of the analysis say, one JSON object a line.

# awk functions for all of them. Keys are flat, and no value that is asked for has a comma in it.
# shellcheck disable=SC2016 # the dollars are awk's
read_fields='
function field(key,    at, rest) {
  at = index($0, "\"" key "\":")
  if (at == 0) return ""
  rest = substr($0, at + length(key) + 3)
  sub(/[,}].*/, "", rest)
  gsub(/"/, "", rest)
  return rest
}
function end_of(side,    host) {
  host = field("id." side "_h")
  if (index(host, ":")) host = "[" host "]"
  return field("proto") == "icmp" ? host : host ":" field("id." side "_p")
}'

show_flows() {
  local logs=$1
  [[ -s $logs/conn.log ]] || return 0
  show_top_flows "$logs/conn.log"
  show_services "$logs/conn.log"
  [[ ! -s $logs/tunnel.log ]] || show_tunnels "$logs/tunnel.log"
  [[ ! -s $logs/weird.log ]] || show_weirds "$logs/weird.log"
}

# Ordered by IP bytes of both ways.
show_top_flows() {
  printf '\n%-26s %-26s %-5s %-6s %10s %12s %12s\n' "top flows: originator" responder proto state seconds \
    "bytes sent" received
  # shellcheck disable=SC2016
  awk "$read_fields"'
    { sent = field("orig_ip_bytes"); got = field("resp_ip_bytes")
      printf "%.0f %-26s %-26s %-5s %-6s %10.3f %12d %12d\n", sent + got, end_of("orig"), end_of("resp"),
        field("proto"), field("conn_state"), field("duration"), sent, got }' "$1" |
    sort -k 1,1nr | cut -d ' ' -f 2- | sed -n 1,10p
}

# By what the responder listens on.
show_services() {
  printf '\n%-16s %12s %16s\n' "top services" flows "IP bytes"
  # shellcheck disable=SC2016
  awk "$read_fields"'
    { name = field("proto") == "icmp" ? "icmp" : field("proto") "/" field("id.resp_p")
      ++flows[name]; bytes[name] += field("orig_ip_bytes") + field("resp_ip_bytes") }
    END { for (name in flows) printf "%-16s %12d %16.0f\n", name, flows[name], bytes[name] }' "$1" |
    sort -k 3,3nr | sed -n 1,10p
}

# A tunnel is a flow of packets that carry others; two ends may have many.
show_tunnels() {
  printf '\n%-16s %8s  %s\n' tunnels count between
  # shellcheck disable=SC2016
  awk "$read_fields"'
    field("action") == "Tunnel::DISCOVER" {
      name = field("tunnel_type"); sub(/^Tunnel::/, "", name)
      one = field("id.orig_h"); other = field("id.resp_h")
      ++count[sprintf("%-16s|%s and %s", name, one < other ? one : other, one < other ? other : one)] }
    END { for (row in count) { split(row, part, "|"); printf "%s %8d  %s\n", part[1], count[row], part[2] } }' "$1" |
    sort -k 2,2nr
}

show_weirds() {
  printf '\n%-38s %12s\n' "what breaks the rules" times
  # shellcheck disable=SC2016
  awk "$read_fields"'
    { ++count[field("name")] }
    END { for (name in count) printf "%-38s %12d\n", name, count[name] }' "$1" | sort -k 2,2nr
}
