# shellcheck shell=bash disable=SC2154 # the variables of scripts/run and network.sh
# Real clients in the client's namespace, each in a loop as long as the run lives.

client_loops=()

start_clients() {
  repeat 0.1 browse
  repeat 0.1 browse_encrypted
  repeat 0.1 resolve_names
  repeat 0.5 log_in
  repeat 0.5 echo_requests
  repeat 0.1 transfer_in_bulk
  [[ -z ${has_tunnel-} ]] || repeat 0.1 work_in_the_tunnel
}

# repeat SECONDS FUNCTION: the pause keeps a client that fails from spinning.
repeat() {
  loop "$@" >>"$workspace/clients.log" 2>&1 </dev/null &
  client_loops+=("$!")
  disown
}

loop() {
  trap - INT TERM EXIT
  set +e
  while kill -0 $$; do
    "$2"
    sleep "$1"
  done
}

stop_clients() {
  local pid
  for pid in "${client_loops[@]}"; do
    kill -TERM "$pid" 2>/dev/null || true
  done
}

client() { ip netns exec "$network-a" "$@"; }

fetch() {
  client curl --silent --show-error --max-time 5 --output /dev/null "$@"
}

browse() {
  fetch --resolve "web.example.test:80:$server_ipv4" http://web.example.test/ http://web.example.test/data.bin
  fetch --resolve "web.example.test:80:[$server_ipv6]" http://web.example.test/ http://web.example.test/missing
}

browse_encrypted() {
  local trust=(--cacert "$workspace/tls.crt")
  fetch "${trust[@]}" --resolve "web.example.test:443:$server_ipv4" --tls-max 1.2 https://web.example.test/
  fetch "${trust[@]}" --resolve "web.example.test:443:[$server_ipv6]" https://web.example.test/data.bin
}

resolve_names() {
  local ask=(client dig +time=2 +tries=1)
  "${ask[@]}" "@$server_ipv4" web.example.test A
  "${ask[@]}" "@$server_ipv6" web.example.test AAAA
  "${ask[@]}" "@$server_ipv4" example.test MX +tcp
  "${ask[@]}" "@$server_ipv4" example.test TXT
  "${ask[@]}" "@$server_ipv6" absent.invalid A
}

log_in() {
  client ssh -F none -i "$workspace/client_key" -o BatchMode=yes -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=5 "root@$server_ipv4" uptime
}

echo_requests() {
  client ping -c 2 -i 0.2 -W 1 "$server_ipv4"
  client ping -c 2 -i 0.2 -W 1 "$server_ipv6"
}

transfer_in_bulk() {
  client iperf3 --client "$server_ipv4" --bitrate 100M --time 3
  client iperf3 --client "$server_ipv6" --bitrate 100M --time 3 --reverse
}

work_in_the_tunnel() {
  fetch --resolve "web.example.test:80:$tunnel_server_ipv4" http://web.example.test/data.bin
  fetch --resolve "web.example.test:80:[$tunnel_server_ipv6]" http://web.example.test/
  client dig +time=2 +tries=1 "@$tunnel_server_ipv4" web.example.test A
  client ping -c 2 -i 0.2 -W 1 "$tunnel_server_ipv4"
}
